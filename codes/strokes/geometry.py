"""Measure, resample and simplify drawings, the last as Google did it for Quick, Draw!.

This module knows polylines and sketches. It knows no files, no pixels on a screen and no models.

The rule that turns raw drawings into the published simplified ones was recovered from pairs of both. Shift to 0 and
scale so that the longest side is 255. Walk each stroke in steps of 1 pixel and keep its last point. Apply
Ramer-Douglas-Peucker with epsilon 2, measured from the *infinite* line through both ends. Round to integers, halves to
even. A stroke of one point becomes two equal ones. Where two points of a stroke lie equally far from a chord, rounding
errors decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from codes.errors import BadSketch
from codes.strokes.stroke3 import LIFT, OFFSET, Floats, Polylines, Sketch, from_polylines

QUICKDRAW_SIDE = 255.0
QUICKDRAW_SPACING = 1.0
QUICKDRAW_EPSILON = 2.0

# A longer line than this many pixels is no drawing; wider steps then bound time and memory.
MAX_SAMPLES = 50_000

# Quick, Draw! pixels along the longest side of the canvas of a sketch, and of a half-drawn sketch without a canvas.
CANVAS_PIXELS = 280.0
BOUNDS_PIXELS = 200.0
# A drawing smaller than this share of its canvas is meant to be small: the canvas says nothing about its scale.
MIN_SHARE_OF_CANVAS = 0.15


class Bounds(NamedTuple):
    """Hold the smallest upright rectangle around a drawing; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Return the distance from the leftmost to the rightmost point."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the distance from the highest to the lowest point."""
        return self.bottom - self.top

    @property
    def longest(self) -> float:
        """Return the longer of the two sides."""
        return max(self.width, self.height)


def bounds(polylines: Sequence[Floats]) -> Bounds:
    """Return the rectangle around all points.

    Raises:
        BadSketch: there is no point.
    """
    positions = _all_points(polylines)
    (left, top), (right, bottom) = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
    return Bounds(left, top, right, bottom)


def room_of(sketch: Sketch) -> Bounds | None:
    """Return the page of a sketch in Quick, Draw! pixels from its origin, a pixel wider; None if it has no page."""
    if sketch.page is None:
        return None
    (x, y), page, unit = sketch.origin, sketch.page, sketch.unit
    left, top = (page.left - x) / unit - 1, (page.top - y) / unit - 1
    return Bounds(left, top, left + page.width / unit + 2, top + page.height / unit + 2)


