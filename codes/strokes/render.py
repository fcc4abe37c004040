"""Draw one sketch, as SVG text or as pixels, still or while it grows.

This module knows SVG and Pillow's drawing calls. It knows no files and no display, and never changes the sketch it is
given. :mod:`codes.strokes.layout` says what is drawn where and in which colour, and :mod:`codes.strokes.sheet` draws
many sketches together.

In SVG, coordinates stay in the sketch's own units, so the picture lies exactly over the drawing it was made from. One
``<path>`` is one stroke. The stroke in which the continuation takes over needs two colours, hence two paths; the second
is marked ``data-joined="true"`` (the pen never lifted between them), so that a reader can join them again. Pixels are
drawn at several times their size and averaged down, which makes edges smooth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from codes.errors import BadOption
from codes.strokes.layout import (
    LINE_WIDTH,
    PAPER_COLOUR,
    Piece,
    Segment,
    View,
    colour_of,
    pieces,
    segments,
    split_by_length,
    view_of,
    view_of_page,
)
from codes.strokes.stroke3 import Floats, Sketch

Pixels = NDArray[np.uint8]

NUMBER = re.compile(r"[0-9.]+")
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Coordinates are precise enough if a frame counts at least this many pixels a side.
MIN_SIDE_IN_PIXELS = 16
# Longest side of a picture in pixels, where no size is given.
DEFAULT_SIDE = 512
# How long an animation takes, where no time is given.
ANIMATION_SECONDS = 4.0

# A picture is drawn at this many times its size and averaged down.
SUPERSAMPLING = 4
MAX_SIDE = 8192
MIN_LINE_WIDTH = 1.2
MAX_PIXEL = 1e6

# Without motion or without CSS these rules do not apply, and the whole drawing shows.
ANIMATION_STYLE = """<style>
@media (prefers-reduced-motion: no-preference) {
  .pen { stroke-dasharray: 1 2; animation: draw var(--for) linear var(--at) both }
  .dot { animation: appear 1ms linear var(--at) both }
}
@keyframes draw { from { stroke-dashoffset: 1; opacity: 0 } 1% { opacity: 1 } to { stroke-dashoffset: 0 } }
@keyframes appear { from { opacity: 0 } }
</style>
"""


def svg_text(sketch: Sketch, paper: bool = False) -> str:
    """Return a still picture: the sketch's page, grown where the drawing leaves it, or its bounds and a margin.

    It has no background, so that it can lie over another, unless it is to have the colour of ``paper``.
    """
    return _document(sketch, strokes_markup(sketch, view_of(sketch)), paper)


def animated_svg_text(sketch: Sketch, seconds: float = ANIMATION_SECONDS) -> str:
    """Return a picture that draws itself once at constant pen speed, the person's strokes first.

    It needs no scripts, and stands still where the system asks for reduced motion.

    Raises:
        BadOption: ``seconds`` is not a positive number.
    """
    return _document(sketch, ANIMATION_STYLE + strokes_markup(sketch, view_of(sketch), seconds))


def strokes_markup(sketch: Sketch, view: View, seconds: float | None = None) -> str:
    """Return the drawing alone, one group for each colour.

    With ``seconds``, paths carry the timing that :data:`ANIMATION_STYLE` reads.

    Raises:
        BadOption: ``seconds`` is not a positive number.
    """
    drawn = pieces(sketch)
    timings = [""] * len(drawn) if seconds is None else _timings(drawn, seconds)
    digits = decimals(sketch.unit, view.side)
    paths = [(piece.own, _path(piece, digits, timing)) for piece, timing in zip(drawn, timings, strict=True)]
    width = format_number(LINE_WIDTH * view.side, digits + 1)
    groups = "".join(
        f'<g stroke="{colour_of(own)}">\n' + "".join(path for _, path in members) + "</g>\n"
        for own, members in groupby(paths, key=lambda pair: pair[0])
    )
    return f'<g fill="none" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round">\n{groups}</g>\n'


def view_box(view: View, digits: int) -> str:
    """Return the value of a ``viewBox`` attribute."""
    return " ".join(format_number(value, digits) for value in (view.x, view.y, view.width, view.height))


def title_markup(category: str | None) -> str:
    """Return a ``<title>`` element, or an empty text for a sketch without a category."""
    return f"<title>{escape_xml(category)}</title>\n" if category else ""


def escape_xml(text: str) -> str:
    """Escape a text for XML content and attributes; characters that XML cannot hold are left out."""
    return escape(NOT_IN_XML.sub("", text))


def decimals(unit: float, side: float) -> int:
    """Return how many decimals show a hundredth of a QuickDraw pixel, or more for a very small frame."""
    finest = min(unit, side / MIN_SIDE_IN_PIXELS)
    return max(0, int(np.ceil(2 - np.log10(finest) - 1e-9)))


def format_number(value: float, digits: int) -> str:
    """Return decimal notation without an exponent and without trailing zeros."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _document(sketch: Sketch, body: str, paper: bool = False) -> str:
    view, size = _frame(sketch)
    box = view_box(view, decimals(sketch.unit, view.side))
    background = f' style="background:{PAPER_COLOUR}"' if paper else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="{box}" role="img"{background}>\n'
        f"{title_markup(sketch.category)}{body}</svg>\n"
    )


