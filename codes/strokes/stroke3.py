"""Define stroke-3 and the :class:`Sketch`, and convert between stroke-3 and polylines.

This module knows arrays. It knows no files, no pixels on a screen and no models.

stroke-3: ``[n, 3]`` rows ``(dx, dy, lift)``. The pen starts at the sketch's origin, pen down; the origin has no row.
Each row moves the pen by ``(dx, dy)``; ``lift`` is 1 where the pen lifts *after* arriving, so the next row
moves through the air. (Ha and Eck 2017, "A Neural Representation of Sketch Drawings", section 3.1.)

stroke-5: rows ``(dx, dy, down, up, end)``, the form in which models see sketches. The last three are one-hot: the pen
stays down, lifts, or the sketch has ended.

polylines: a list of ``[k, 2]`` arrays of absolute positions, one for each stroke, ``k >= 1``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codes.errors import BadSketch

Floats = NDArray[np.float64]
Polylines = list[Floats]

# Stroke-3 of a sketch, of a data set in whole QuickDraw pixels, and of either.
Stroke3 = NDArray[np.float64]
PixelStroke3 = NDArray[np.int16]
AnyStroke3 = NDArray[np.generic]

# The columns of stroke-3. Stroke-5 begins with the same two, which are the offset.
DX, DY, LIFT = 0, 1, 2
OFFSET = slice(0, 2)
# The other columns of stroke-5.
DOWN, UP, END = 2, 3, 4
PEN = slice(2, 5)

MAX_POINTS = 20_000
MAX_COORDINATE = 1e6


class Page(NamedTuple):
    """Hold the paper that a sketch lies on, in the sketch's units; y grows downwards.

    Attributes:
        left, top, width, height: where it lies and how large it is.
        printed: its width and height as an SVG file says them, such as ``("210mm", "297mm")``; None if nobody does.
    """

    left: float
    top: float
    width: float
    height: float
    printed: tuple[str, str] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Sketch:
    """Hold a drawing in its own units. Two are equal if everything they hold is.

    Attributes:
        points: stroke-3 rows, ``[n, 3]`` float64, read-only, ``1 <= n <= MAX_POINTS``.
        origin: where the pen first touched the paper, in the same units.
        unit: how many of these units make one QuickDraw pixel. The longest side of a whole QuickDraw sketch is 255
            pixels, and in QuickDraw's own files the unit is 1.
        drawn: true for pen positions as a person or a curve gave them, false for points that went through
            QuickDraw's simplification. Drawn sketches are simplified before a model sees them.
        category: the name of what it shows, if known.
        prefix_rows: in a completion, how many of the rows the person drew; None for any other sketch.
        page: the paper that it lies on, if that is known. Completions stay on it where they can.

    Raises:
        BadSketch: the points are no sketch (see :func:`checked`), or the unit, the origin or the page is no finite
            number.
    """

    points: Stroke3
    origin: tuple[float, float] = (0.0, 0.0)
    unit: float = 1.0
    drawn: bool = False
    category: str | None = None
    prefix_rows: int | None = None
    page: Page | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", checked(self.points))
        if not 0 < self.unit < np.inf:
            raise BadSketch(f"a Quick, Draw! pixel must be more than 0 units, not {self.unit}")
        if not np.isfinite(self.origin).all():
            raise BadSketch("the origin is not finite")
        if self.page and not (np.isfinite(self.page[:4]).all() and min(self.page.width, self.page.height) > 0):
            raise BadSketch(f"a page has a finite place and a width and a height above 0, unlike {self.page[:4]}")

    def __len__(self) -> int:
        return len(self.points)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def __repr__(self) -> str:
        lines = self.polylines()
        width, height = np.ptp(np.concatenate(lines), axis=0).tolist()
        strokes = "1 stroke" if len(lines) == 1 else f"{len(lines)} strokes"
        shows = f" of {self.category!r}" if self.category else ""
        return f"<Sketch{shows}: {strokes}, {len(self)} points, {width:.4g} x {height:.4g}>"

    def _repr_svg_(self) -> str:
        """Return the picture that a notebook shows."""
        from codes.strokes.render import svg_text

        return svg_text(self, paper=True)

    def __reduce__(self) -> tuple[type[Sketch], tuple[Any, ...]]:
        return Sketch, (self.points, *self._others())

    def _value(self) -> tuple[Any, ...]:
        return self.points.tobytes(), *self._others()

    def _others(self) -> tuple[Any, ...]:
        return self.origin, self.unit, self.drawn, self.category, self.prefix_rows, self.page

    def prefix(self, rows: int) -> Sketch:
        """Return the first ``rows`` rows with their pen states as drawn, since a prefix is not an ended sketch."""
        return replace(self, points=self.points[:rows], prefix_rows=None)

    def polylines(self) -> Polylines:
        """Return the strokes as absolute positions, the first segment included."""
        return to_polylines(self.points, self.origin)


def checked(points: Any) -> Stroke3:
    """Return ``points`` as a read-only ``[n, 3]`` float64 array, after checking that they are a sketch.

    Raises:
        BadSketch: there are no rows or too many, the shape is wrong, an offset is NaN or too large, or a lift is
            neither 0 nor 1.
    """
    try:
        rows = np.array(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadSketch("the points are not a table of numbers") from error
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise BadSketch(f"a sketch is a table of rows (dx, dy, lift), not an array of shape {rows.shape}")
    if len(rows) == 0:
        raise BadSketch("the sketch has no points")
    if len(rows) > MAX_POINTS:
        raise BadSketch(f"the sketch has {len(rows)} points; at most {MAX_POINTS} are taken")
    if not np.isfinite(rows).all():
        raise BadSketch(f"row {int(np.argmin(np.isfinite(rows).all(axis=1)))} is not finite")
    if np.abs(rows[:, OFFSET]).max() > MAX_COORDINATE:
        raise BadSketch(f"an offset is larger than {MAX_COORDINATE:g}")
    if not np.isin(rows[:, LIFT], (0.0, 1.0)).all():
        raise BadSketch("the third column of stroke-3 (pen lift) must be 0 or 1")
    rows.setflags(write=False)
    return rows


def to_polylines(points: Stroke3, origin: tuple[float, float] = (0.0, 0.0)) -> Polylines:
    """Return the absolute positions of each stroke, ``[k, 2]``; the inverse of :func:`from_polylines`.

    A first row of ``(0, 0)`` repeats the origin (some files begin so) and adds no second point.
    """
    positions = np.vstack([[origin], np.asarray(origin) + np.cumsum(points[:, OFFSET], axis=0)])
    ends = np.flatnonzero(points[:, LIFT] == 1) + 2
    if not points[0, OFFSET].any():
        positions, ends = positions[1:], ends - 1
    return [stroke for stroke in np.split(positions, ends) if len(stroke)]


def from_polylines(polylines: Polylines) -> tuple[Stroke3, tuple[float, float]]:
    """Return stroke-3 rows and the origin. Every stroke ends with a lift, the last one too.

    A sketch whose first stroke is a single dot begins with a row ``(0, 0, 1)``: the dot, then the lift.

    Raises:
        BadSketch: no stroke has a point.
    """
    strokes = [np.asarray(line, dtype=np.float64).reshape(-1, 2) for line in polylines]
    strokes = [line for line in strokes if len(line)]
    if not strokes:
        raise BadSketch("the sketch has no points")
    if len(strokes[0]) == 1:
        strokes[0] = np.repeat(strokes[0], 2, axis=0)
    positions = np.concatenate(strokes)
    lifts = np.zeros(len(positions))
    lifts[np.cumsum([len(line) for line in strokes]) - 1] = 1
    rows = np.column_stack([np.diff(positions, axis=0), lifts[1:]])
    return checked(rows), (float(positions[0, 0]), float(positions[0, 1]))


def sketch_from_polylines(polylines: Polylines, **fields: Any) -> Sketch:
    """Return a :class:`Sketch` of these strokes; ``fields`` are its other attributes."""
    points, origin = from_polylines(polylines)
    return Sketch(points=points, origin=origin, **fields)
