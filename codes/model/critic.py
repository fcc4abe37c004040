"""Features of a finished sketch to the log odds that a person finished it, and not our decoder.

Of the best possible critic these are the log ratio of the two densities (Goodfellow et al. 2014, proposition 1), which
tells the candidates that people draw more often than the decoder does (Azadi et al. 2019, section 3).
"""

from __future__ import annotations

from torch import Tensor, nn

from codes.model.config import CriticConfig
from codes.model.router import Classifier

DROPOUT = 0.5  # share of features, and of units, that are dropped while the shared opinion is learned


def shared_opinion(config: CriticConfig) -> Classifier:
    """Features to log odds by way of hidden units that all categories share; before it learns, all odds are 0."""
    shared = Classifier(config.features, config.hidden, config.categories, DROPOUT)
    nn.init.zeros_(shared.outer.weight)
    nn.init.zeros_(shared.outer.bias)
    return shared


class Critic(nn.Module):
    """Two opinions over the features of the shared encoder, whose mean counts.

    One is a row for each category, which knows nothing of the others; the other has hidden units that all share. They
    are wrong about different drawings, and of many candidates the one that only one of them likes is often a mistake.
    """

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Linear(config.features, config.categories)
        self.shared = shared_opinion(config)

    def forward(self, features: Tensor) -> Tensor:
        """``[N, F]`` to log odds ``[N, categories]``, in nats, each for a sketch that was finished as that category."""
        odds: Tensor = (self.rows(features) + self.shared(features)) / 2
        return odds
