"""Small changes that leave a sketch what it is: of size, slant and points. Pure, seeded by the generator given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


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

    def apply(self, points: Points, rng: np.random.Generator) -> Points:
        """A changed copy of stroke-3 rows ``[n, 3]``, float32."""
        changed = drop_points(points, self.drop, rng)
        factors = rng.uniform(1 - self.scale, 1 + self.scale, size=2)
        if rng.random() < self.mirror:
            factors[0] = -factors[0]
        changed[:, :2] *= factors.astype(np.float32)
        if self.rotate:
            changed[:, :2] = rotated(changed[:, :2], rng.uniform(-self.rotate, self.rotate))
        return changed


def rotated(offsets: Points, degrees: float) -> Points:
    """Offsets ``[n, 2]``, x to the right and y downwards, turned clockwise."""
    angle = np.deg2rad(degrees)
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], dtype=np.float32)
    result: Points = offsets @ axes
    return result


def drop_points(points: Points, probability: float, rng: np.random.Generator) -> Points:
    """Leave out points inside strokes; their offsets go to the next point, so every position left stays.

    The first row, the first row of each stroke and every lift stay.
    """
    first_of_stroke = np.concatenate([[1.0], points[:-1, 2]]) == 1
    fixed = first_of_stroke | (points[:, 2] == 1)
    fixed[-1] = True
    kept = np.flatnonzero(fixed | (rng.random(len(points)) >= probability))
    starts = np.concatenate([[0], kept[:-1] + 1])
    offsets = np.add.reduceat(points[:, :2], starts, axis=0)
    return np.column_stack([offsets, points[kept, 2]]).astype(np.float32)
