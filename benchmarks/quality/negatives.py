"""Things that are no drawing of anything: scribbles, dots, outlined letters, and sketches whose rows were shuffled."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from codes.errors import BadSketch
from codes.sketch.geometry import simplify_like_quickdraw
from codes.sketch.stroke3 import AnyStroke3, Polylines, from_polylines

Maker = Callable[[np.random.Generator], Polylines]

SMOOTH = 6  # points over which a scribble's bend is averaged
FONT = "DejaVu Sans"  # comes with matplotlib


def scribble(rng: np.random.Generator) -> Polylines:
    """One to four lines that wander, each of 30 to 150 points."""
    return [_wandering(rng, int(rng.integers(30, 150))) for _ in range(rng.integers(1, 5))]


def _wandering(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    bend = np.convolve(rng.normal(0, 0.5, size=count), np.full(SMOOTH, 1 / SMOOTH), mode="same")
    heading = np.cumsum(bend) + rng.uniform(0, 2 * np.pi)
    steps = np.column_stack([np.cos(heading), np.sin(heading)]) * rng.uniform(2, 8)
    return rng.uniform(0, 255, size=2) + np.cumsum(steps, axis=0)


def dots(rng: np.random.Generator) -> Polylines:
    """Two to fifteen dots."""
    return [rng.uniform(0, 255, size=(1, 2)) for _ in range(rng.integers(2, 16))]


def letters(rng: np.random.Generator) -> Polylines:
    """A word of two to five letters, in outline."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    word = "".join(rng.choice(list(string.ascii_letters), size=rng.integers(2, 6)))
    outline = TextPath((0, 0), word, size=100, prop=FontProperties(family=FONT))
    return [line * [1.0, -1.0] for line in outline.to_polygons(closed_only=False)]


def shuffled(sketches: Sequence[AnyStroke3], count: int, seed: int) -> list[AnyStroke3]:
    """Sketches with their rows in any order but the right one."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(sketches[i]) for i in rng.integers(len(sketches), size=count)]


def made(maker: Maker, count: int, seed: int) -> list[AnyStroke3]:
    """So many of a kind, stroke-3 in Quick, Draw! pixels, simplified as the data is."""
    rng = np.random.default_rng(seed)
    return [from_polylines(simplify_like_quickdraw(maker(rng)))[0] for _ in range(count)]


def oddities(sketches: Sequence[AnyStroke3], count: int, seed: int = 0) -> dict[str, list[AnyStroke3]]:
    """``count`` of each kind, those that are shuffled from ``sketches``."""
    if not sketches:
        raise BadSketch("there are no sketches to shuffle")
    makers: dict[str, Maker] = {"scribbles": scribble, "dots": dots, "letters": letters}
    kinds = {name: made(maker, count, seed) for name, maker in makers.items()}
    return {**kinds, "shuffled": shuffled(sketches, count, seed)}
