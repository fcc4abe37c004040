"""Draw many sketches on one sheet, in rows, with captions: as SVG text or as pixels, still or growing together.

This module knows sizes, texts, SVG and Pillow's masks. How one sketch is drawn is for :mod:`codes.strokes.render` to
know. Where everything lies is decided once, by :class:`Sheet` and :func:`text_labels`; both kinds of picture follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from codes.errors import BadOption
from codes.strokes.layout import (
    CAPTION_COLOUR,
    OWN_COLOUR,
    PAPER_COLOUR,
    SHEET_COLOUR,
    View,
    ink_length,
    segments,
    split_by_length,
    view_of,
)
from codes.strokes.render import (
    ANIMATION_STYLE,
    MAX_SIDE,
    SUPERSAMPLING,
    Canvas,
    Pixels,
    decimals,
    escape_xml,
    strokes_markup,
    title_markup,
    view_box,
)
from codes.strokes.stroke3 import Sketch

if TYPE_CHECKING:
    from PIL import Image, ImageFont


MAX_CELLS = 1000
PADDING = 24
GAP = 12
ROUNDING = 8
CAPTION_HEIGHT = 26
CAPTION_SIZE = 12.5
HEADING_SIZE = 13.5
TITLE_HEIGHT = 44
TITLE_SIZE = 18.0
# Width of an average letter of a sans serif font, as a share of its size.
LETTER_WIDTH = 0.55
FONTS = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"


@dataclass(frozen=True, eq=False)
class Cell:
    """Hold one place of a sheet.

    Attributes:
        sketch: the sketch drawn there; None leaves the place empty.
        caption: a few words below it.
        view: the frame; by default the sketch's own bounds. Cells to be compared share one frame.
    """

    sketch: Sketch | None
    caption: str = ""
    view: View | None = None


class PlacedCell(NamedTuple):
    """Hold a cell with a sketch, its frame, and its top left corner in pixels."""

    cell: Cell
    sketch: Sketch
    view: View
    x: int
    y: int


@dataclass(frozen=True, eq=False)
class Sheet:
    """Hold rows of cells, which may differ in length, and lay them out.

    Attributes:
        rows: the cells.
        title: text above all rows.
        headings: texts to the left of the rows, one for each row, or none at all.
        side: side of a cell in pixels.

    Raises:
        BadOption: there is no sketch or there are too many, there are not as many headings as rows, or the cells are
            too small to see.
    """

    rows: Sequence[Sequence[Cell]]
    title: str = ""
    headings: Sequence[str] = ()
    side: int = 168

    def __post_init__(self) -> None:
        shown = sum(cell.sketch is not None for row in self.rows for cell in row)
        if not 1 <= shown <= MAX_CELLS:
            raise BadOption(f"a sheet shows 1 to {MAX_CELLS} sketches, not {shown}")
        if self.headings and len(self.headings) != len(self.rows):
            raise BadOption(f"{len(self.rows)} rows cannot have {len(self.headings)} headings")
        if self.side < 16:
            raise BadOption(f"a cell has at least 16 pixels a side, not {self.side}")

    @cached_property
    def left(self) -> int:
        """Return where the first column of cells begins."""
        longest = max((estimated_width(heading, HEADING_SIZE) for heading in self.headings), default=0)
        return PADDING + (round(longest) + GAP if longest else 0)

    @cached_property
    def top(self) -> int:
        """Return where the first row of cells begins."""
        return PADDING + (TITLE_HEIGHT - GAP if self.title else 0)

    @cached_property
    def row_height(self) -> int:
        """Return the distance from the top of one row to the top of the next."""
        captions = any(cell.caption for row in self.rows for cell in row)
        return self.side + (CAPTION_HEIGHT if captions else GAP)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Return width and height of the whole sheet in pixels."""
        columns = max(len(row) for row in self.rows)
        below = GAP if self.row_height == self.side + GAP else 0
        width = self.left + columns * (self.side + GAP) - GAP + PADDING
        return width, self.top + len(self.rows) * self.row_height - below + PADDING

    def row_top(self, row: int) -> int:
        """Return where the cells of a row begin."""
        return self.top + row * self.row_height

    @cached_property
    def placed_cells(self) -> tuple[PlacedCell, ...]:
        """Return the cells that show a sketch."""
        return tuple(
            PlacedCell(cell, cell.sketch, cell.view or view_of(cell.sketch), x, self.row_top(row))
            for row, cells in enumerate(self.rows)
            for x, cell in zip(count(self.left, self.side + GAP), cells, strict=False)
            if cell.sketch is not None
        )


