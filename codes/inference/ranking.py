"""Of several ways to finish a sketch, the one that is most surely what it was meant to be, and most like a person's.

What a router is sure of is not what a decoder finds likely: a decoder likes what it often saw next, a router what tells
the category from others. So the one proposes and the other chooses. What is chosen for being recognised alone is more
typical than what people draw, and longer; so a critic, which has seen what people and decoders make of the same
beginnings, has its say too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from codes.inference.options import Completion, Route
from codes.model.critic import Critic

CRITIC_WEIGHT = 0.8  # of a nat that the critic finds it likelier by that a person finished a sketch; docs/log.md


class CriticScorer:
    """The critic of a bundle by the names of its categories; of those it has no row for it says nothing.

    A bundle without one has the taste of ``CriticScorer(None, ())``.
    """

    def __init__(self, critic: Critic | None, categories: Sequence[str]) -> None:
        self.critic = critic
        self.rows = {category: row for row, category in enumerate(categories)}

    @torch.no_grad()
    def odds(self, features: Tensor, categories: Sequence[str]) -> list[float]:
        """Log odds that a person finished each of some sketches ``[N, F]``, finished as these ``N`` categories."""
        if self.critic is None:
            return [0.0] * len(categories)
        said = self.critic(features).tolist()
        return [
            row[self.rows[category]] if category in self.rows else 0.0
            for row, category in zip(said, categories, strict=True)
        ]


def router_score(completion: Completion, route: Route) -> float:
    """Log probability that the finished sketch is of its category, "none of these" among what else it may be.

    ``route`` is what the finished sketch itself was recognised as.
    """
    return route.known_score + route.log_probability(completion.category)


def candidate_score(completion: Completion, route: Route, odds: float) -> float:
    """How well a candidate is liked, in nats: :func:`router_score`, and most of the critic's log odds."""
    return router_score(completion, route) + CRITIC_WEIGHT * odds


def best_candidates(completions: Sequence[Completion], likings: Sequence[float], candidates: int) -> list[Completion]:
    """The best liked of each ``candidates`` in a row.

    One that its decoder ended goes before one that was cut off, and one that adds something before one that adds
    nothing: a sketch that is recognised already would else be left as it is.
    """
    rated = [
        (completion.ended and completion.adds, liked, completion)
        for completion, liked in zip(completions, likings, strict=True)
    ]
    groups = (rated[start : start + candidates] for start in range(0, len(rated), candidates))
    return [max(group, key=lambda each: each[:2])[2] for group in groups]
