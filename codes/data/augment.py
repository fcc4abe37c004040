"""Small changes that leave a sketch what it is: of size, slant and points. Pure, seeded by the generator given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Flat(NamedTuple):
    """Sketches end to end.

    Attributes:
        rows: ``[N, 3]`` stroke-3, float32.
        lengths: ``[B]`` rows of each sketch, at least one, ``N`` in all.
    """

    rows: NDArray[np.float32]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class Augmentation:
    """How far a sketch may be changed.

    Attributes:
        scale: width and height are each multiplied by a number uniform in ``1 - scale`` to ``1 + scale``.
        drop: probability that a point inside a stroke is left out; the line then goes straight on to the next.
        mirror: probability that the sketch is turned left to right.
        rotate: degrees; the sketch is turned by an angle uniform in ``-rotate`` to ``rotate``.
    """

    scale: float = 0.15
    drop: float = 0.1
    mirror: float = 0.0
    rotate: float = 0.0

    def apply(self, sketches: Flat, rng: np.random.Generator) -> Flat:
        """Changed copies, each sketch by numbers of its own."""
        rows, lengths = drop_points(sketches, self.drop, rng)
        factors = rng.uniform(1 - self.scale, 1 + self.scale, size=(len(lengths), 2))
        factors[rng.random(len(lengths)) < self.mirror, 0] *= -1
        rows[:, :2] *= np.repeat(factors, lengths, axis=0).astype(np.float32)
        if self.rotate:
            degrees = rng.uniform(-self.rotate, self.rotate, size=len(lengths))
            rows[:, :2] = rotated(rows[:, :2], np.repeat(degrees, lengths))
        return Flat(rows, lengths)


def rotated(offsets: NDArray[np.float32], degrees: NDArray[np.float64]) -> NDArray[np.float32]:
    """Offsets ``[N, 2]``, x to the right and y downwards, each turned clockwise by ``degrees [N]``."""
    x, y = offsets.T
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.column_stack([x * cosine - y * sine, x * sine + y * cosine]).astype(np.float32)


def drop_points(sketches: Flat, probability: float, rng: np.random.Generator) -> Flat:
    """Leave out points inside strokes; their offsets go to the next point, so every position left stays.

    The first and the last row of each sketch, the first row of each stroke and every lift stay.
    """
    rows, lengths = sketches
    ends = np.cumsum(lengths) - 1
    lifts = rows[:, 2] == 1
    fixed = lifts | np.concatenate([[True], lifts[:-1]])
    fixed[ends] = fixed[ends + 1 - lengths] = True
    kept = np.flatnonzero(fixed | (rng.random(len(rows)) >= probability))
    starts = np.concatenate([[0], kept[:-1] + 1])
    offsets = np.add.reduceat(rows[:, :2], starts, axis=0)
    left = np.diff(np.searchsorted(kept, ends, side="right"), prepend=0)
    return Flat(np.column_stack([offsets, rows[kept, 2]]).astype(np.float32), left)
