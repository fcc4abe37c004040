"""Sketches to PNG files.

Knows files; how a drawing becomes pixels is for ``codes.sketch.render`` to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from codes.errors import BadOption
from codes.formats.files import atomic_path
from codes.sketch.layout import view_of
from codes.sketch.render import Pixels, image
from codes.sketch.sheet import Sheet, contact_sheet, sheet_image
from codes.sketch.stroke3 import Sketch

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
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode(sketches[0]))


def write_sheet(path: str | Path, sheet: Sheet) -> None:
    """A sheet with captions of one's own.

    Raises:
        BadOption: the sheet is larger than a picture may be.
        BadFile: the file cannot be written.
    """
    _write_pixels(path, sheet_image(sheet))


def encode(sketch: Sketch) -> bytes:
    """One sketch as its picture, 512 pixels long."""
    return _encoded(image(sketch, view_of(sketch).size(LONGEST_SIDE)))


def _write_pixels(path: str | Path, pixels: Pixels) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(_encoded(pixels))


def _encoded(pixels: Pixels) -> bytes:
    from PIL import Image

    content = BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", optimize=True)
    return content.getvalue()
