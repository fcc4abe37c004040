"""A sketch as SVG text, still or drawing itself.

Knows SVG; knows no files and no pixels. Coordinates stay in the sketch's own units, so the picture lies exactly
over the drawing it was made from. One ``<path>`` is one stroke. The stroke in which the continuation takes over
needs two colours, hence two paths; the second is marked ``data-joined="true"`` (the pen never lifted between
them), so that a reader can put the stroke together again.
"""

from __future__ import annotations

import re
from html import escape
from itertools import groupby, pairwise

import numpy as np

from codes.errors import BadOption
from codes.sketch.layout import PLAIN, Ink, Piece, View, pieces, view_of
from codes.sketch.strokes import Floats, Sketch

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# A frame is at least this many times as long as what its coordinates count as a pixel.
COARSEST = 16
# Pixels that a picture takes where nobody gives it a size.
LONGEST_SIDE = 512

# Without motion, or without CSS, the rules below are not there and the whole drawing shows.
MOTION = """<style>
@media (prefers-reduced-motion: no-preference) {
  .pen { stroke-dasharray: 1 2; animation: draw var(--for) linear var(--at) both }
  .dot { animation: appear 1ms linear var(--at) both }
}
@keyframes draw { from { stroke-dashoffset: 1; opacity: 0 } 1% { opacity: 1 } to { stroke-dashoffset: 0 } }
@keyframes appear { from { opacity: 0 } }
</style>
"""


def svg_text(sketch: Sketch, ink: Ink = PLAIN, view: View | None = None) -> str:
    """A still picture, framed by ``view`` or by the sketch's own bounds and a margin."""
    return _document(sketch, ink, view or view_of(sketch), strokes_markup(sketch, ink, view))


def animated_svg_text(sketch: Sketch, ink: Ink = PLAIN, seconds: float = 4.0, view: View | None = None) -> str:
    """A picture that draws itself once at constant pen speed, the person's strokes first.

    It needs no scripts, and stands still for those who ask their system for less motion.

    Raises:
        BadOption: ``seconds`` is not a positive number.
    """
    body = MOTION + strokes_markup(sketch, ink, view, seconds)
    return _document(sketch, ink, view or view_of(sketch), body)


def strokes_markup(sketch: Sketch, ink: Ink = PLAIN, view: View | None = None, seconds: float | None = None) -> str:
    """The drawing alone: one group for each ink. With ``seconds`` every path carries its timing for ``MOTION``.

    Raises:
        BadOption: ``seconds`` is not a positive number.
    """
    frame = view or view_of(sketch)
    drawn = pieces(sketch)
    timings = [""] * len(drawn) if seconds is None else _timings(drawn, seconds)
    digits = decimals(sketch.unit, frame.side)
    paths = [(piece.own, _path(piece, digits, timing)) for piece, timing in zip(drawn, timings, strict=True)]
    width = number(ink.width * frame.side, digits + 1)
    groups = "".join(
        f'<g stroke="{xml_text(ink.of(own))}">\n' + "".join(path for _, path in members) + "</g>\n"
        for own, members in groupby(paths, key=lambda pair: pair[0])
    )
    return f'<g fill="none" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round">\n{groups}</g>\n'


def view_box(view: View, digits: int = 2) -> str:
    """The value of a ``viewBox`` attribute."""
    return " ".join(number(value, digits) for value in (view.x, view.y, view.width, view.height))


def title_markup(category: str | None) -> str:
    """A ``<title>``, or nothing for a sketch without a name."""
    return f"<title>{xml_text(category)}</title>\n" if category else ""


def xml_text(text: str) -> str:
    """Text made safe for XML content and attributes; characters that XML cannot hold are left out."""
    return escape(NOT_IN_XML.sub("", text))


def decimals(unit: float, side: float) -> int:
    """How many decimals show a hundredth of a QuickDraw pixel, or less where the whole frame is so small."""
    finest = min(unit, side / COARSEST)
    return max(0, int(np.ceil(2 - np.log10(finest) - 1e-9)))


def number(value: float, digits: int) -> str:
    """Decimal notation without an exponent and without idle zeros."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _document(sketch: Sketch, ink: Ink, view: View, body: str) -> str:
    box = view_box(view, decimals(sketch.unit, view.side))
    width, height = view.size(LONGEST_SIDE)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="{box}" role="img" '
        f'style="background:{xml_text(ink.paper)}">\n{title_markup(sketch.category)}{body}</svg>\n'
    )


def _path(piece: Piece, digits: int, timing: str) -> str:
    joined = ' data-joined="true"' if piece.joined else ""
    return f'<path d="{_path_data(piece.line, digits)}"{joined}{timing}/>\n'


def _path_data(line: Floats, digits: int) -> str:
    """Absolute corners. A dot is a line of no length, which round caps turn into a disc."""
    corners = [f"{number(x, digits)} {number(y, digits)}" for x, y in line.tolist()]
    return f"M{corners[0]}L" + " ".join(corners[1:] or corners)


def _timings(drawn: list[Piece], seconds: float) -> list[str]:
    """Attributes that say when each piece begins and how long it takes; the pen is as fast in the air."""
    if not 0 < seconds < np.inf:
        raise BadOption(f"an animation takes a positive number of seconds, not {seconds:g}")
    lengths = [float(np.hypot(*np.diff(piece.line, axis=0).T).sum()) for piece in drawn]
    flights = [0.0] + [float(np.hypot(*(b.line[0] - a.line[-1]))) for a, b in pairwise(drawn)]
    pace = seconds / (sum(lengths) + sum(flights) or 1.0)
    begins = np.cumsum(flights) + np.cumsum([0.0, *lengths[:-1]])
    return [_timing(begin * pace, length * pace) for begin, length in zip(begins, lengths, strict=True)]


def _timing(begin: float, duration: float) -> str:
    if duration == 0:
        return f' class="dot" style="--at:{number(begin, 3)}s"'
    times = f"--at:{number(begin, 3)}s;--for:{number(duration, 3)}s"
    return f' class="pen" pathLength="1" style="{times}"'
