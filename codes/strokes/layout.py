"""Say what is drawn where and in which colour; vector and raster pictures share this.

This module knows sketches, colours and the frame around a drawing. It knows neither SVG nor pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from codes.strokes.geometry import bounds
from codes.strokes.stroke3 import OFFSET, Floats, Page, Sketch

# A whole Quick, Draw! sketch is 255 pixels long and was drawn on a canvas of about 280.
MARGIN = 0.05
DOT_SIDE = 64.0

# Colours of the person's lines and of the continuation's; both have a contrast above 4.5 on the paper (WCAG AA).
OWN_COLOUR = "#1f2933"
ADDED_COLOUR = "#d03801"
PAPER_COLOUR = "#ffffff"
# Background of a sheet, on which its drawings lie like cards, and colour of the captions below them.
SHEET_COLOUR = "#f6f5f1"
CAPTION_COLOUR = "#5b6672"
# Share of the frame's longest side.
LINE_WIDTH = 0.014


def colour_of(own: bool) -> str:
    """Return the colour of the person's lines, or of the continuation's."""
    return OWN_COLOUR if own else ADDED_COLOUR


@dataclass(frozen=True)
class View:
    """Hold the frame around a drawing, margin included, in the drawing's own units; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def side(self) -> float:
        """Return the longest side."""
        return max(self.width, self.height)

    def size(self, longest: int) -> tuple[int, int]:
        """Return width and height in pixels; the shorter side is at least a quarter of ``longest``."""
        least = max(1, longest // 4)
        width, height = (round(longest * side / self.side) for side in (self.width, self.height))
        return max(width, least), max(height, least)


def view_of(*sketches: Sketch) -> View:
    """Return the frame that holds all of these sketches; a single dot lies in the middle of its frame."""
    box = bounds([line for sketch in sketches for line in sketch.polylines()])
    margin = MARGIN * box.longest or sketches[0].unit * DOT_SIDE / 2
    return View(box.left - margin, box.top - margin, box.width + 2 * margin, box.height + 2 * margin)


def view_of_page(sketch: Sketch, page: Page) -> View:
    """Return the page that a sketch lies on, grown on each side where the drawing leaves it."""
    box, room = bounds(sketch.polylines()), LINE_WIDTH * view_of(sketch).side / 2
    right, bottom = page.left + page.width, page.top + page.height
    left = page.left if box.left >= page.left else box.left - room
    top = page.top if box.top >= page.top else box.top - room
    right = right if box.right <= right else box.right + room
    bottom = bottom if box.bottom <= bottom else box.bottom + room
    return View(left, top, right - left, bottom - top)


class Piece(NamedTuple):
    """Hold a line of one colour.

    Attributes:
        line: ``[k, 2]`` absolute positions, ``k >= 1``; a single position is a dot.
        own: true for the person's line, false for the continuation's.
        joined: true if the pen did not lift after the piece before, which then ends where this one starts.
    """

    line: Floats
    own: bool
    joined: bool = False


def pieces(sketch: Sketch) -> list[Piece]:
    """Return the strokes in pen order; a stroke that the person began and the continuation ended is cut in two."""
    drawn = []
    boundary = _last_own_position(sketch)
    for line in sketch.polylines():
        drawn += _cut(line, boundary)
        boundary -= len(line)
    return drawn


def _last_own_position(sketch: Sketch) -> int:
    """Return the index, over all strokes, of the last position that the person drew; -1 for none."""
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


class Segment(NamedTuple):
    """Hold one straight movement of the pen on paper; a dot starts where it ends."""

    start: Floats
    end: Floats
    own: bool

    @property
    def length(self) -> float:
        """Return the length in the sketch's units."""
        return float(np.hypot(*(self.end - self.start)))


def segments(sketch: Sketch) -> list[Segment]:
    """Return every movement of the pen on paper, in order."""
    return [segment for piece in pieces(sketch) for segment in _segments_of(piece)]


def _segments_of(piece: Piece) -> list[Segment]:
    line = piece.line if len(piece.line) > 1 else np.repeat(piece.line, 2, axis=0)
    return [Segment(start, end, piece.own) for start, end in pairwise(line)]


def ink_length(sketch: Sketch, view: View) -> float:
    """Return how far the pen travels on paper, in longest sides of ``view``."""
    return sum(segment.length for segment in segments(sketch)) / view.side


def split_by_length(line_segments: Sequence[Segment], step: float) -> Iterator[Sequence[Segment]]:
    """Yield groups of equal length on paper, which a pen of constant speed draws in each frame."""
    group: list[Segment] = []
    remaining = step
    for segment in line_segments:
        for part in _subdivided(segment, step):
            group.append(part)
            remaining -= part.length
            if remaining <= 0:
                yield group
                group, remaining = [], remaining + step
    if group:
        yield group


def _subdivided(segment: Segment, step: float) -> Iterator[Segment]:
    """Yield the segment in equal parts, none longer than half a step, so that groups come out even."""
    count = max(1, int(np.ceil(2 * segment.length / step))) if step > 0 else 1
    corners = np.linspace(segment.start, segment.end, count + 1)
    for start, end in pairwise(corners):
        yield Segment(start, end, segment.own)
