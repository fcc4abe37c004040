"""The critic: the log odds that a sketch was finished by a person and not by our decoder.

The odds of the best possible critic are the ratio of the two densities (Goodfellow et al. 2014, proposition 1): they
are high for what people draw more often than the decoder does, so they rank candidates (Azadi et al. 2019, section 3).
Knows features of the shared encoder and of added strokes; knows no sketches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.config import CriticConfig
from codes.model.lstm import drop
from codes.model.router import Classifier

DROPOUT = 0.5  # share of features, and of units, that are dropped while the shared classifier is trained
INK_DROPOUT = 0.2  # the same for the two scorers of ink
MAX_DEVIATIONS = 6.0  # a feature of ink that is farther from its mean counts as this far


def shared_classifier(config: CriticConfig) -> Classifier:
    """Make a classifier whose hidden units all categories share; before it is trained, all its log odds are 0."""
    shared = Classifier(config.features, config.hidden, config.categories, DROPOUT)
    nn.init.zeros_(shared.outer.weight)
    nn.init.zeros_(shared.outer.bias)
    return shared


class InkScorer(nn.Module):
    """Score features of ink as ink of a category; before it is trained, all its scores are 0.

    Hidden units are shared by all categories. What a category has of its own are four short rows of weights.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, hidden: int, categories: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.inner = nn.Linear(features, hidden)
        self.outer = nn.Linear(hidden, 1)
        self.shifts = nn.Embedding(categories, hidden)
        self.hidden_rows = nn.Embedding(categories, hidden)
        self.rows = nn.Embedding(categories, features)
        for weight in (self.outer.weight, *(each.weight for each in (self.shifts, self.hidden_rows, self.rows))):
            nn.init.zeros_(weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, features: Tensor, labels: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map features ``[M, F]`` of ink of the categories ``labels [M]`` to scores ``[M]`` in nats."""
        scaled = ((features - self.mean) / self.deviation).clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS)
        scaled = drop(scaled, INK_DROPOUT, rng)
        hidden = drop(torch.relu(self.inner(scaled) + self.shifts(labels)), INK_DROPOUT, rng)
        own = (hidden * self.hidden_rows(labels)).sum(dim=1) + (scaled * self.rows(labels)).sum(dim=1)
        score: Tensor = self.outer(hidden).squeeze(1) + own
        return score


class InkCritic(nn.Module):
    """Judge added strokes by how they meet earlier ink.

    The log odds of a continuation that is still being drawn are the sum of the scores of its strokes, as the density of
    a drawing is the product of the densities of its strokes, each given what was there before. When it is over, a score
    of all its strokes together is added.
    """

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.strokes = InkScorer(config.stroke_features, config.ink_hidden, config.categories)
        self.whole = InkScorer(config.summary_features, config.ink_hidden, config.categories)

    def forward(self, strokes: Tensor, counts: Tensor, summaries: Tensor, labels: Tensor) -> Tensor:
        """Return the log odds ``[N]`` that people finished sketches.

        Args:
            strokes: features ``[S, F]`` of added strokes, sketch by sketch.
            counts: ``[N]``, added strokes of each sketch.
            summaries: features ``[N, G]`` of all added strokes of a sketch together.
            labels: ``[N]``, the category that each sketch was finished as.
        """
        whole: Tensor = self.whole(summaries, labels)
        return self.partial(strokes, counts, labels) + whole

    def partial(self, strokes: Tensor, counts: Tensor, labels: Tensor) -> Tensor:
        """Return the log odds ``[N]`` that people drew the strokes that were added so far; see :meth:`forward`."""
        scores = self.strokes(strokes, labels.repeat_interleave(counts))
        sketch = torch.arange(len(counts)).repeat_interleave(counts)
        return torch.zeros(len(counts)).index_add(0, sketch, scores)


class Critic(nn.Module):
    """Judge a finished sketch by the features of the shared encoder, and its added strokes by the ink before them.

    The features go through two classifiers, of which the mean counts. One has a row of weights for each category,
    independent of the others; the other has hidden units that all categories share. They are wrong about different
    drawings: of many candidates, one that only one of them ranks high is often a mistake.
    """

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Linear(config.features, config.categories)
        self.shared = shared_classifier(config)
        self.ink = InkCritic(config) if config.sees_ink else None

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``[N, F]`` to log odds ``[N, categories]`` in nats, each as if that category was to be drawn."""
        odds: Tensor = (self.rows(features) + self.shared(features)) / 2
        return odds
