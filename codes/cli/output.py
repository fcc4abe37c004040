"""Where a command writes its result: a file or standard output; one sketch as itself, several as a sheet.

Knows which suffix asks for a picture, and checks before any work is done that the result can be written; the formats
themselves are :mod:`codes.formats`'s. On a sheet each row begins with what a person drew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from codes.cli.common import PATH, STREAM, Command, option, several
from codes.errors import BadFile, BadOption
from codes.formats.files import check_destination
from codes.formats.registry import WRITERS, check_sheet, write, write_sheet
from codes.formats.streams import bytes_of
from codes.inference.options import Completion
from codes.strokes.layout import view_of
from codes.strokes.sheet import Cell, Sheet, column_count
from codes.strokes.stroke3 import DX, DY, LIFT, Sketch

PICTURES = (".svg", ".png", ".gif")
LEGEND = "black: drawn, red: added, %: how sure"
HARDLY_ANY = 0.1  # of the length of all lines; to four fifths of a sketch about a fifth is added


def output_options(what: str, overwrites: bool = True) -> Callable[[Command], Command]:
    """Return a decorator that adds -o, --to and, where inputs could be overwritten, --force; see :func:`output_of`.

    Args:
        what: the help of -o.
        overwrites: false for a command that reads no files.
    """
    force = option("--force", is_flag=True, section="Output", help="Overwrite a file that is read.")
    return several(
        option("-o", "--out", type=PATH, section="Output", help=what),
        option("--to", type=click.Choice([suffix[1:] for suffix in WRITERS]), section="Output",
               help="The format of standard output, which is -o -; svg by default."),
        *([force] if overwrites else []),
    )  # fmt: skip


@dataclass(frozen=True)
class Output:
    """Say where a result goes, and write it there.

    Attributes:
        path: the file; None where none is asked for, ``-`` for standard output.
        suffix: of its format.
        force: true if it may be one of the inputs.
    """

    path: Path | None
    suffix: str = ""
    force: bool = False

    @property
    def is_stream(self) -> bool:
        """Return true if the result goes to standard output."""
        return self.path == STREAM

    @property
    def is_picture(self) -> bool:
        """Return true if several sketches go on a sheet."""
        return self.suffix in PICTURES

    def check(self, inputs: Sequence[Path] = ()) -> None:
        """Refuse, before any work is done, what could not be written or would overwrite an input.

        Raises:
            BadFile: no such format, no place for it, or it is one of the inputs.
        """
        if self.path is None or self.is_stream:
            return
        if self.suffix not in WRITERS:
            raise BadFile(self.path, f"cannot be written; the suffix must be one of {', '.join(WRITERS)}")
        check_overwritten(self.path, inputs, self.force)
        check_destination(self.path)

    def check_sheet(self, sheet: Sheet) -> None:
        """Refuse, before it is drawn, a sheet that is too large for a picture of this kind; see :func:`check_sheet`."""
        if self.is_picture:
            check_sheet(self.suffix, sheet)

    def write(self, sketches: Sequence[Sketch], sheet: Sheet | None = None, silent: bool = False) -> None:
        """Write a sheet if there is one and a picture is asked for, else the sketches; say where unless ``silent``."""
        assert self.path is not None

        def writer(path: Path) -> None:
            if sheet is not None and self.is_picture:
                write_sheet(path, sheet)
            else:
                write(path, sketches)

        if self.is_stream:
            sys.stdout.buffer.write(bytes_of(writer, self.suffix))
            sys.stdout.buffer.flush()
            return
        writer(self.path)
        if not silent:
            self.say(f"written: {self.path}")

    def say(self, text: str) -> None:
        """Tell people something, on standard error where standard output is the result's."""
        click.echo(text, err=self.is_stream)


