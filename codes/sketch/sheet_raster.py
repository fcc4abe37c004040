"""A sheet as pixels: one picture, or the frames of all its drawings growing together.

Knows Pillow's text and masks; the plan of the sheet comes from ``sheet``, the drawings from ``raster``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from codes.errors import BadOption
from codes.sketch.layout import PLAIN, Ink, by_length, ink_length, marks
from codes.sketch.raster import LARGEST, SUPERSAMPLING, Canvas, Pixels
from codes.sketch.sheet import ROUNDING, Placed, Sheet, texts

if TYPE_CHECKING:
    from PIL import Image, ImageFont


def sheet_image(sheet: Sheet, ink: Ink = PLAIN) -> Pixels:
    """The sheet as pixels, ``[height, width, 3]``.

    Raises:
        BadOption: the sheet is larger than a picture may be.
    """
    desk = _Desk(sheet, ink)
    for place in sheet.places:
        canvas = desk.canvas(place)
        canvas.draw(marks(place.sketch))
        desk.lay(place, canvas)
    return desk.pixels()


def sheet_frames(sheet: Sheet, ink: Ink = PLAIN, count: int = 100) -> Iterator[Pixels]:
    """All cells drawing themselves with pens of one speed; the longest drawing takes about ``count`` frames.

    Raises:
        BadOption: fewer than one frame, or the sheet is larger than a picture may be.
    """
    if count < 1:
        raise BadOption(f"an animation has at least one frame, not {count}")
    return _grow(_Desk(sheet, ink), sheet.places, longest_pen(sheet) / count)


def longest_pen(sheet: Sheet) -> float:
    """How far the pen of the longest drawing travels on paper, in longest sides of its frame."""
    return max(ink_length(place.sketch, place.view) for place in sheet.places)


def _grow(desk: _Desk, places: tuple[Placed, ...], step: float) -> Iterator[Pixels]:
    pens = [(place, desk.canvas(place), by_length(marks(place.sketch), step * place.view.side)) for place in places]
    for place, canvas, _ in pens:
        desk.lay(place, canvas)
    while pens:
        moved = []
        for place, canvas, groups in pens:
            if group := next(groups, None):
                canvas.draw(group)
                desk.lay(place, canvas)
                moved.append((place, canvas, groups))
        if moved:
            yield desk.pixels()
        pens = moved


class _Desk:
    """The sheet without its drawings, onto which they are laid."""

    def __init__(self, sheet: Sheet, ink: Ink) -> None:
        from PIL import Image

        if max(sheet.size) > LARGEST:
            raise BadOption(
                f"a sheet of {sheet.size[0]} x {sheet.size[1]} pixels is too large (the limit is {LARGEST})"
            )
        self._image = Image.new("RGB", sheet.size, ink.desk)
        self._corner = Image.new("RGB", (sheet.side, sheet.side), ink.desk)
        self._card = _rounded(sheet.side)
        self._ink = ink
        self._write(sheet)

    def canvas(self, place: Placed) -> Canvas:
        """Empty paper for a cell."""
        return Canvas(self._card.size, place.view, self._ink)

    def lay(self, place: Placed, canvas: Canvas) -> None:
        """Put the paper of a cell where it belongs, corners rounded."""
        from PIL import Image

        paper = Image.fromarray(canvas.pixels())
        self._image.paste(Image.composite(paper, self._corner, self._card), (place.x, place.y))

    def pixels(self) -> Pixels:
        """A copy of all that lies on the desk."""
        return np.array(self._image)

    def _write(self, sheet: Sheet) -> None:
        from PIL import ImageDraw

        pen = ImageDraw.Draw(self._image)
        for words in texts(sheet, self._ink, lambda text, size: _font(size).getlength(text)):
            anchor = "mm" if words.centred else "lm"
            pen.text((words.x, words.y), words.text, fill=words.colour, font=_font(words.size), anchor=anchor)


def _font(size: float) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


def _rounded(side: int) -> Image.Image:
    """A mask, 255 inside a square with rounded corners."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (side * SUPERSAMPLING, side * SUPERSAMPLING), 0)
    last = side * SUPERSAMPLING - 1
    ImageDraw.Draw(mask).rounded_rectangle([0, 0, last, last], ROUNDING * SUPERSAMPLING, fill=255)
    return mask.reduce(SUPERSAMPLING)
