"""Choose among several ways to finish a sketch: the one most surely recognised, and most like a person's.

The decoder proposes and the router chooses, since a decoder finds likely what often comes next, and a router what tells
a category from others. A drawing that is chosen for being recognised alone is more typical, and longer, than what
people draw. So a critic, which learned to tell completions by people from completions by decoders, adds its score. It
also sees what the router's features do not tell: how added strokes meet the ink before them.

Most first candidates are good already, so candidates are made in two rounds, and the second only where the best of the
first is not :data:`GOOD_ENOUGH`. A few are then chosen about as well as many (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from codes.inference.decoding import Continuation
from codes.inference.options import Route
from codes.inference.router import Pixels, Router
from codes.model.critic import Critic
from codes.strokes.ink import AddedInk, added_ink

CRITIC_WEIGHT = 0.8  # of the critic's log odds beside the router's log probability; chosen in docs/log.md
FIRST_ROUND = 8  # candidates of a variation that are made before any is looked at
GOOD_ENOUGH = -0.5  # nats; five in six whole sketches by people score higher
OFF_PAGE = (
    2.0  # nats; of half sketches on a page of 280 pixels, 10 % are finished beyond it instead of 38 % (docs/log.md)
)


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


@dataclass(frozen=True)
class Candidate:
    """Hold one of the drawings that were made for a variation.

    Attributes:
        drawn: what was added.
        score: of the finished sketch, in nats, see :func:`candidate_scores`; 0 where nothing is chosen among.
        on_page: false if it leaves the page that the sketch lies on.
    """

    drawn: Continuation
    score: float = 0.0
    on_page: bool = True

    @property
    def rank(self) -> tuple[bool, float]:
        """Return what candidates are compared by; the largest is the best.

        One that its decoder ended goes before one that was cut off, and one that adds something before one that adds
        nothing: otherwise a sketch that is recognised already would be left as it is. One that leaves the page has to
        be better by :data:`OFF_PAGE` than one that stays on it.
        """
        return self.drawn.ended and len(self.drawn.points) > 0, self.score - (0.0 if self.on_page else OFF_PAGE)

    @property
    def good_enough(self) -> bool:
        """Return true if no more candidates need to be made."""
        return self.rank >= (True, GOOD_ENOUGH)


def candidate_scores(
    router: Router,
    critic: CriticScorer,
    sketches: Sequence[Pixels],
    prefix_rows: Sequence[int],
    categories: Sequence[str],
) -> list[float]:
    """Return a score for each finished sketch, in nats; higher is better.

    Args:
        router: recognises the sketches.
        critic: says how much each is like what a person would have drawn.
        sketches: as models see them, stroke-3 ``[n, 3]`` in QuickDraw pixels.
        prefix_rows: how many rows of each were there before; 0 for one that was drawn from nothing.
        categories: what each was finished as.
    """
    scores: list[float] = []
    for encoded in router.encode(sketches):
        batch = slice(len(scores), len(scores) + len(encoded))
        ink = added_ink(sketches[batch], prefix_rows[batch])
        log_odds = critic.log_odds(encoded.features, ink, categories[batch])
        scores += map(candidate_score, categories[batch], router.decide(encoded), log_odds)
    return scores


def candidate_score(category: str, route: Route, log_odds: float) -> float:
    """Return :func:`router_score` plus the weighted log odds of the critic."""
    return router_score(category, route) + CRITIC_WEIGHT * log_odds


def router_score(category: str, route: Route) -> float:
    """Return the log probability that the finished sketch is of its category, "none of these" included.

    ``route`` is what the finished sketch itself is recognised as.
    """
    return route.known_score + route.log_probability(category)