def _frame(sketch: Sketch) -> tuple[View, str]:
    """Return what a picture shows, and the attributes that say how large that is."""
    page = sketch.page
    if page is None:
        view = view_of(sketch)
        columns, rows = view.size(DEFAULT_SIDE)
        return view, f' width="{columns}" height="{rows}"'
    view = view_of_page(sketch, page)
    if page.printed is None:
        return view, ""
    width = _grown(page.printed[0], view.width / page.width)
    height = _grown(page.printed[1], view.height / page.height)
    return view, f' width="{width}" height="{height}"'


def _grown(length: str, factor: float) -> str:
    """Return a length such as ``210mm``, so many times as long."""
    number = NUMBER.match(length)
    assert number, "a page's lengths begin with numbers"
    return length if factor == 1 else f"{format_number(float(number[0]) * factor, 4)}{length[number.end() :]}"


def _path(piece: Piece, digits: int, timing: str) -> str:
    joined = ' data-joined="true"' if piece.joined else ""
    return f'<path d="{_path_data(piece.line, digits)}"{joined}{timing}/>\n'


def _path_data(line: Floats, digits: int) -> str:
    """Return absolute corners. A dot is a line of no length, which round caps turn into a disc."""
    corners = [f"{format_number(x, digits)} {format_number(y, digits)}" for x, y in line.tolist()]
    return f"M{corners[0]}L" + " ".join(corners[1:] or corners)


def _timings(drawn: list[Piece], seconds: float) -> list[str]:
    """Return attributes that time the start and duration of each piece; the pen is as fast in the air."""
    if not 0 < seconds < np.inf:
        raise BadOption(f"an animation takes a positive number of seconds, not {seconds:g}")
    lengths = [float(np.hypot(*np.diff(piece.line, axis=0).T).sum()) for piece in drawn]
    flights = [0.0] + [float(np.hypot(*(b.line[0] - a.line[-1]))) for a, b in pairwise(drawn)]
    pace = seconds / (sum(lengths) + sum(flights) or 1.0)
    begins = np.cumsum(flights) + np.cumsum([0.0, *lengths[:-1]])
    return [_timing(begin * pace, length * pace) for begin, length in zip(begins, lengths, strict=True)]


def _timing(begin: float, duration: float) -> str:
    if duration == 0:
        return f' class="dot" style="--at:{format_number(begin, 3)}s"'
    times = f"--at:{format_number(begin, 3)}s;--for:{format_number(duration, 3)}s"
    return f' class="pen" pathLength="1" style="{times}"'


class Canvas:
    """Hold a picture of ``size`` (width, height) pixels that shows ``view``, centred; segments are added one by one.

    Raises:
        BadOption: a side has no pixel, or too many.
    """

    def __init__(self, size: tuple[int, int], view: View) -> None:
        from PIL import Image, ImageDraw

        if not all(1 <= side <= MAX_SIDE for side in size):
            raise BadOption(f"a picture has 1 to {MAX_SIDE} pixels a side, not {size[0]} x {size[1]}")
        large = np.multiply(size, SUPERSAMPLING)
        self._image = Image.new("RGB", (int(large[0]), int(large[1])), PAPER_COLOUR)
        self._pen = ImageDraw.Draw(self._image)
        self._scale = min(large[0] / view.width, large[1] / view.height)
        self._shift = large / 2 - self._scale * np.array([view.x + view.width / 2, view.y + view.height / 2])
        # An odd width has a middle pixel, so that lines and the discs at their ends have the same edges.
        width = max(LINE_WIDTH * view.side * self._scale, MIN_LINE_WIDTH * SUPERSAMPLING)
        self._radius = round((width - 1) / 2)

    def draw(self, line_segments: Iterable[Segment]) -> None:
        """Draw these segments over what is there."""
        for segment in line_segments:
            colour = colour_of(segment.own)
            start, end = self._on_paper(segment.start), self._on_paper(segment.end)
            self._pen.line([start, end], fill=colour, width=2 * self._radius + 1)
            self._disc(start, colour)
            self._disc(end, colour)

    def pixels(self) -> Pixels:
        """Return the picture as it is now, ``[height, width, 3]``."""
        return np.array(self._image.reduce(SUPERSAMPLING))

    def _on_paper(self, position: Floats) -> tuple[int, int]:
        # Pillow turns coordinates into C integers; a view may show a small part of a huge drawing.
        x, y = np.clip(self._scale * position + self._shift, -MAX_PIXEL, MAX_PIXEL).round().astype(int).tolist()
        return x, y

    def _disc(self, centre: tuple[int, int], colour: str) -> None:
        (x, y), radius = centre, self._radius
        self._pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def image(sketch: Sketch, size: tuple[int, int] = (256, 256), view: View | None = None) -> Pixels:
    """Return the whole sketch in a picture of ``size`` (width, height), ``[height, width, 3]``.

    Raises:
        BadOption: a side has no pixel, or too many.
    """
    canvas = Canvas(size, view or view_of(sketch))
    canvas.draw(segments(sketch))
    return canvas.pixels()


def paced_frames(sketch: Sketch, size: tuple[int, int], step: float) -> Iterator[Pixels]:
    """Yield the drawing as a pen of constant speed draws it: ``step`` of the sketch's units a frame.

    Raises:
        BadOption: a side has no pixel, or too many.
    """
    return _draw_groups(Canvas(size, view_of(sketch)), split_by_length(segments(sketch), step))


def _draw_groups(canvas: Canvas, groups: Iterable[Sequence[Segment]]) -> Iterator[Pixels]:
    for group in groups:
        canvas.draw(group)
        yield canvas.pixels()
