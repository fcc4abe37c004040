"""Sketches as a model under test sees them: cut short by a rule, padded into batches. Knows no model.

A *cut* turns the sketches of one category into :class:`Prefixes`. :func:`all_cuts` has every cut that is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codes.data.batches import Batch, collate
from codes.data.quickdraw import may_teach_refusal
from codes.data.store import read_labelled
from codes.data.transforms import PREFIX_RULES, Normaliser, PrefixRule, u50_lengths
from codes.errors import BadOption
from codes.strokes.stroke3 import AnyStroke3

FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0)
STROKE_FRACTIONS = (0.1, 0.3, 0.5)
BATCH_SIZE = 200


@dataclass(frozen=True)
class Prefixes:
    """Hold sketches, and how much of each is seen.

    Attributes:
        sketches: stroke-3 in QuickDraw pixels.
        lengths: ``[N]``, how many rows of each are seen.
    """

    sketches: Sequence[AnyStroke3]
    lengths: NDArray[np.int64]

    @classmethod
    def at(cls, sketches: Sequence[AnyStroke3], fraction: float, rule: PrefixRule = "points") -> Prefixes:
        """Cut each sketch to a fraction of its points, strokes or ink."""
        return cls(sketches, np.array([PREFIX_RULES[rule](sketch, fraction) for sketch in sketches], dtype=np.int64))

    @classmethod
    def u50(cls, sketches: Sequence[AnyStroke3]) -> Prefixes:
        """Cut a share uniform in 0 to 50 % off each sketch, see :func:`codes.data.transforms.u50_lengths`."""
        return cls(sketches, u50_lengths(np.array([len(sketch) for sketch in sketches], dtype=np.int64)))

    def rows(self) -> list[AnyStroke3]:
        """Return the rows that are seen of each sketch."""
        return [sketch[:length] for sketch, length in zip(self.sketches, self.lengths.tolist(), strict=True)]


CutFunction = Callable[[Sequence[AnyStroke3]], Prefixes]


def all_cuts() -> dict[str, CutFunction]:
    """Return every cut that routers are tested with, by the name that tables give it."""
    by_strokes = {
        f"{each:.0%} of strokes": partial(Prefixes.at, fraction=each, rule="strokes") for each in STROKE_FRACTIONS
    }
    by_points = {f"{each:.0%}": partial(Prefixes.at, fraction=each) for each in FRACTIONS}
    return {"U50": Prefixes.u50, **by_strokes, **by_points}


def batches_by_length(
    normaliser: Normaliser, sketches: Sequence[AnyStroke3], labels: Sequence[int] | None = None
) -> Iterator[Batch]:
    """Pad all sketches into batches of :data:`BATCH_SIZE`, the shortest first, in model units."""
    order = sorted(range(len(sketches)), key=lambda i: len(sketches[i]))
    labels = labels or [0] * len(sketches)
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        yield collate([normaliser.apply(sketches[i]) for i in chosen], [labels[i] for i in chosen])


def never_learned(data: Path, split: str, learned: Sequence[str]) -> list[AnyStroke3]:
    """Read the sketches of categories that may only test refusal, without those that a router ``learned``.

    Raises:
        BadOption: there are none.
    """
    sketches = [
        rows
        for name, each in read_labelled(data, split).items()
        if not may_teach_refusal(name) and name not in learned
        for rows in each
    ]
    if not sketches:
        raise BadOption(f"{data} has no sketches of a category that may test refusal (its SHA-256 must be odd)")
    return sketches


def select_categories(
    sketches: Mapping[str, Sequence[AnyStroke3]], categories: Sequence[str]
) -> dict[str, Sequence[AnyStroke3]]:
    """Keep the sketches of these categories, in this order.

    Raises:
        BadOption: there are none of one of them.
    """
    if missing := [category for category in categories if not sketches.get(category)]:
        raise BadOption(f"the data has no sketches of {', '.join(missing)}")
    return {category: sketches[category] for category in categories}
