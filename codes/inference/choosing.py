"""Of several ways to finish a sketch, the one that is most surely what it was meant to be.

What a router is sure of is not what a decoder finds likely: a decoder likes what it often saw next, a router what tells
the category from others. So the one proposes and the other chooses; where the router likes several alike, which is
often once a sketch is recognised, the decoder has a small say, so that what is chosen is not merely typical.
"""

from __future__ import annotations

from collections.abc import Sequence

from codes.inference.options import Completion, Route

SAY = 0.01  # of a nat that the decoder finds a point likelier by; docs/log.md


def likeness(completion: Completion, route: Route) -> float:
    """Log probability that the finished sketch is of its category, "none of these" among what else it may be.

    ``route`` is what the finished sketch itself was recognised as.
    """
    return route.known_score + route.log_probability(completion.category)


def liking(completion: Completion, route: Route) -> float:
    """How well a candidate is liked, in nats: :func:`likeness`, and a little of what its decoder says of each point."""
    added = len(completion.sketch) - (completion.sketch.prefix_rows or 0)
    return likeness(completion, route) + SAY * completion.log_likelihood / (added + 1)


def chosen(completions: Sequence[Completion], routes: Sequence[Route], candidates: int) -> list[Completion]:
    """The best of each ``candidates`` in a row.

    One that its decoder ended goes before one that was cut off, and one that adds something before one that adds
    nothing: a sketch that is recognised already would else be left as it is.
    """
    rated = [
        (completion.ended and completion.adds, liking(completion, route), completion)
        for completion, route in zip(completions, routes, strict=True)
    ]
    groups = (rated[start : start + candidates] for start in range(0, len(rated), candidates))
    return [max(group, key=lambda each: each[:2])[2] for group in groups]
