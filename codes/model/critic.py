"""Features of a finished sketch to the log odds that a person finished it, and not our decoder.

Of the best possible critic these are the log ratio of the two densities (Goodfellow et al. 2014, proposition 1), which
tells the candidates that people draw more often than the decoder does (Azadi et al. 2019, section 3).
"""

from __future__ import annotations

from torch import Tensor, nn

from codes.model.config import CriticConfig


class Critic(nn.Module):
    """One row for each category, over the features of the shared encoder."""

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Linear(config.features, config.categories)

    def forward(self, features: Tensor) -> Tensor:
        """``[N, F]`` to log odds ``[N, categories]``, in nats, each for a sketch that was finished as that category."""
        odds: Tensor = self.rows(features)
        return odds