class Sketches(list[Sketch]):
    """Hold several sketches; a list that a notebook shows as a sheet."""

    def _repr_svg_(self) -> str | None:
        """Return the picture that a notebook shows; None of nothing."""
        return sheet_svg(contact_sheet(self)) if self else None


class TextLabel(NamedTuple):
    """Hold a text and its anchor: the middle of its line, at its left end or (``centred``) at its centre."""

    text: str
    x: float
    y: float
    size: float
    colour: str
    centred: bool = False


def contact_sheet(sketches: Sequence[Sketch], title: str = "") -> Sheet:
    """Return a nearly square sheet with categories as captions; completions of one prefix share one frame.

    Raises:
        BadOption: there is no sketch, or there are too many for a sheet.
    """
    view = view_of(*sketches) if _share_prefix(sketches) else None
    cells = [Cell(sketch, sketch.category or "", view) for sketch in sketches]
    columns = column_count(len(cells))
    return Sheet([cells[first : first + columns] for first in range(0, len(cells), columns)], title)


def _share_prefix(sketches: Sequence[Sketch]) -> bool:
    """Return true for two or more completions of one prefix."""
    if len(sketches) < 2 or any(sketch.prefix_rows is None for sketch in sketches):
        return False
    first = sketches[0]
    return all(
        sketch.origin == first.origin
        and sketch.prefix_rows == first.prefix_rows
        and np.array_equal(sketch.points[: sketch.prefix_rows], first.points[: first.prefix_rows])
        for sketch in sketches
    )


def column_count(cells: int) -> int:
    """Return the number of columns with the fewest empty places, on a sheet at most twice as wide as high."""
    least = int(np.ceil(np.sqrt(cells)))
    return min(range(max(1, least), 2 * least + 1), key=lambda columns: (-cells % columns, columns))


def text_labels(sheet: Sheet, length: Callable[[str, float], float]) -> Iterator[TextLabel]:
    """Yield every text on the sheet, shortened to the room there is as ``length(text, size)`` measures it."""
    if sheet.title:
        room = sheet.size[0] - 2 * PADDING
        title = _shortened(sheet.title, TITLE_SIZE, room, length)
        yield TextLabel(title, PADDING, PADDING + TITLE_SIZE / 2, TITLE_SIZE, OWN_COLOUR)
    for row, heading in enumerate(sheet.headings):
        text = _shortened(heading, HEADING_SIZE, sheet.left - PADDING - GAP / 2, length)
        yield TextLabel(text, PADDING, sheet.row_top(row) + sheet.side / 2, HEADING_SIZE, OWN_COLOUR)
    for place in sheet.placed_cells:
        text = _shortened(place.cell.caption, CAPTION_SIZE, sheet.side, length)
        x, y = place.x + sheet.side / 2, place.y + sheet.side + CAPTION_HEIGHT / 2 - 1
        yield TextLabel(text, x, y, CAPTION_SIZE, CAPTION_COLOUR, centred=True)


def _shortened(text: str, size: float, room: float, length: Callable[[str, float], float]) -> str:
    text = " ".join(text.split())
    if length(text, size) <= room:
        return text
    while text and length(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def estimated_width(text: str, size: float) -> float:
    """Estimate how wide a text is, where no font is at hand to measure it."""
    return len(text) * LETTER_WIDTH * size


def sheet_svg(sheet: Sheet, seconds: float | None = None) -> str:
    """Return the sheet as SVG text; with ``seconds``, all cells draw themselves in that time.

    Raises:
        BadOption: ``seconds`` is not a positive number.
    """
    width, height = sheet.size
    cells = "".join(_cell_markup(place, sheet.side, seconds) for place in sheet.placed_cells)
    label = "".join(_text_markup(text) for text in text_labels(sheet, estimated_width))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">\n{title_markup(sheet.title)}'
        f"{'' if seconds is None else ANIMATION_STYLE}"
        f'<rect width="{width}" height="{height}" fill="{SHEET_COLOUR}"/>\n'
        f'{cells}<g font-family="{FONTS}">\n{label}</g>\n</svg>\n'
    )


def _cell_markup(place: PlacedCell, side: int, seconds: float | None) -> str:
    corner = f'x="{place.x}" y="{place.y}" width="{side}" height="{side}"'
    box = view_box(place.view, decimals(place.sketch.unit, place.view.side))
    return (
        f'<rect {corner} rx="{ROUNDING}" fill="{PAPER_COLOUR}"/>\n'
        f'<svg {corner} viewBox="{box}">\n{title_markup(place.sketch.category)}'
        f"{strokes_markup(place.sketch, place.view, seconds)}</svg>\n"
    )


