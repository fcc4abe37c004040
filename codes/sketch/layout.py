"""What is drawn where, in which ink: all that vector and raster pictures share.

Knows sketches, colours and the frame around a drawing; knows neither SVG nor pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from codes.sketch.geometry import bounds
from codes.sketch.stroke3 import OFFSET, Floats, Sketch

# A whole Quick, Draw! sketch is 255 pixels long and was drawn on a canvas of about 280.
MARGIN = 0.05
DOT_SIDE = 64.0


@dataclass(frozen=True)
class Ink:
    """Colours as ``#rrggbb``, and the line width as a share of the frame's longest side.

    Attributes:
        own: what the person drew, and all of a sketch that is no completion.
        added: the continuation. Both inks have a contrast above 4.5 on the paper (WCAG AA).
        paper: behind a drawing.
        desk: behind the drawings of a sheet.
        quiet: captions.
        width: line width.
    """

    own: str = "#1f2933"
    added: str = "#d03801"
    paper: str = "#ffffff"
    desk: str = "#f6f5f1"
    quiet: str = "#5b6672"
    width: float = 0.014

    def of(self, own: bool) -> str:
        """The colour of the person's ink or of the continuation's."""
        return self.own if own else self.added


DEFAULT_INK = Ink()


@dataclass(frozen=True)
class View:
    """The frame around a drawing, margin included, in the drawing's own units; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def side(self) -> float:
        """The longest side."""
        return max(self.width, self.height)

    def size(self, longest: int) -> tuple[int, int]:
        """Width and height in pixels of a picture of this shape; a thin one is widened to a quarter."""
        least = max(1, longest // 4)
        width, height = (round(longest * side / self.side) for side in (self.width, self.height))
        return max(width, least), max(height, least)


def view_of(*sketches: Sketch) -> View:
    """The frame that holds all of these sketches; a single dot lies in the middle of its own."""
    box = bounds([line for sketch in sketches for line in sketch.polylines()])
    margin = MARGIN * box.longest or sketches[0].unit * DOT_SIDE / 2
    return View(box.left - margin, box.top - margin, box.width + 2 * margin, box.height + 2 * margin)


class Piece(NamedTuple):
    """A line in one ink.

    Attributes:
        line: ``[k, 2]`` absolute positions, ``k >= 1``; a single position is a dot.
        own: the person's ink, or the continuation's.
        joined: the pen never lifted since the piece before, which ends where this one starts.
    """

    line: Floats
    own: bool
    joined: bool = False


def pieces(sketch: Sketch) -> list[Piece]:
    """The strokes in pen order; the one in which the continuation takes over, if any, is cut in two."""
    drawn = []
    boundary = _last_own_position(sketch)
    for line in sketch.polylines():
        drawn += _cut(line, boundary)
        boundary -= len(line)
    return drawn


def _last_own_position(sketch: Sketch) -> int:
    """Index of the last position, over all strokes, that the person drew; -1 for none."""
    if sketch.prefix_rows is None:
        return len(sketch)
    if sketch.prefix_rows == 0:
        return -1
    origin_is_repeated = not sketch.points[0, OFFSET].any()
    return sketch.prefix_rows - int(origin_is_repeated)


def _cut(line: Floats, last_own: int) -> list[Piece]:
    if last_own >= len(line) - 1:
        return [Piece(line, own=True)]
    if last_own < 0:
        return [Piece(line, own=False)]
    return [Piece(line[: last_own + 1], own=True), Piece(line[last_own:], own=False, joined=True)]


class Mark(NamedTuple):
    """One straight movement of the pen on paper; a dot starts where it ends."""

    start: Floats
    end: Floats
    own: bool

    @property
    def length(self) -> float:
        """In the sketch's units."""
        return float(np.hypot(*(self.end - self.start)))


def marks(sketch: Sketch) -> list[Mark]:
    """Every movement that leaves ink, in pen order."""
    return [mark for piece in pieces(sketch) for mark in _marks_of(piece)]


def _marks_of(piece: Piece) -> list[Mark]:
    line = piece.line if len(piece.line) > 1 else np.repeat(piece.line, 2, axis=0)
    return [Mark(start, end, piece.own) for start, end in pairwise(line)]


def ink_length(sketch: Sketch, view: View) -> float:
    """How far the pen travels on paper, in longest sides of ``view``."""
    return sum(mark.length for mark in marks(sketch)) / view.side


def by_points(drawn: Sequence[Mark], count: int) -> Iterator[Sequence[Mark]]:
    """Groups of ``count`` movements; the last group may be smaller."""
    for first in range(0, len(drawn), count):
        yield drawn[first : first + count]


def by_length(drawn: Sequence[Mark], step: float) -> Iterator[Sequence[Mark]]:
    """Groups of equal length on paper: what a pen of constant speed draws in each frame."""
    group: list[Mark] = []
    left = step
    for mark in drawn:
        for part in _parts(mark, step):
            group.append(part)
            left -= part.length
            if left <= 0:
                yield group
                group, left = [], left + step
    if group:
        yield group


def _parts(mark: Mark, step: float) -> Iterator[Mark]:
    """The movement in equal parts, none longer than half a step, so that groups come out even."""
    count = max(1, int(np.ceil(2 * mark.length / step))) if step > 0 else 1
    corners = np.linspace(mark.start, mark.end, count + 1)
    for start, end in pairwise(corners):
        yield Mark(start, end, mark.own)
