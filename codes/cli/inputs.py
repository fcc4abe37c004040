"""Sketches that a command is given: files, folders of files, and standard input.

Knows paths and what cannot be read; one bad file of many does not keep the others from being read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from codes.cli.common import PATH, STREAM, option, several
from codes.errors import BadFile, BadOption, BadSketch
from codes.formats.files import MEGABYTE, disk_errors_of
from codes.formats.registry import READERS, files_in, read
from codes.formats.streams import STANDARD_INPUT, read_bytes
from codes.strokes.stroke3 import Sketch

MAX_STREAM = 64 * MEGABYTE
# FILES and how to read them; :func:`read_inputs` takes what they give.
SKETCH_INPUTS = several(
    click.argument("files", nargs=-1, required=True, type=PATH),
    option("--index", type=int, default=0, show_default=True, section="Data",
           help="Which sketch of a file that holds several, from 0."),
    option("--from", "source_format", type=click.Choice([suffix[1:] for suffix in READERS]), section="Data",
           help="The format of standard input; by default it is told by the content."),
)  # fmt: skip


@dataclass(frozen=True)
class Input:
    """Hold one sketch, the name by which people know it, and its file; standard input has none."""

    name: str
    sketch: Sketch
    file: Path | None


@dataclass(frozen=True)
class Inputs:
    """Hold the sketches that could be read, in order, and what is to be said of those that could not."""

    read: Sequence[Input]
    errors: Sequence[BadFile]

    @property
    def files(self) -> list[Path]:
        """Return the files that were read."""
        return [each.file for each in self.read if each.file is not None]


def read_inputs(files: Sequence[Path], index: int, source_format: str | None) -> Inputs:
    """Read a sketch of each file, of each file in a folder, and of standard input where ``-`` is given.

    Raises:
        BadOption: ``-`` is given twice, a format is named without it, or ``index`` is negative.
    """
    if index < 0:
        raise BadOption(f"sketches are counted from 0, so there is no number {index}")
    if files.count(STREAM) > 1:
        raise BadOption("- is standard input, which can be read once")
    if source_format and STREAM not in files:
        raise BadOption("--from does nothing without -, which reads standard input")
    found: list[Input] = []
    errors: list[BadFile] = []
    for file in files:
        try:
            with disk_errors_of(file):
                members = files_in(file) if file.is_dir() else [file]
        except BadFile as error:
            errors.append(error)
            continue
        for member in members:
            try:
                found.append(_read_stream(index, source_format) if member == STREAM else _read_file(member, index))
            except BadFile as error:
                errors.append(error)
    return Inputs(found, errors)


def _read_file(file: Path, index: int) -> Input:
    try:
        return Input(str(file), read(file, index), file)
    except BadSketch as error:
        raise BadFile(file, str(error)) from error


def _read_stream(index: int, source_format: str | None) -> Input:
    content = sys.stdin.buffer.read(MAX_STREAM + 1)
    if len(content) > MAX_STREAM:
        raise BadFile(STANDARD_INPUT, f"is longer than {MAX_STREAM // MEGABYTE} MB")
    return Input(STANDARD_INPUT, read_bytes(content, source_format and f".{source_format}", index), None)
