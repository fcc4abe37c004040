"""Pictures of sketches: the door to everything that draws one.

Nothing here changes the sketch it is given, opens a window or writes a file. ``layout`` says what is drawn where
and in which ink, ``vector`` and ``raster`` draw one sketch, and the modules named ``sheet`` draw many.
"""

from __future__ import annotations

from codes.sketch.layout import PLAIN, Ink, View, ink_length, view_of
from codes.sketch.raster import Pixels, frames, image, paced_frames
from codes.sketch.sheet import Cell, Sheet, contact_sheet
from codes.sketch.sheet_raster import longest_pen, sheet_frames, sheet_image
from codes.sketch.sheet_vector import sheet_svg
from codes.sketch.vector import animated_svg_text, svg_text

__all__ = [
    "PLAIN",
    "Cell",
    "Ink",
    "Pixels",
    "Sheet",
    "View",
    "animated_svg_text",
    "contact_sheet",
    "frames",
    "image",
    "ink_length",
    "longest_pen",
    "paced_frames",
    "sheet_frames",
    "sheet_image",
    "sheet_svg",
    "svg_text",
    "view_of",
]
