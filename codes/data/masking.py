"""Complete sketches to incomplete ones: knows where to cut, knows no model.

A law turns a share of a sketch into a number of rows to keep; the rest is cut off. What is kept keeps its pen
states: a prefix is not an ended sketch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.generic]
Law = Literal["points", "strokes", "ink"]


def rows_by_points(sketch: Rows, fraction: float) -> int:
    """The first ``max(1, round(f n))`` of ``n`` rows."""
    return max(1, round(fraction * len(sketch)))


def rows_by_strokes(sketch: Rows, fraction: float) -> int:
    """The first ``max(1, round(f s))`` of ``s`` strokes, whole."""
    ends = np.flatnonzero(sketch[:, 2]) + 1
    if len(ends) == 0 or ends[-1] != len(sketch):
        ends = np.append(ends, len(sketch))
    return int(ends[max(1, round(fraction * len(ends))) - 1])


def rows_by_ink(sketch: Rows, fraction: float) -> int:
    """As many rows as lay down this share of the length of all pen-down lines, at least one; all of them at 1."""
    if fraction >= 1:
        return len(sketch)
    in_air = np.concatenate([[0], sketch[:-1, 2]]).astype(bool)
    lengths = np.hypot(sketch[:, 0].astype(np.float64), sketch[:, 1].astype(np.float64))
    drawn = np.cumsum(np.where(in_air, 0.0, lengths))
    return min(len(sketch), int(np.searchsorted(drawn, fraction * drawn[-1] - 1e-9)) + 1)


LAWS: dict[Law, Callable[[Rows, float], int]] = {
    "points": rows_by_points,
    "strokes": rows_by_strokes,
    "ink": rows_by_ink,
}


def seed_law_lengths(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows kept under the seed's law (U50): uniform on the integers from round(n / 2) to n, in order, seed 0.

    At least one row is kept. The same cut for everyone who measures, see docs/results.md.
    """
    rng = np.random.default_rng(0)
    kept = [int(rng.integers(round(0.5 * int(n)), int(n), endpoint=True)) for n in lengths]
    return np.maximum(1, np.asarray(kept, dtype=np.int64))
