"""What the operating system refuses, as a sentence about the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codes.errors import BadFile


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
