"""Make drawings of nothing, from which a router learns what to refuse: scribbles, dots, letters, tangles and figures.

All functions are pure functions of a random generator. Each kind returns polylines in units of its own; the result is
simplified as Quick, Draw! does it and fills its box of 255 pixels.
"""

from __future__ import annotations

import string
from collections.abc import Callable

import numpy as np

from codes.data.store_writer import as_int16
from codes.strokes.geometry import simplify_like_quickdraw
from codes.strokes.stroke3 import Floats, PixelStroke3, Polylines, from_polylines

Random = np.random.Generator
PAPER_SIDE = 200.0  # side of the square in which scribbles and dots are placed, before simplification
FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "STIXGeneral")
MAX_ROWS = 200


def synthetic_negatives(count: int, seed: int) -> list[PixelStroke3]:
    """Return ``count`` drawings, the kinds in turn, as int16 stroke-3 in Quick, Draw! pixels.

    Equal seeds give equal drawings.
    """
    rng = np.random.default_rng(seed)
    kinds = (scribble, dots, letters, tangle, figure)
    drawn: list[PixelStroke3] = []
    while len(drawn) < count:
        rows = _rows(kinds[len(drawn) % len(kinds)](rng))
        if 1 <= len(rows) <= MAX_ROWS:
            drawn.append(rows)
    return drawn


def _rows(lines: Polylines) -> PixelStroke3:
    points, _ = from_polylines(simplify_like_quickdraw(lines))
    return as_int16(points)


def scribble(rng: Random) -> Polylines:
    """Return one to four strokes of a pen that keeps turning at random."""
    return [_wandering(rng, int(rng.integers(20, 120))) for _ in range(rng.integers(1, 5))]


def _wandering(rng: Random, steps: int) -> Floats:
    turning = np.cumsum(rng.normal(0, rng.uniform(0.05, 0.6), steps)) * 0.3 + rng.normal(0, 0.2)
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(turning)
    moves = rng.uniform(4, 10) * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    return rng.uniform(0, PAPER_SIDE, 2) + np.cumsum(moves, axis=0)


def dots(rng: Random) -> Polylines:
    """Return up to two dozen dots and short dashes."""
    places = rng.uniform(0, PAPER_SIDE, (int(rng.integers(2, 24)), 2))
    return [place + rng.normal(0, rng.uniform(1, 8), (int(rng.integers(2, 5)), 2)) for place in places]


def letters(rng: Random) -> Polylines:
    """Return random letters and digits as outlines of a printed font, a little slanted."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    word = "".join(rng.choice(list(string.ascii_letters + string.digits), rng.integers(1, 7)))
    path = TextPath((0, 0), word, size=60, prop=FontProperties(family=str(rng.choice(FONTS))))
    slant = np.array([[1.0, 0.0], [rng.uniform(-0.4, 0.4), -1.0]])
    return [np.asarray(outline) @ slant for outline in path.to_polygons(closed_only=False)]


def tangle(rng: Random) -> Polylines:
    """Return moves of all lengths in any direction, like a sketch whose rows were shuffled."""
    at, lines = np.zeros(2), []
    for _ in range(rng.integers(2, 9)):
        lengths = rng.lognormal(2.8, 0.9, (int(rng.integers(2, 14)), 1))
        heading = rng.uniform(0, 2 * np.pi, len(lengths))
        line = at + np.cumsum(lengths * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
        at = line[-1] + rng.normal(0, 40, 2)
        lines.append(line)
    return lines


def figure(rng: Random) -> Polylines:
    """Return a spiral, zigzag, star, staircase or grid, turned and squeezed a little, with shaky lines."""
    make: Callable[[Random], Polylines] = (_spiral, _zigzag, _star, _stairs, _grid)[int(rng.integers(5))]
    angle, squeeze = rng.normal(0, 0.2), rng.uniform(0.6, 1.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle) * squeeze, np.cos(angle) * squeeze]])
    return [line @ turn + rng.normal(0, 1.5, line.shape) for line in make(rng)]


def _spiral(rng: Random) -> Polylines:
    angle = np.linspace(0, 2 * np.pi * rng.uniform(2, 6), 100) * rng.choice([-1, 1])
    return [np.abs(angle)[:, None] * 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)]


def _zigzag(rng: Random) -> Polylines:
    teeth = int(rng.integers(4, 16))
    return [np.stack([np.arange(teeth) * rng.uniform(8, 30), np.arange(teeth) % 2 * rng.uniform(20, 120)], axis=1)]


def _star(rng: Random) -> Polylines:
    points = int(rng.choice([5, 7]))
    angle = np.arange(points + 1) * 4 * np.pi / points - np.pi / 2
    return [100 * np.stack([np.cos(angle), np.sin(angle)], axis=1)]


def _stairs(rng: Random) -> Polylines:
    corners = np.arange(int(rng.integers(6, 20)))
    return [np.stack([(corners + 1) // 2 * rng.uniform(15, 40), corners // 2 * rng.uniform(-40, 40)], axis=1)]


def _grid(rng: Random) -> Polylines:
    across, down = rng.integers(2, 6, 2)
    upright = [np.array([[i * 40.0, 0], [i * 40.0, 40.0 * down]]) for i in range(across + 1)]
    return upright + [np.array([[0, i * 40.0], [40.0 * across, i * 40.0]]) for i in range(down + 1)]
