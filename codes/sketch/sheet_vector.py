"""A sheet as SVG text, still or drawing itself.

Knows SVG; the plan of the sheet comes from ``sheet``, the strokes of each drawing from ``vector``.
"""

from __future__ import annotations

from codes.sketch.layout import PLAIN, Ink
from codes.sketch.sheet import ROUNDING, Placed, Sheet, Words, guessed_length, texts
from codes.sketch.vector import MOTION, decimals, strokes_markup, title_markup, view_box, xml_text

FONTS = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"


def sheet_svg(sheet: Sheet, ink: Ink = PLAIN, seconds: float | None = None) -> str:
    """The sheet as SVG text; with ``seconds``, all cells draw themselves in that time.

    Raises:
        BadOption: ``seconds`` is not a positive number.
    """
    width, height = sheet.size
    cells = "".join(_cell(place, sheet.side, ink, seconds) for place in sheet.places)
    words = "".join(_text(text) for text in texts(sheet, ink, guessed_length))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">\n{title_markup(sheet.title)}'
        f"{'' if seconds is None else MOTION}"
        f'<rect width="{width}" height="{height}" fill="{xml_text(ink.desk)}"/>\n'
        f'{cells}<g font-family="{FONTS}">\n{words}</g>\n</svg>\n'
    )


def _cell(place: Placed, side: int, ink: Ink, seconds: float | None) -> str:
    corner = f'x="{place.x}" y="{place.y}" width="{side}" height="{side}"'
    box = view_box(place.view, decimals(place.sketch.unit, place.view.side))
    return (
        f'<rect {corner} rx="{ROUNDING}" fill="{xml_text(ink.paper)}"/>\n'
        f'<svg {corner} viewBox="{box}">\n{title_markup(place.sketch.category)}'
        f"{strokes_markup(place.sketch, ink, place.view, seconds)}</svg>\n"
    )


def _text(words: Words) -> str:
    anchor = ' text-anchor="middle"' if words.centred else ""
    # Not every program knows dominant-baseline; a third of the size lowers the line to its middle everywhere.
    return (
        f'<text x="{words.x:g}" y="{words.y + 0.35 * words.size:g}" font-size="{words.size:g}"'
        f'{anchor} fill="{xml_text(words.colour)}">{xml_text(words.text)}</text>\n'
    )
