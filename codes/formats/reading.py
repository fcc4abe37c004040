"""Opening files from strangers: there, ordinary, not empty, not absurdly large.

Knows paths and sizes; knows nothing of formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codes.errors import BadFile, BadSketch
from codes.formats.disk import disk_errors_of

MEGABYTE = 1 << 20


def check_source(path: Path, limit: int) -> None:
    """Refuse a path that is no ordinary file, or one that is empty or larger than ``limit`` bytes.

    Raises:
        BadFile: it is one of these.
    """
    with disk_errors_of(path):
        if path.is_dir():
            raise BadFile(path, "is a folder, not a file")
        if not path.exists():
            raise BadFile(path, "there is no such file")
        if not path.is_file():
            raise BadFile(path, "is no ordinary file")
        size = path.stat().st_size
    if size == 0:
        raise BadFile(path, "the file is empty")
    if size > limit:
        raise BadFile(path, f"has {size} bytes; at most {limit // MEGABYTE} MB are read")


def read_text(path: Path, limit: int) -> str:
    """The whole file as text, a byte order mark left out.

    Raises:
        BadFile: it is no ordinary file, is too large or is not UTF-8.
    """
    check_source(path, limit)
    with disk_errors_of(path):
        content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(path, "is not a text file in UTF-8") from error


@contextmanager
def bad_sketches_of(path: Path, which: str) -> Iterator[None]:
    """Turn a :class:`BadSketch` into a :class:`BadFile` that says in which drawing of which file it is."""
    try:
        yield
    except BadSketch as error:
        raise BadFile(path, f"{which}: {error}") from error
