"""Generated sketches with the lengths of QuickDraw's; knows stroke-3 in pixels, knows no models.

They look like scribbles and teach nothing: only how many rows a sketch has matters to speed and to memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codes.data.store import Store
from codes.data.store_writer import pack
from codes.sketch.stroke3 import PixelStroke3

SHORTEST, LONGEST = 5, 150
MEAN_ROWS, SPREAD = 45.0, 0.5  # of a log-normal law; what is cut off at either end changes the mean little
ROWS_A_STROKE = 9
TOGETHER = 4096  # sketches drawn by one call of each random law


def doodles(count: int, seed: int = 0) -> Iterator[PixelStroke3]:
    """``count`` stroke-3 sketches ``[n, 3]`` int16 in pixels, one at a time; a few thousand are held at once."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, TOGETHER):
        lengths = rows_of_sketches(min(TOGETHER, count - start), rng)
        ends = np.cumsum(lengths)
        yield from np.split(_scribble(ends, rng), ends[:-1])


def rows_of_sketches(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How many rows each sketch has: log-normal, from 5 to 150, about 45 on average."""
    drawn = rng.lognormal(np.log(MEAN_ROWS) - SPREAD**2 / 2, SPREAD, size=count)
    return np.clip(np.rint(drawn), SHORTEST, LONGEST).astype(np.int64)


def _scribble(ends: NDArray[np.int64], rng: np.random.Generator) -> PixelStroke3:
    """Sketches end to end: strokes that bend slowly, longer moves through the air between them."""
    total = int(ends[-1])
    lifts = rng.random(total) < 1 / ROWS_A_STROKE
    lifts[ends - 1] = True
    in_air = np.concatenate([[False], lifts[:-1]])
    heading = np.cumsum(rng.normal(0.0, 0.5, size=total) + in_air * rng.uniform(-np.pi, np.pi, size=total))
    reach = rng.gamma(2.0, 12.0, size=total) * np.where(in_air, 3.0, 1.0)
    offsets = np.rint(np.stack([np.cos(heading), np.sin(heading)], axis=1) * reach[:, None])
    return np.column_stack([offsets, lifts]).astype(np.int16)


def write_store(folder: Path, sketches: int, categories: int = 5, seed: int = 0) -> Store:
    """Pack a store whose split ``train`` holds this many sketches in all, alike by category, and a small ``valid``."""
    names = [f"doodle {number}" for number in range(categories)]
    train = {name: doodles(sketches // categories, seed * 1000 + i) for i, name in enumerate(names)}
    valid = {name: doodles(20, seed * 1000 + 500 + i) for i, name in enumerate(names)}
    return pack(folder, {"train": train, "valid": valid})