def output_of(options: dict[str, Any], as_json: bool) -> Output:
    """Return where a result goes, and take --out, --to and --force out of ``options``.

    Raises:
        BadOption: options contradict each other or do nothing.
    """
    path, kind, force = options.pop("out"), options.pop("to"), options.pop("force", False)
    if path is None and (kind or force):
        raise BadOption(f"{'--to' if kind else '--force'} does nothing without -o")
    if path != STREAM and kind:
        raise BadOption("--to is the format of -o -; that of a file is told by its name")
    if path == STREAM and force:
        raise BadOption("--force does nothing with -o -, which overwrites nothing")
    if path == STREAM and as_json:
        raise BadOption("--json and -o - both want standard output; give one of the two")
    if path is None:
        return Output(None)
    return Output(path, f".{kind or 'svg'}" if path == STREAM else path.suffix.lower(), force)


def check_overwritten(out: Path, inputs: Sequence[Path], force: bool | None = None) -> None:
    """Refuse to overwrite an input unasked.

    Args:
        out: the file to be written.
        inputs: the files that are read.
        force: the flag --force; None for a command that has none.

    Raises:
        BadFile: ``out`` is one of them.
    """
    if not force and out.resolve() in {each.resolve() for each in inputs}:
        flag = "" if force is None else ", or add --force"
        raise BadFile(out, f"is read, and would be overwritten; name another file{flag}")


@dataclass(frozen=True)
class Figures:
    """Hold a sketch and what is shown of it: its name, and its completions if there are any."""

    name: str
    sketch: Sketch
    completions: Sequence[Completion]


def figures_sheet(rows: Sequence[Figures]) -> Sheet:
    """Return a sheet of sketches, each beside its completions, with what is what: nine are three rows of three."""
    return Sheet([row for each in rows for row in _rows_of(each)], title=LEGEND)


def planned_sheet(sketches: Sequence[Sketch], categories: int, variations: int) -> Sheet:
    """Return a sheet of the size that one of so many completions of each sketch will have."""
    columns = _columns(categories, variations)
    cells = (Cell(sketch, "-") for sketch in sketches)
    return Sheet([row for each in cells for row in _arranged(each, [each] * categories * variations, columns)], LEGEND)


def _rows_of(figures: Figures) -> list[list[Cell]]:
    view = view_of(figures.sketch, *(each.sketch for each in figures.completions))
    name = printable(Path(figures.name).name)
    first = Cell(figures.sketch, f"{_remark(figures.completions)}{name}", view)
    later = [Cell(each.sketch, f"{each.category} {each.probability:.0%}", view) for each in figures.completions]
    categories = len({each.category for each in figures.completions})
    return _arranged(first, later, _columns(categories, len(later) // max(1, categories)))


def _remark(completions: Sequence[Completion]) -> str:
    """Return what is said of a sketch before its name, which may be too long to be shown whole."""
    if not completions:
        return "none of these: "
    return "looks finished: " if looks_finished(completions) else ""


def _columns(categories: int, variations: int) -> int:
    """Return how many completions stand beside one another; a category has rows of its own if it has several."""
    return column_count(max(1, variations if variations > 1 else categories))


def _arranged(first: Cell, later: Sequence[Cell], columns: int) -> list[list[Cell]]:
    """Return rows of cells: the first alone in the leftmost column, the others in a block beside it."""
    starts = range(0, max(1, len(later)), columns)
    return [[first if start == 0 else Cell(None), *later[start : start + columns]] for start in starts]


def looks_finished(completions: Sequence[Completion]) -> bool:
    """Return true if the model ended every completion itself, and added hardly anything to most of them."""
    ended = bool(completions) and all(each.ended for each in completions)
    return ended and median(_share_added(each.sketch) for each in completions) <= HARDLY_ANY


def _share_added(sketch: Sketch) -> float:
    """Return how much of the length of all lines was added to the prefix, from 0 to 1."""
    pen_down = np.array([True, *(sketch.points[:-1, LIFT] == 0)])
    lengths = np.hypot(sketch.points[:, DX], sketch.points[:, DY]) * pen_down
    return float(lengths[sketch.prefix_rows or 0 :].sum() / max(lengths.sum(), np.finfo(float).tiny))


def printable(name: str) -> str:
    """Return a file's name as it can be shown: bytes that are no text and control characters become question marks."""
    return "".join(each if each.isprintable() else "?" for each in name)
