"""Choose among several ways to finish a sketch: the one most surely recognised, and most like a person's.

The decoder proposes and the router chooses, since a decoder finds likely what often comes next, and a router what tells
a category from others. A drawing that is chosen for being recognised alone is more typical, and longer, than what
people draw. So a critic, which learned to tell completions by people from completions by decoders, adds its score.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from codes.inference.options import Completion, Route
from codes.inference.router import Router, model_input
from codes.model.critic import Critic

CRITIC_WEIGHT = 0.8  # of the critic's log odds beside the router's log probability; chosen in docs/log.md


class CriticScorer:
    """Score finished sketches by category name; without a critic, or for a category it has no row for, scores are 0."""

    def __init__(self, critic: Critic | None, categories: Sequence[str]) -> None:
        self.critic = critic
        self.rows = {category: row for row, category in enumerate(categories)}

    @torch.no_grad()
    def log_odds(self, features: Tensor, categories: Sequence[str]) -> list[float]:
        """Return the log odds that a person finished each sketch.

        Args:
            features: ``[N, F]`` of the finished sketches, by the router's encoder.
            categories: what each of the ``N`` was finished as.
        """
        if self.critic is None:
            return [0.0] * len(categories)
        table = self.critic(features).tolist()
        return [
            row[self.rows[category]] if category in self.rows else 0.0
            for row, category in zip(table, categories, strict=True)
        ]


def candidate_scores(router: Router, critic: CriticScorer, completions: Sequence[Completion]) -> list[float]:
    """Return a score for each completion, in nats; higher is better."""
    rest = iter(completions)
    scores: list[float] = []
    for features in router.encode([model_input(each.sketch) for each in completions]):
        some = list(islice(rest, len(features)))
        log_odds = critic.log_odds(features.features, [each.category for each in some])
        scores += map(candidate_score, some, router.decide(features), log_odds)
    return scores


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
