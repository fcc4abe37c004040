"""Keep the best, the median and the worst completion of each category as paths of SVG, small enough for one page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from benchmarks.quality.headline import Figures
from benchmarks.quality.trials import HeadlineTrials, JudgedExample
from codes.strokes.layout import pieces, view_of
from codes.strokes.stroke3 import Floats

SIDE = 100  # of the frame of a drawing; coordinates are whole numbers


def example_figures(trials: Sequence[HeadlineTrials]) -> Figures:
    """Return for each category its best, median and worst completion, each as :func:`drawing_figures` does."""
    return {each.category: [drawing_figures(example) for example in reversed(each.examples)] for each in trials}


def drawing_figures(example: JudgedExample) -> Figures:
    """Return the judge's probability, and the paths of what the person drew and of what was added.

    Paths are the attribute ``d`` in a frame from (0, 0) to (:data:`SIDE`, :data:`SIDE`).
    """
    view = view_of(example.sketch)
    corner = np.array([view.x + view.width / 2, view.y + view.height / 2]) - view.side / 2
    lines = [(piece.own, (piece.line - corner) * (SIDE / view.side)) for piece in pieces(example.sketch)]
    return {
        "probability": example.probability,
        "own": _path(line for own, line in lines if own),
        "added": _path(line for own, line in lines if not own),
    }


def _path(lines: Iterable[Floats]) -> str:
    return "".join(_line(np.rint(line).astype(int).tolist()) for line in lines)


def _line(points: Sequence[Sequence[int]]) -> str:
    """Return one line in steps; steps that move nothing are left out, and a dot is a line of no length."""
    steps = [(x - left, y - top) for (left, top), (x, y) in pairwise(points)]
    moves = " ".join(f"{dx} {dy}" for dx, dy in steps if dx or dy)
    return f"M{points[0][0]} {points[0][1]}" + (f"l{moves}".replace(" -", "-") if moves else "h0")
