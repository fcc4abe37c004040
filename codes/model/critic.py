"""Features of a finished sketch to the log odds that a person finished it, and not our decoder.

Of the best possible critic these are the log ratio of the two densities (Goodfellow et al. 2014, proposition 1), which
tells the candidates that people draw more often than the decoder does (Azadi et al. 2019, section 3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.cells import drop
from codes.model.config import CriticConfig


class Shared(nn.Module):
    """Features to log odds by way of hidden units that learned from all categories' drawings.

    Before it has learned anything it says nothing: its odds are 0.
    """

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.inner = nn.Linear(config.features, config.hidden)
        self.outer = nn.Linear(config.hidden, config.categories)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, features: Tensor, dropout: float = 0.0, rng: torch.Generator | None = None) -> Tensor:
        """``[N, F]`` to ``[N, categories]``; a share of features and of units is dropped where there is a generator."""
        hidden = torch.relu(self.inner(drop(features, dropout, rng)))
        odds: Tensor = self.outer(drop(hidden, dropout, rng))
        return odds


class Critic(nn.Module):
    """Two opinions over the features of the shared encoder, whose mean counts.

    One is a row for each category, which knows nothing of the others; the other has hidden units that all share. They
    are wrong about different drawings, and of many candidates the one that only one of them likes is often a mistake.
    """

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Linear(config.features, config.categories)
        self.shared = Shared(config)

    def forward(self, features: Tensor) -> Tensor:
        """``[N, F]`` to log odds ``[N, categories]``, in nats, each for a sketch that was finished as that category."""
        odds: Tensor = (self.rows(features) + self.shared(features)) / 2
        return odds
