"""Many sketches on one sheet, in rows, with captions: where everything lies.

Knows sizes and words; drawing is left to ``sheet_vector`` and ``sheet_raster``, which both follow this plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import NamedTuple

import numpy as np

from codes.errors import BadOption
from codes.sketch.layout import Ink, View, view_of
from codes.sketch.strokes import Sketch

MOST_CELLS = 1000
PADDING = 24
GAP = 12
ROUNDING = 8
CAPTION_HEIGHT = 26
CAPTION_SIZE = 12.5
HEADING_SIZE = 13.5
TITLE_HEIGHT = 44
TITLE_SIZE = 18.0
# Width of an average letter of a plain sans serif, as a share of its size.
LETTER = 0.55


@dataclass(frozen=True, eq=False)
class Cell:
    """One place of a sheet.

    Attributes:
        sketch: what is drawn there; None leaves the place empty.
        caption: a few words below it.
        view: the frame; by default the sketch's own bounds. Cells to be compared share one.
    """

    sketch: Sketch | None
    caption: str = ""
    view: View | None = None


class Placed(NamedTuple):
    """A cell with a sketch, its frame, and its top left corner in pixels."""

    cell: Cell
    sketch: Sketch
    view: View
    x: int
    y: int


@dataclass(frozen=True, eq=False)
class Sheet:
    """Rows of cells, not all of the same length, as they will be laid out.

    Attributes:
        rows: the cells.
        title: above all rows.
        headings: to the left of the rows, one for each, or none at all.
        side: of a cell, in pixels.

    Raises:
        BadOption: no sketch or too many, more or fewer headings than rows, or cells too small to see.
    """

    rows: Sequence[Sequence[Cell]]
    title: str = ""
    headings: Sequence[str] = ()
    side: int = 168

    def __post_init__(self) -> None:
        shown = sum(cell.sketch is not None for row in self.rows for cell in row)
        if not 1 <= shown <= MOST_CELLS:
            raise BadOption(f"a sheet shows 1 to {MOST_CELLS} sketches, not {shown}")
        if self.headings and len(self.headings) != len(self.rows):
            raise BadOption(f"{len(self.rows)} rows cannot have {len(self.headings)} headings")
        if self.side < 16:
            raise BadOption(f"a cell has at least 16 pixels a side, not {self.side}")

    @cached_property
    def left(self) -> int:
        """Where the first column of cells begins."""
        longest = max((guessed_length(heading, HEADING_SIZE) for heading in self.headings), default=0)
        return PADDING + (round(longest) + GAP if longest else 0)

    @cached_property
    def top(self) -> int:
        """Where the first row of cells begins."""
        return PADDING + (TITLE_HEIGHT - GAP if self.title else 0)

    @cached_property
    def row_height(self) -> int:
        """From the top of one row to the top of the next."""
        captions = any(cell.caption for row in self.rows for cell in row)
        return self.side + (CAPTION_HEIGHT if captions else GAP)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole sheet in pixels."""
        columns = max(len(row) for row in self.rows)
        below = GAP if self.row_height == self.side + GAP else 0
        width = self.left + columns * (self.side + GAP) - GAP + PADDING
        return width, self.top + len(self.rows) * self.row_height - below + PADDING

    def row_top(self, row: int) -> int:
        """Where the cells of a row begin."""
        return self.top + row * self.row_height

    @cached_property
    def places(self) -> tuple[Placed, ...]:
        """All cells that show something."""
        return tuple(
            Placed(cell, cell.sketch, cell.view or view_of(cell.sketch), x, self.row_top(row))
            for row, cells in enumerate(self.rows)
            for x, cell in zip(count(self.left, self.side + GAP), cells, strict=False)
            if cell.sketch is not None
        )


class Words(NamedTuple):
    """Text and its anchor: the middle of its line, at its left end or (``centred``) at its centre."""

    text: str
    x: float
    y: float
    size: float
    colour: str
    centred: bool = False


def contact_sheet(sketches: Sequence[Sketch], title: str = "") -> Sheet:
    """A nearly square sheet, captions from the categories; completions of one prefix share one frame.

    Raises:
        BadOption: no sketch, or too many for a sheet.
    """
    view = view_of(*sketches) if _have_one_prefix(sketches) else None
    cells = [Cell(sketch, sketch.category or "", view) for sketch in sketches]
    columns = _columns(len(cells))
    return Sheet([cells[first : first + columns] for first in range(0, len(cells), columns)], title)


def _have_one_prefix(sketches: Sequence[Sketch]) -> bool:
    """Whether these are two or more completions of one and the same prefix."""
    if len(sketches) < 2 or any(sketch.prefix_rows is None for sketch in sketches):
        return False
    first = sketches[0]
    return all(
        sketch.origin == first.origin
        and sketch.prefix_rows == first.prefix_rows
        and np.array_equal(sketch.points[: sketch.prefix_rows], first.points[: first.prefix_rows])
        for sketch in sketches
    )


def _columns(places: int) -> int:
    """As many columns as leave the fewest empty places, on a sheet as wide as high or up to twice as wide."""
    least = int(np.ceil(np.sqrt(places)))
    return min(range(max(1, least), 2 * least + 1), key=lambda columns: (-places % columns, columns))


def texts(sheet: Sheet, ink: Ink, length: Callable[[str, float], float]) -> Iterator[Words]:
    """Every word on the sheet, shortened to the room there is as ``length(text, size)`` measures it."""
    if sheet.title:
        room = sheet.size[0] - 2 * PADDING
        title = _shortened(sheet.title, TITLE_SIZE, room, length)
        yield Words(title, PADDING, PADDING + TITLE_SIZE / 2, TITLE_SIZE, ink.own)
    for row, heading in enumerate(sheet.headings):
        text = _shortened(heading, HEADING_SIZE, sheet.left - PADDING - GAP / 2, length)
        yield Words(text, PADDING, sheet.row_top(row) + sheet.side / 2, HEADING_SIZE, ink.own)
    for place in sheet.places:
        text = _shortened(place.cell.caption, CAPTION_SIZE, sheet.side, length)
        x, y = place.x + sheet.side / 2, place.y + sheet.side + CAPTION_HEIGHT / 2 - 1
        yield Words(text, x, y, CAPTION_SIZE, ink.quiet, centred=True)


def _shortened(text: str, size: float, room: float, length: Callable[[str, float], float]) -> str:
    text = " ".join(text.split())
    if length(text, size) <= room:
        return text
    while text and length(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def guessed_length(text: str, size: float) -> float:
    """Roughly how wide a text is, where no font is at hand to measure it."""
    return len(text) * LETTER * size