def resample(line: Floats, spacing: float) -> Floats:
    """Return points at equal steps along the line, then its last point; ``[k, 2]`` to ``[m, 2]``.

    A line without length becomes its first and last point.
    """
    steps = np.hypot(*np.diff(line, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    if travelled[-1] == 0:
        return line[[0, -1]]
    marks = np.arange(0.0, travelled[-1], spacing)
    segment = np.clip(np.searchsorted(travelled, marks, side="right") - 1, 0, len(steps) - 1)
    share = ((marks - travelled[segment]) / np.where(steps > 0, steps, 1.0)[segment])[:, None]
    return np.vstack([line[segment] * (1 - share) + line[segment + 1] * share, line[-1:]])


def ramer_douglas_peucker(line: Floats, epsilon: float) -> Floats:
    """Return the points of ``line`` that keep it within ``epsilon``; the first and the last always stay.

    (Ramer 1972; Douglas and Peucker 1973.)
    """
    keep = np.zeros(len(line), dtype=bool)
    keep[[0, -1]] = True
    x, y = np.ascontiguousarray(line[:, 0]), np.ascontiguousarray(line[:, 1])
    spans = [(0, len(line) - 1)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        distances = _distances_from_chord(x[start : end + 1], y[start : end + 1])
        farthest = int(distances.argmax())
        if distances[farthest] > epsilon:
            middle = start + farthest
            keep[middle] = True
            spans += [(start, middle), (middle, end)]
    return line[keep]


def _distances_from_chord(x: Floats, y: Floats) -> Floats:
    chord_x, chord_y = x[-1] - x[0], y[-1] - y[0]
    away_x, away_y = x - x[0], y - y[0]
    length = np.hypot(chord_x, chord_y)
    # A closed stroke has no chord: it is measured from its first point.
    across = np.abs(chord_x * away_y - chord_y * away_x)
    distances: Floats = across / length if length else np.hypot(away_x, away_y)
    return distances


def simplify_like_quickdraw(polylines: Sequence[Floats]) -> Polylines:
    """Return a whole raw drawing as the simplified Quick, Draw! files hold it: integers from 0 to 255.

    Raises:
        BadSketch: there is no point.
    """
    box = bounds(polylines)
    corner, side = np.array([box.left, box.top]), box.longest or 1.0
    scaled = [(line - corner) * QUICKDRAW_SIDE / side for line in polylines if len(line)]
    return [np.round(line) for line in _simplify_strokes(scaled)]


def simplify_drawn(sketch: Sketch) -> Sketch:
    """Return the sketch as a model sees it: fewer points, in the same units. It is unchanged if ``drawn`` is false.

    Resampling and simplification work in Quick, Draw! pixels (``sketch.unit``), stroke by stroke. Nothing is rescaled
    to 255, since a prefix is not a whole drawing. Every stroke keeps its first and last point, and the last pen state
    stays as it was. A stroke that is a dot becomes two equal points, as in Google's files.

    Raises:
        BadSketch: more than ``MAX_POINTS`` points remain, as in a scribble of very many spikes.
    """
    if not sketch.drawn:
        return sketch
    strokes = sketch.polylines()
    pen_down = bool(sketch.points[-1, LIFT] == 0)
    fewer = _simplify_strokes([line / sketch.unit for line in strokes])
    lines = [_with_exact_ends(line, simplified * sketch.unit) for line, simplified in zip(strokes, fewer, strict=True)]
    if pen_down and len(strokes[-1]) == 1:
        lines[-1] = strokes[-1]
    points, origin = from_polylines(lines)
    points = np.array(points)
    points[-1, LIFT] = 0.0 if pen_down else 1.0
    return replace(sketch, points=points, origin=origin, drawn=False, prefix_rows=None)


def in_quickdraw_pixels(sketch: Sketch) -> Sketch:
    """Return the simplified sketch in units of 1, for files that hold only Quick, Draw! pixels."""
    fewer = simplify_drawn(sketch)
    points = np.column_stack([fewer.points[:, OFFSET] / sketch.unit, fewer.points[:, LIFT]])
    x, y = fewer.origin
    return replace(fewer, points=points, origin=(x / sketch.unit, y / sketch.unit), unit=1.0, page=None)


def unit_of_canvas(box: Bounds, canvas: tuple[float, float] | None) -> float:
    """Guess how many units make one Quick, Draw! pixel, for a drawing in ``box`` on a canvas of (width, height).

    A half-drawn sketch is smaller than a whole one, so the canvas tells more than the drawing: whole sketches fill
    about nine tenths of it. The size of the drawing itself counts only if there is no canvas, if the drawing is larger
    than the canvas, or if it is very small on it.
    """
    side = max(canvas) if canvas else 0.0
    fits = canvas is not None and box.width <= canvas[0] and box.height <= canvas[1]
    if side > 0 and (box.longest == 0 or (fits and box.longest >= MIN_SHARE_OF_CANVAS * side)):
        return side / CANVAS_PIXELS
    return box.longest / BOUNDS_PIXELS or 1.0


def _simplify_strokes(lines: Polylines) -> Polylines:
    """Resample and simplify each stroke; positions are in Quick, Draw! pixels."""
    ink = sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)
    spacing = max(QUICKDRAW_SPACING, ink / MAX_SAMPLES)
    return [_simplify_stroke(line, spacing) for line in lines]


def _simplify_stroke(line: Floats, spacing: float) -> Floats:
    # All points of a straight line lie on its chord, so there is nothing to sample.
    if len(line) <= 2:
        return line[[0, -1]]
    return ramer_douglas_peucker(resample(line, spacing), QUICKDRAW_EPSILON)


def _with_exact_ends(line: Floats, fewer: Floats) -> Floats:
    """Return ``fewer`` with the exact first and last point of ``line``, free of rounding errors."""
    return np.vstack([line[:1], fewer[1:-1], line[-1:]])


def _all_points(polylines: Sequence[Floats]) -> Floats:
    lines = [np.asarray(line, dtype=np.float64) for line in polylines if len(line)]
    if not lines:
        raise BadSketch("the sketch has no points")
    return np.concatenate(lines)
