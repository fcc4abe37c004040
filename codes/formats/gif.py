"""Sketches to GIF files that draw themselves, stroke by stroke.

Knows files, palettes and timing; how a drawing becomes frames is for ``codes.sketch.render`` to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codes.errors import BadOption
from codes.formats.files import atomic_path
from codes.sketch.layout import DEFAULT_INK, Ink, ink_length, view_of
from codes.sketch.render import Pixels, paced_frames
from codes.sketch.sheet import Sheet, contact_sheet, longest_pen, sheet_frames
from codes.sketch.stroke3 import Sketch

if TYPE_CHECKING:
    from PIL import Image

LONGEST_SIDE = 360
FRAME_MS = 40
LAST_FRAME_MS = 2000
FRAMES_PER_SIDE = 20
FEWEST_FRAMES = 20
MOST_FRAMES = 100
MOST_CELLS = 100
SHADES = 12


def write(path: str | Path, sketches: Sequence[Sketch]) -> None:
    """One sketch drawing itself, 360 pixels long; several together on one sheet.

    Raises:
        BadOption: no sketch, or more than an animated sheet shows.
        BadFile: the file cannot be written.
    """
    if not sketches:
        raise BadOption(f"{path}: there is no sketch to draw")
    if len(sketches) > 1:
        _check_count(len(sketches))
        write_sheet(path, contact_sheet(sketches))
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode(sketches[0]))


def encode(sketch: Sketch) -> bytes:
    """One sketch drawing itself, 360 pixels long."""
    view = view_of(sketch)
    sides = ink_length(sketch, view)
    step = sides * view.side / frame_count(sides)
    return _encoded(paced_frames(sketch, view.size(LONGEST_SIDE), DEFAULT_INK, step))


def write_sheet(path: str | Path, sheet: Sheet) -> None:
    """A sheet with captions of one's own; all its cells draw themselves at once.

    Raises:
        BadOption: more cells than an animated sheet shows, or the sheet is larger than a picture may be.
        BadFile: the file cannot be written.
    """
    _check_count(len(sheet.places))
    with atomic_path(path) as temporary:
        temporary.write_bytes(_encoded(sheet_frames(sheet, DEFAULT_INK, frame_count(longest_pen(sheet)))))


def frame_count(sides: float) -> int:
    """How many frames it takes to draw ink as long as ``sides`` times the frame's longest side."""
    return int(np.clip(round(sides * FRAMES_PER_SIDE), FEWEST_FRAMES, MOST_FRAMES))


def _check_count(count: int) -> None:
    if count > MOST_CELLS:
        raise BadOption(f"a GIF animates at most {MOST_CELLS} sketches, not {count}")


def _encoded(frames: Iterable[Pixels]) -> bytes:
    content = BytesIO()
    pictures = list(_in_palette(frames, _palette(DEFAULT_INK)))
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


def _in_palette(frames: Iterable[Pixels], palette: Image.Image) -> Iterator[Image.Image]:
    from PIL import Image

    for pixels in frames:
        yield Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)


def _palette(ink: Ink) -> Image.Image:
    """The colours of inks, papers and the smooth edges between them, the same for every frame.

    Pillow finds the nearest colour to within four levels only, so shades lie farther apart than that.
    """
    from PIL import Image, ImageColor

    edges = [
        (ink.paper, ink.own),
        (ink.paper, ink.added),
        (ink.own, ink.added),
        (ink.desk, ink.own),
        (ink.desk, ink.quiet),
    ]
    ramps = [np.linspace(ImageColor.getrgb(a), ImageColor.getrgb(b), SHADES) for a, b in edges]
    colours = np.unique(np.concatenate(ramps).round().astype(np.uint8), axis=0)
    picture = Image.new("P", (1, 1))
    picture.putpalette(colours.tobytes())
    return picture
