"""The critic: the log odds that a finished sketch was finished by a person and not by our decoder.

The odds of the best possible critic are the ratio of the two densities (Goodfellow et al. 2014, proposition 1): they
are high for what people draw more often than the decoder does, so they rank candidates (Azadi et al. 2019, section 3).
Knows features of the shared encoder; knows no sketches.
"""

from __future__ import annotations

from torch import Tensor, nn

from codes.model.config import CriticConfig
from codes.model.router import Classifier

DROPOUT = 0.5  # share of features, and of units, that are dropped while the shared classifier is trained


def shared_classifier(config: CriticConfig) -> Classifier:
    """Make a classifier whose hidden units all categories share; before it is trained, all its log odds are 0."""
    shared = Classifier(config.features, config.hidden, config.categories, DROPOUT)
    nn.init.zeros_(shared.outer.weight)
    nn.init.zeros_(shared.outer.bias)
    return shared


class Critic(nn.Module):
    """Average two classifiers over the features of the shared encoder.

    One has a row of weights for each category, independent of the others; the other has hidden units that all
    categories share. They are wrong about different drawings: of many candidates, one that only one of them ranks high
    is often a mistake.
    """

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Linear(config.features, config.categories)
        self.shared = shared_classifier(config)

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``[N, F]`` to log odds ``[N, categories]`` in nats, each as if that category was to be drawn."""
        odds: Tensor = (self.rows(features) + self.shared(features)) / 2
        return odds
