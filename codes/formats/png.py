"""Sketches to PNG files.

Knows files; how a drawing becomes pixels is for ``codes.sketch.render`` to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codes.errors import BadOption
from codes.formats.atomic import atomic_path
from codes.sketch.render import Pixels, Sheet, contact_sheet, image, sheet_image, view_of
from codes.sketch.strokes import Sketch

LONGEST_SIDE = 512


def write(path: str | Path, sketches: Sequence[Sketch]) -> None:
    """One sketch as its picture, 512 pixels long; several as a sheet.

    Raises:
        BadOption: no sketch, or too many for a sheet.
        BadFile: the file cannot be written.
    """
    if not sketches:
        raise BadOption(f"{path}: there is no sketch to draw")
    if len(sketches) > 1:
        write_sheet(path, contact_sheet(sketches))
        return
    _write_pixels(path, image(sketches[0], view_of(sketches[0]).size(LONGEST_SIDE)))


def write_sheet(path: str | Path, sheet: Sheet) -> None:
    """A sheet with captions of one's own.

    Raises:
        BadOption: the sheet is larger than a picture may be.
        BadFile: the file cannot be written.
    """
    _write_pixels(path, sheet_image(sheet))


def _write_pixels(path: str | Path, pixels: Pixels) -> None:
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", optimize=True)
