"""Write sketches as pictures: PNG files, and GIF files that draw themselves stroke by stroke.

This module knows files, palettes and timing. How a drawing becomes pixels is for :mod:`codes.strokes.render` and
:mod:`codes.strokes.sheet` to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codes.errors import BadOption
from codes.formats.files import atomic_path
from codes.strokes.layout import (
    ADDED_COLOUR,
    CAPTION_COLOUR,
    OWN_COLOUR,
    PAPER_COLOUR,
    SHEET_COLOUR,
    ink_length,
    view_of,
)
from codes.strokes.render import Pixels, image, paced_frames
from codes.strokes.sheet import Sheet, check_pixels, contact_sheet, longest_ink_length, sheet_frames, sheet_image
from codes.strokes.stroke3 import Sketch

if TYPE_CHECKING:
    from PIL import Image

PNG_SIDE = 512
GIF_SIDE = 360
FRAME_MS = 40
LAST_FRAME_MS = 2000
FRAMES_PER_SIDE = 20
MIN_FRAMES = 20
MAX_FRAMES = 100
MAX_GIF_CELLS = 100
SHADES = 12


def write(path: str | Path, sketches: Sequence[Sketch]) -> None:
    """Write one sketch as its picture, several as a sheet; the suffix ``.png`` or ``.gif`` says which kind.

    Raises:
        BadOption: there are more sketches than a sheet shows.
        BadFile: the file cannot be written.
    """
    if len(sketches) > 1:
        write_sheet(path, contact_sheet(sketches))
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode_gif(sketches[0]) if _is_gif(path) else encode_png(sketches[0]))


def write_sheet(path: str | Path, sheet: Sheet) -> None:
    """Write a sheet; in a GIF all its cells draw themselves at once.

    Raises:
        BadOption: the sheet is larger than a picture may be, or has more cells than a GIF animates.
        BadFile: the file cannot be written.
    """
    check_sheet(Path(path).suffix.lower(), sheet)
    if _is_gif(path):
        content = _gif_bytes(sheet_frames(sheet, frame_count(longest_ink_length(sheet))))
    else:
        content = _png_bytes(sheet_image(sheet))
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def check_sheet(suffix: str, sheet: Sheet) -> None:
    """Refuse a sheet that is larger than a picture may be.

    Raises:
        BadOption: it has too many pixels, or more cells than a GIF animates.
    """
    if suffix == ".gif" and len(sheet.placed_cells) > MAX_GIF_CELLS:
        raise BadOption(f"a GIF animates at most {MAX_GIF_CELLS} sketches, not {len(sheet.placed_cells)}")
    check_pixels(sheet)


def encode_png(sketch: Sketch) -> bytes:
    """Return a PNG of the sketch, its longest side 512 pixels."""
    return _png_bytes(image(sketch, view_of(sketch).size(PNG_SIDE)))


def encode_gif(sketch: Sketch) -> bytes:
    """Return a GIF in which the sketch draws itself, its longest side 360 pixels."""
    view = view_of(sketch)
    length = ink_length(sketch, view)
    step = length * view.side / frame_count(length)
    return _gif_bytes(paced_frames(sketch, view.size(GIF_SIDE), step))


def frame_count(length: float) -> int:
    """Return how many frames show lines of this length, in longest sides of the frame: from 20 to 100."""
    return int(np.clip(round(length * FRAMES_PER_SIDE), MIN_FRAMES, MAX_FRAMES))


def _is_gif(path: str | Path) -> bool:
    return Path(path).suffix.lower() == ".gif"


def _png_bytes(pixels: Pixels) -> bytes:
    from PIL import Image

    content = BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _gif_bytes(frames: Iterable[Pixels]) -> bytes:
    content = BytesIO()
    pictures = list(_quantised(frames, _palette()))
    durations = [FRAME_MS] * (len(pictures) - 1) + [LAST_FRAME_MS]
    pictures[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
        optimize=True,
    )
    return content.getvalue()


def _quantised(frames: Iterable[Pixels], palette: Image.Image) -> Iterator[Image.Image]:
    from PIL import Image

    for pixels in frames:
        yield Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)


def _palette() -> Image.Image:
    """Return the colours of lines, papers and the smooth edges between them, the same for every frame.

    Pillow finds the nearest colour to within four levels only, so shades lie farther apart than that.
    """
    from PIL import Image, ImageColor

    edges = [
        (PAPER_COLOUR, OWN_COLOUR),
        (PAPER_COLOUR, ADDED_COLOUR),
        (OWN_COLOUR, ADDED_COLOUR),
        (SHEET_COLOUR, OWN_COLOUR),
        (SHEET_COLOUR, CAPTION_COLOUR),
    ]
    ramps = [np.linspace(ImageColor.getrgb(a), ImageColor.getrgb(b), SHADES) for a, b in edges]
    colours = np.unique(np.concatenate(ramps).round().astype(np.uint8), axis=0)
    picture = Image.new("P", (1, 1))
    picture.putpalette(colours.tobytes())
    return picture
