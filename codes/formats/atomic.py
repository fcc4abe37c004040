"""Whole files or none: write under a temporary name in the same folder, then rename.

Knows paths and the file system; knows nothing of what is written.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codes.errors import BadFile
from codes.formats.disk import disk_errors_of


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
