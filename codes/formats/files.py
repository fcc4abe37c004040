"""What the operating system refuses, as a sentence about the file.

Whole files or none: write under a temporary name in the same folder, then rename.

Knows paths and the file system; knows nothing of what is written.

Opening files from strangers: there, ordinary, not empty, not absurdly large.

Knows paths and sizes; knows nothing of formats.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codes.errors import BadFile, BadSketch


@contextmanager
def disk_errors_of(path: str | Path, done: str = "read") -> Iterator[None]:
    """Turn an OSError into "PATH: cannot be DONE (why)".

    Raises:
        BadFile: the disk refused. An OSError without a number is a library's own complaint, and goes on as it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise BadFile(path, f"cannot be {done} ({os.strerror(error.errno).lower()})") from error


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` with the same suffix; it takes the place of ``path`` if all goes well.

    The temporary file exists, empty, when the block begins. If the block raises, it is removed and whatever
    was at ``path`` before is untouched.

    Raises:
        BadFile: the folder is missing or not writable, ``path`` is no ordinary file, or the disk refuses.
    """
    path = Path(path)
    target = _destination(path)
    temporary = target.with_name(f".{secrets.token_hex(6)}.tmp{target.suffix}")
    with disk_errors_of(path, "written"):
        try:
            temporary.touch(exist_ok=False)
            yield temporary
            _flush(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _destination(path: Path) -> Path:
    """Where ``path`` really leads, links followed, so that a link stays a link."""
    with disk_errors_of(path, "written"):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise BadFile(path, "cannot be written, as it is a folder")
        if target.exists() and not target.is_file():
            raise BadFile(path, "cannot be written, as it is no ordinary file")
        if target.exists() and not os.access(target, os.W_OK):
            raise BadFile(path, "cannot be written, as it is read-only")
        if not target.parent.is_dir():
            raise BadFile(path, f"cannot be written, as the folder {path.parent} does not exist")
    return target


def _flush(temporary: Path) -> None:
    with temporary.open("r+b") as file:
        os.fsync(file.fileno())


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
