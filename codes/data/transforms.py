"""Change sketches on their way to a model: scale them, augment them, and cut them to prefixes.

This module knows stroke-3 arrays and random generators. It knows no tensors and no model.

The :class:`Normaliser` is the one place where a scale is applied and undone. It is fitted on the training split and
saved with the weights. An :class:`Augmentation` changes size, slant and points a little, as a pure function of a random
generator. A prefix rule turns a share of a sketch into a number of rows to keep. The rows keep their pen states, since
a prefix is not an ended sketch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codes.data.store import PackedSplit
from codes.errors import BadSketch
from codes.strokes.stroke3 import DX, DY, LIFT, OFFSET, AnyStroke3

MAX_CHUNKS = 64


@dataclass(frozen=True)
class Normaliser:
    """Divide offsets by one scale, in QuickDraw pixels; lifts stay as they are.

    The offsets are not centred, so a pen that does not move stays at zero. (Ha and Eck 2017, section 3.1.)
    """

    scale: float

    def apply(self, points: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return a new array ``[..., 3]`` in model units, from one in pixels."""
        out = points.astype(np.float32)
        out[..., OFFSET] /= np.float32(self.scale)
        return out

    def undo(self, points: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return a new array ``[..., 3]`` in pixels, from one in model units."""
        out = points.astype(np.float64)
        out[..., OFFSET] *= self.scale
        return out


def fit_normaliser(split: PackedSplit) -> Normaliser:
    """Return a normaliser whose scale is the standard deviation of the offsets of a split.

    For millions of sketches it is that of an evenly spread sample of rows.

    Raises:
        BadSketch: there are no offsets, or all are equal.
    """
    total = squares = count = 0.0
    for rows in split.chunks(max_chunks=MAX_CHUNKS):
        offsets = rows[:, OFFSET].astype(np.float64)
        total += float(offsets.sum())
        squares += float(np.square(offsets).sum())
        count += offsets.size
    variance = squares / count - (total / count) ** 2 if count else 0.0
    if not variance > 0:
        raise BadSketch("the sketches to train on are all of equal offsets, so they have no scale")
    return Normaliser(scale=float(np.sqrt(variance)))


class RaggedSketches(NamedTuple):
    """Hold sketches of different lengths end to end.

    Attributes:
        rows: ``[N, 3]`` stroke-3, float32.
        lengths: ``[B]`` number of rows of each sketch, at least one; their sum is ``N``.
    """

    rows: NDArray[np.float32]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class Augmentation:
    """Change sketches at random, within these limits.

    Attributes:
        scale: width and height are each multiplied by a number uniform in ``1 - scale`` to ``1 + scale``.
        drop: probability that a point inside a stroke is left out; the line then goes straight to the next point.
        mirror: probability that left and right are swapped.
        rotate: the sketch is turned by an angle uniform in ``-rotate`` to ``rotate`` degrees.
    """

    scale: float = 0.15
    drop: float = 0.1
    mirror: float = 0.0
    rotate: float = 0.0

    def apply(self, sketches: RaggedSketches, rng: np.random.Generator) -> RaggedSketches:
        """Return changed copies; every sketch gets random numbers of its own."""
        rows, lengths = drop_points(sketches, self.drop, rng)
        factors = rng.uniform(1 - self.scale, 1 + self.scale, size=(len(lengths), 2))
        factors[rng.random(len(lengths)) < self.mirror, DX] *= -1
        rows[:, OFFSET] *= np.repeat(factors, lengths, axis=0).astype(np.float32)
        if self.rotate:
            degrees = rng.uniform(-self.rotate, self.rotate, size=len(lengths))
            rows[:, OFFSET] = rotate(rows[:, OFFSET], np.repeat(degrees, lengths))
        return RaggedSketches(rows, lengths)


def rotate(offsets: NDArray[np.float32], degrees: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return offsets ``[N, 2]``, x to the right and y downwards, each turned clockwise by ``degrees [N]``."""
    x, y = offsets.T
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.column_stack([x * cosine - y * sine, x * sine + y * cosine]).astype(np.float32)


def drop_points(sketches: RaggedSketches, probability: float, rng: np.random.Generator) -> RaggedSketches:
    """Drop points inside strokes; their offsets go to the next point, so the other positions do not move.

    The first and the last row of each sketch, the first row of each stroke and every lift stay.
    """
    rows, lengths = sketches
    ends = np.cumsum(lengths) - 1
    lifts = rows[:, LIFT] == 1
    fixed = lifts | np.concatenate([[True], lifts[:-1]])
    fixed[ends] = fixed[ends + 1 - lengths] = True
    kept = np.flatnonzero(fixed | (rng.random(len(rows)) >= probability))
    starts = np.concatenate([[0], kept[:-1] + 1])
    offsets = np.add.reduceat(rows[:, OFFSET], starts, axis=0)
    kept_lengths = np.diff(np.searchsorted(kept, ends, side="right"), prepend=0)
    return RaggedSketches(np.column_stack([offsets, rows[kept, LIFT]]).astype(np.float32), kept_lengths)


PrefixRule = Literal["points", "strokes", "ink"]


def rows_by_points(sketch: AnyStroke3, fraction: float) -> int:
    """Return the number of rows to keep of ``n``: ``max(1, round(fraction * n))``."""
    return max(1, round(fraction * len(sketch)))


def rows_by_strokes(sketch: AnyStroke3, fraction: float) -> int:
    """Return the number of rows of the first ``max(1, round(fraction * s))`` of ``s`` strokes."""
    ends = np.flatnonzero(sketch[:, LIFT]) + 1
    if len(ends) == 0 or ends[-1] != len(sketch):
        ends = np.append(ends, len(sketch))
    return int(ends[max(1, round(fraction * len(ends))) - 1])


def rows_by_ink(sketch: AnyStroke3, fraction: float) -> int:
    """Return the number of rows that draw this share of the length of all lines: at least one, all of them at 1."""
    if fraction >= 1:
        return len(sketch)
    in_air = np.concatenate([[0], sketch[:-1, LIFT]]).astype(bool)
    lengths = np.hypot(sketch[:, DX].astype(np.float64), sketch[:, DY].astype(np.float64))
    drawn = np.cumsum(np.where(in_air, 0.0, lengths))
    return min(len(sketch), int(np.searchsorted(drawn, fraction * drawn[-1] - 1e-9)) + 1)


PREFIX_RULES: dict[PrefixRule, Callable[[AnyStroke3, float], int]] = {
    "points": rows_by_points,
    "strokes": rows_by_strokes,
    "ink": rows_by_ink,
}


def u50_lengths(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the prefix lengths of the rule U50: uniform on the integers from ``round(n / 2)`` to ``n``, at least 1.

    They are drawn in order with seed 0, so that every measurement cuts the same sketches alike, see docs/results.md.
    """
    rng = np.random.default_rng(0)
    kept = [int(rng.integers(round(0.5 * int(n)), int(n), endpoint=True)) for n in lengths]
    return np.maximum(1, np.asarray(kept, dtype=np.int64))