def _text_markup(label: TextLabel) -> str:
    anchor = ' text-anchor="middle"' if label.centred else ""
    # Not every program knows dominant-baseline; a third of the size lowers the line to its middle everywhere.
    return (
        f'<text x="{label.x:g}" y="{label.y + 0.35 * label.size:g}" font-size="{label.size:g}"'
        f'{anchor} fill="{label.colour}">{escape_xml(label.text)}</text>\n'
    )


def check_pixels(sheet: Sheet) -> None:
    """Refuse a sheet that is larger than a picture may be.

    Raises:
        BadOption: a side has too many pixels.
    """
    if max(sheet.size) > MAX_SIDE:
        raise BadOption(f"a sheet of {sheet.size[0]} x {sheet.size[1]} pixels is too large (the limit is {MAX_SIDE})")


def sheet_image(sheet: Sheet) -> Pixels:
    """Return the sheet as pixels, ``[height, width, 3]``.

    Raises:
        BadOption: the sheet is larger than a picture may be.
    """
    sheet_canvas = _SheetCanvas(sheet)
    for place in sheet.placed_cells:
        canvas = sheet_canvas.canvas(place)
        canvas.draw(segments(place.sketch))
        sheet_canvas.paste(place, canvas)
    return sheet_canvas.pixels()


def sheet_frames(sheet: Sheet, count: int = 100) -> Iterator[Pixels]:
    """Yield the sheet while all cells draw themselves at one pen speed, the longest in about ``count`` frames.

    Raises:
        BadOption: there is less than one frame, or the sheet is larger than a picture may be.
    """
    if count < 1:
        raise BadOption(f"an animation has at least one frame, not {count}")
    return _grow_together(_SheetCanvas(sheet), sheet.placed_cells, longest_ink_length(sheet) / count)


def longest_ink_length(sheet: Sheet) -> float:
    """Return how far the pen of the longest drawing travels on paper, in longest sides of its frame."""
    return max(ink_length(place.sketch, place.view) for place in sheet.placed_cells)


def _grow_together(sheet_canvas: _SheetCanvas, places: tuple[PlacedCell, ...], step: float) -> Iterator[Pixels]:
    pens = [
        (place, sheet_canvas.canvas(place), split_by_length(segments(place.sketch), step * place.view.side))
        for place in places
    ]
    for place, canvas, _ in pens:
        sheet_canvas.paste(place, canvas)
    while pens:
        unfinished = []
        for place, canvas, groups in pens:
            if group := next(groups, None):
                canvas.draw(group)
                sheet_canvas.paste(place, canvas)
                unfinished.append((place, canvas, groups))
        if unfinished:
            yield sheet_canvas.pixels()
        pens = unfinished


class _SheetCanvas:
    """Hold the sheet as pixels: first its texts alone, then with the drawings that are pasted onto it."""

    def __init__(self, sheet: Sheet) -> None:
        from PIL import Image

        check_pixels(sheet)
        self._image = Image.new("RGB", sheet.size, SHEET_COLOUR)
        self._background = Image.new("RGB", (sheet.side, sheet.side), SHEET_COLOUR)
        self._mask = _rounded_mask(sheet.side)
        self._write(sheet)

    def canvas(self, place: PlacedCell) -> Canvas:
        """Return an empty picture for a cell."""
        return Canvas(self._mask.size, place.view)

    def paste(self, place: PlacedCell, canvas: Canvas) -> None:
        """Put the picture of a cell where it belongs, with rounded corners."""
        from PIL import Image

        paper = Image.fromarray(canvas.pixels())
        self._image.paste(Image.composite(paper, self._background, self._mask), (place.x, place.y))

    def pixels(self) -> Pixels:
        """Return a copy of the sheet as it is now."""
        return np.array(self._image)

    def _write(self, sheet: Sheet) -> None:
        from PIL import ImageDraw

        pen = ImageDraw.Draw(self._image)
        for label in text_labels(sheet, lambda text, size: _font(size).getlength(text)):
            anchor = "mm" if label.centred else "lm"
            pen.text((label.x, label.y), label.text, fill=label.colour, font=_font(label.size), anchor=anchor)


def _font(size: float) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


def _rounded_mask(side: int) -> Image.Image:
    """Return a mask that is 255 inside a square with rounded corners."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (side * SUPERSAMPLING, side * SUPERSAMPLING), 0)
    last = side * SUPERSAMPLING - 1
    ImageDraw.Draw(mask).rounded_rectangle([0, 0, last, last], ROUNDING * SUPERSAMPLING, fill=255)
    return mask.reduce(SUPERSAMPLING)
