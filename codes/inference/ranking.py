"""Choose among several ways to finish a sketch: the one most surely recognised, and most like a person's.

The decoder proposes and the router chooses, since a decoder finds likely what often comes next, and a router what tells
a category from others. A drawing that is chosen for being recognised alone is more typical, and longer, than what
people draw. So a critic, which learned to tell completions by people from completions by decoders, adds its score. It
also sees what the router's features do not tell: how added strokes meet the ink before them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from codes.inference.options import Completion, Route
from codes.inference.router import Pixels, Router, model_input
from codes.model.critic import Critic
from codes.sketch.ink import AddedInk, added_ink
from codes.sketch.stroke3 import Sketch

CRITIC_WEIGHT = 0.8  # of the critic's log odds beside the router's log probability; chosen in docs/log.md


class CriticScorer:
    """Score completions by category name; without a critic, or for a category it has no row for, scores are 0."""

    def __init__(self, critic: Critic | None, categories: Sequence[str]) -> None:
        self.critic = critic
        self.rows = {category: row for row, category in enumerate(categories)}

    @torch.no_grad()
    def log_odds(self, features: Tensor, ink: AddedInk, categories: Sequence[str]) -> list[float]:
        """Return the log odds that a person finished each sketch.

        Args:
            features: ``[N, F]`` of the finished sketches, by the router's encoder.
            ink: what was added to each of the ``N``.
            categories: what each was finished as.
        """
        if self.critic is None:
            return [0.0] * len(categories)
        labels = self._labels(categories)
        odds = self.critic(features).gather(1, labels.unsqueeze(1)).squeeze(1)
        if self.critic.ink:
            odds = odds + self.critic.ink(*_tensors(ink), torch.from_numpy(ink.summaries), labels)
        return self._known(odds, categories)

    @torch.no_grad()
    def partial_log_odds(self, ink: AddedInk, categories: Sequence[str]) -> list[float]:
        """Return the log odds that a person drew what was added so far, of sketches that are still being drawn.

        They are meant for the moments after a pen-up. They are 0 by a critic that does not see the ink.

        Args:
            ink: what was added to each of ``N`` sketches.
            categories: what each of the ``N`` is being finished as.
        """
        if self.critic is None or self.critic.ink is None:
            return [0.0] * len(categories)
        return self._known(self.critic.ink.partial(*_tensors(ink), self._labels(categories)), categories)

    def _labels(self, categories: Sequence[str]) -> Tensor:
        return torch.tensor([self.rows.get(category, 0) for category in categories])

    def _known(self, odds: Tensor, categories: Sequence[str]) -> list[float]:
        """Return the odds, 0 for a category without a row."""
        return [
            value if category in self.rows else 0.0 for value, category in zip(odds.tolist(), categories, strict=True)
        ]


def _tensors(ink: AddedInk) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(ink.strokes), torch.from_numpy(ink.counts)


def candidate_scores(router: Router, critic: CriticScorer, completions: Sequence[Completion]) -> list[float]:
    """Return a score for each completion, in nats; higher is better."""
    inputs, prefix_rows = completions_in_pixels([each.sketch for each in completions])
    scores: list[float] = []
    for features in router.encode(inputs):
        batch = slice(len(scores), len(scores) + len(features))
        some = completions[batch]
        ink = added_ink(inputs[batch], prefix_rows[batch])
        log_odds = critic.log_odds(features.features, ink, [each.category for each in some])
        scores += map(candidate_score, some, router.decide(features), log_odds)
    return scores


def completions_in_pixels(sketches: Sequence[Sketch]) -> tuple[list[Pixels], list[int]]:
    """Return completions as models see them, and how many rows of each are its prefix.

    The prefix is simplified as it was for the decoder that went on from it, once for all completions that begin alike.

    Args:
        sketches: with ``prefix_rows``; one without was drawn from nothing.
    """
    prefixes: dict[tuple[bytes, float, bool], Pixels] = {}
    inputs, prefix_rows = [], []
    for sketch in sketches:
        rows = sketch.prefix_rows or 0
        beginning = (sketch.points[:rows].tobytes(), sketch.unit, sketch.drawn)
        if beginning not in prefixes:
            prefixes[beginning] = model_input(sketch.prefix(rows)) if rows else np.empty((0, 3))
        prefix = prefixes[beginning]
        inputs.append(np.concatenate([prefix, sketch.points[rows:] / [sketch.unit, sketch.unit, 1]]))
        prefix_rows.append(len(prefix))
    return inputs, prefix_rows


def candidate_score(completion: Completion, route: Route, log_odds: float) -> float:
    """Return :func:`router_score` plus the weighted log odds of the critic."""
    return router_score(completion, route) + CRITIC_WEIGHT * log_odds


def router_score(completion: Completion, route: Route) -> float:
    """Return the log probability that the finished sketch is of its category, "none of these" included.

    ``route`` is what the finished sketch itself is recognised as.
    """
    return route.known_score + route.log_probability(completion.category)


def best_candidates(completions: Sequence[Completion], scores: Sequence[float], candidates: int) -> list[Completion]:
    """Return the completion with the highest score of each ``candidates`` in a row.

    A candidate that its decoder ended goes before one that was cut off, and one that adds something before one that
    adds nothing: otherwise a sketch that is recognised already would be left as it is.
    """
    rated = [
        (completion.ended and completion.adds, score, completion)
        for completion, score in zip(completions, scores, strict=True)
    ]
    groups = (rated[start : start + candidates] for start in range(0, len(rated), candidates))
    return [max(group, key=lambda each: each[:2])[2] for group in groups]
