"""Write sketches as SVG files; a name that ends in ``.anim.svg`` asks for a picture that draws itself.

This module knows files. How a drawing becomes SVG is for :mod:`codes.strokes.render` to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codes.formats.files import atomic_path
from codes.strokes.render import ANIMATION_SECONDS, animated_svg_text, svg_text
from codes.strokes.sheet import Sheet, contact_sheet, sheet_svg
from codes.strokes.stroke3 import Sketch

ANIMATED = ".anim.svg"


def write(path: str | Path, sketches: Sequence[Sketch]) -> None:
    """Write one sketch as its picture, in its own coordinates; several as a sheet.

    Raises:
        BadOption: there are too many sketches for a sheet.
        BadFile: the file cannot be written.
    """
    if len(sketches) > 1:
        write_sheet(path, contact_sheet(sketches))
        return
    _write_text(path, animated_svg_text(sketches[0]) if _is_animated(path) else svg_text(sketches[0]))


def encode(sketch: Sketch) -> bytes:
    """Return the bytes of a still picture of one sketch, in its own coordinates."""
    return svg_text(sketch).encode()


def write_sheet(path: str | Path, sheet: Sheet) -> None:
    """Write a sheet.

    Raises:
        BadFile: the file cannot be written.
    """
    _write_text(path, sheet_svg(sheet, seconds=ANIMATION_SECONDS if _is_animated(path) else None))


def _is_animated(path: str | Path) -> bool:
    return Path(path).name.lower().endswith(ANIMATED)


def _write_text(path: str | Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
