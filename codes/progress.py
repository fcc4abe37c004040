"""Progress on standard error: a bar where a person watches, a plain line every ten seconds where it goes into a file.

Knows tqdm and where standard error leads; knows nothing of the work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO, TypeVar, cast

from tqdm import tqdm

T = TypeVar("T")
SECONDS_A_LINE = 10.0


class LineStream:
    """Write each state of a bar as a line of its own, in place of a carriage return over the last one."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._count = ""

    def write(self, text: str) -> None:
        """Write what is left of ``text`` without control characters and padding, unless the count is still the same.

        A bar that is full is written once more when it is closed.
        """
        line = text.strip("\r\n ")
        count = line.partition("[")[0]
        if line and count != self._count:
            self.stream.write(f"{line}\n")
            self._count = count

    def flush(self) -> None:
        """Hand on what was written."""
        self.stream.flush()


def progress(iterable: Iterable[T] | None = None, **options: Any) -> tqdm[T]:
    """Return tqdm's bar over ``iterable``, or one that is moved by hand, with tqdm's own options.

    A terminal that cannot show Unicode gets a bar of ASCII. Where standard error is no terminal there is no bar but a
    plain line at the start, every ten seconds and at the end.
    """
    if not sys.stderr.isatty():
        plain = {"file": LineStream(sys.stderr), "ncols": 0, "mininterval": SECONDS_A_LINE, "miniters": 1}
        options = {**options, **plain}
    return cast("tqdm[T]", tqdm(iterable, **options))
