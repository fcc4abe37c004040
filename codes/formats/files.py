"""Write files as a whole or not at all, check files from strangers, and turn disk errors into sentences.

This module knows paths, sizes and the file system. It knows no format.

A new file is written under a temporary name in its folder, which is made if need be, and then renamed. A file to be
read must be an ordinary file that is neither empty nor too large.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codes.errors import BadFile, BadSketch

MEGABYTE = 1 << 20


@contextmanager
def disk_errors_of(path: str | Path, action: str = "read") -> Iterator[None]:
    """Turn an OSError into the sentence "PATH: cannot be ACTION (why)".

    Raises:
        BadFile: the system refused. An OSError without a number comes from a library, and is raised as it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise BadFile(path, f"cannot be {action} ({os.strerror(error.errno).lower()})") from error


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` with the same suffix; it replaces ``path`` if the block succeeds.

    The temporary file exists, empty, when the block begins; folders that are missing are made. If the block raises,
    all of this is removed, and what was at ``path`` before is untouched. The file has the mode of any new file, also
    where a library that writes it would keep it from others.

    Raises:
        BadFile: the folder is not writable, ``path`` is no ordinary file, or the disk fails.
    """
    path = Path(path)
    target = check_destination(path)
    temporary = target.with_name(f".{secrets.token_hex(6)}.tmp{target.suffix}")
    missing = [folder for folder in target.parents if not folder.exists()]
    with disk_errors_of(path, "written"):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.touch(exist_ok=False)
            mode = temporary.stat().st_mode
            yield temporary
            temporary.chmod(mode)
            _flush(temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            for folder in missing:
                with suppress(OSError):  # it was never made, or somebody else put something into it
                    folder.rmdir()
            raise


def check_destination(path: Path) -> Path:
    """Check, before any work is done, that a file may be written here.

    Returns:
        Where ``path`` leads with links followed, so that a link stays a link.

    Raises:
        BadFile: ``path`` is no ordinary file or read-only, or its folder is none or cannot be made.
    """
    with disk_errors_of(path, "written"):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise BadFile(path, "cannot be written, as it is a folder")
        if target.exists() and not target.is_file():
            raise BadFile(path, "cannot be written, as it is no ordinary file")
        if target.exists() and not os.access(target, os.W_OK):
            raise BadFile(path, "cannot be written, as it is read-only")
        folder = next(each for each in target.parents if each.exists())
        if not folder.is_dir():
            raise BadFile(path, f"cannot be written, as {folder} is no folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise BadFile(path, f"cannot be written, as the folder {folder} is read-only")
    return target


def _flush(temporary: Path) -> None:
    with temporary.open("r+b") as file:
        os.fsync(file.fileno())


def check_source(path: Path, limit: int) -> None:
    """Check that a path is an ordinary file, not empty and not larger than ``limit`` bytes.

    Raises:
        BadFile: it is not.
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
    """Return the whole file as text without a byte order mark.

    Raises:
        BadFile: it is no ordinary file, too large, or not UTF-8.
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
    """Turn a :class:`BadSketch` into a :class:`BadFile` that names the file and the drawing."""
    try:
        yield
    except BadSketch as error:
        raise BadFile(path, f"{which}: {error}") from error
