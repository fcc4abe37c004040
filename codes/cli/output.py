"""Results to files: one sketch as itself, several as a sheet.

Knows which suffix asks for a picture; the formats themselves are :mod:`codes.formats`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codes.errors import BadFile
from codes.formats.registry import WRITERS, write, write_sheet
from codes.inference.options import Completion
from codes.strokes.layout import view_of
from codes.strokes.sheet import Cell, Sheet
from codes.strokes.stroke3 import Sketch

PICTURES = (".svg", ".png", ".gif")


def check_suffix(path: Path) -> None:
    """Refuse, before any work is done, a file that could not be written.

    Raises:
        BadFile: no such format, or the folder is not there.
    """
    if path.suffix.lower() not in WRITERS:
        raise BadFile(path, f"cannot be written; the suffix must be one of {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise BadFile(path, "its folder does not exist")


def completion_row(prefix: Sketch, completions: Sequence[Completion], caption: str) -> list[Cell]:
    """Return a row of cells: the prefix, then its completions, all in one frame."""
    view = view_of(prefix, *(completion.sketch for completion in completions))
    later = [Cell(each.sketch, f"{each.category} {each.probability:.0%}", view) for each in completions]
    return [Cell(prefix, caption if later else "none of these", view), *later]


def write_results(path: Path, rows: Sequence[tuple[Sketch, Sequence[Completion], str]]) -> None:
    """Write prefixes with their completions: a sheet if a picture is asked for, else the finished sketches.

    A single completion of a single prefix is written as itself, in the prefix's own units and place.
    """
    finished = [completion.sketch for _, completions, _ in rows for completion in completions]
    if (len(rows) == 1 and len(finished) == 1) or path.suffix.lower() not in PICTURES:
        write(path, finished)
    else:
        write_sheet(path, Sheet([completion_row(*row) for row in rows]))
