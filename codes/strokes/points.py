"""Make a sketch of points that come from anywhere: lists or arrays, in pixels, millimetres or from 0 to 1.

Knows what people pass and what they may mean by it; knows no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from codes.errors import BadOption, BadSketch
from codes.strokes.geometry import bounds, unit_of_canvas
from codes.strokes.stroke3 import LIFT, Floats, Page, Polylines, Sketch, sketch_from_polylines


def sketch(
    polylines: Iterable[Any],
    canvas: Sequence[float] | None = None,
    category: str | None = None,
    pen_down: bool = False,
) -> Sketch:
    """Return the sketch of these strokes, as a file with the same strokes gives it.

    Args:
        polylines: the strokes in the order in which they were drawn, each a list or an array of positions ``[k, 2]``;
            or one stroke alone. y grows downwards. More columns, such as pressure, are left out.
        canvas: width and height of what it was drawn on, in the same units; or a :class:`Page`, such as another
            sketch's. It tells how large the finished drawing will be, and completions stay on it where they can.
            Without it the size of the drawing itself has to do.
        category: what it shows, if known.
        pen_down: true if the last stroke is not finished.

    Raises:
        BadSketch: there is no point, or something is no list of positions.
        BadOption: the canvas has no width or no height.
    """
    lines = _strokes(polylines)
    page = _page(canvas)
    unit = unit_of_canvas(bounds(lines), (page.width, page.height) if page else None)
    made = sketch_from_polylines(lines, unit=unit, drawn=True, category=category, page=page)
    if not pen_down:
        return made
    points = np.array(made.points)
    points[-1, LIFT] = 0.0
    return replace(made, points=points)


def _strokes(polylines: Iterable[Any]) -> Polylines:
    if isinstance(polylines, str | bytes) or not isinstance(polylines, Iterable):
        raise BadSketch(f"strokes are lists of positions, not {polylines!r}")
    strokes = list(polylines)
    if strokes and all(np.ndim(each) == 1 and np.size(each) in (2, 3) for each in strokes):
        strokes = [strokes]
    return [_line(number, each) for number, each in enumerate(strokes) if np.size(each)]


def _line(number: int, stroke: Any) -> Floats:
    try:
        line = np.asarray(stroke, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadSketch(f"stroke {number} is no list of positions [x, y]") from error
    if line.ndim == 2 and len(line) == 2 and line.shape[1] > 3:
        raise BadSketch(f"stroke {number} has shape {line.shape}; if it is [all x, all y], turn it round with .T")
    if line.ndim != 2 or line.shape[1] < 2:
        raise BadSketch(f"stroke {number} has shape {line.shape}, not [k, 2]: a list of positions [x, y]")
    if not np.isfinite(line[:, :2]).all():
        raise BadSketch(f"stroke {number} has a position that is not finite")
    return line[:, :2]


def _page(canvas: Sequence[float] | None) -> Page | None:
    if canvas is None or isinstance(canvas, Page):
        return canvas
    try:
        width, height = (float(side) for side in canvas)
    except (TypeError, ValueError) as error:
        raise BadOption(f"a canvas is its width and its height, not {canvas!r}") from error
    if not (0 < width < np.inf and 0 < height < np.inf):
        raise BadOption(f"a canvas has a width and a height above 0, not {canvas!r}")
    return Page(0.0, 0.0, width, height)
