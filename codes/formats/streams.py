"""Read a sketch from bytes that have no name, such as standard input, and turn what would be a file into bytes.

Knows how the formats begin; how they go on is the readers' and writers' own. Both work on files, so the bytes pass
through a temporary one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from codes.errors import BadFile
from codes.formats.registry import READERS, read
from codes.strokes.stroke3 import Sketch

STANDARD_INPUT = "standard input"
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_bytes(content: bytes, suffix: str | None = None, index: int = 0) -> Sketch:
    """Return one sketch of what would be a file; see :func:`codes.formats.registry.read`.

    Args:
        content: all of it.
        suffix: of its format, with the dot; by default it is told by the content.
        index: which sketch, from 0.

    Raises:
        BadFile: it cannot be read, or is in no format that is known.
    """
    suffix = suffix or suffix_of(content)
    with TemporaryDirectory(prefix="halfdrawn-") as folder:
        path = Path(folder) / f"input{suffix}"
        path.write_bytes(content)
        try:
            return read(path, index)
        except BadFile as error:
            raise BadFile(STANDARD_INPUT, error.reason) from error


def suffix_of(content: bytes) -> str:
    """Return the suffix of the format in which a file begins like this.

    Raises:
        BadFile: it is empty, or begins like none of them.
    """
    if not content.strip():
        raise BadFile(STANDARD_INPUT, "is empty")
    if content.startswith(b"PK"):
        return ".npz"
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    text = content.decode(encoding, errors="replace").lstrip()
    if text.startswith("<"):
        return ".svg"
    if text.startswith("["):
        return ".json"
    if text.startswith("{"):
        return ".ndjson" if _is_line_of_ndjson(text.split("\n", 1)[0]) else ".json"
    raise BadFile(STANDARD_INPUT, f"its format cannot be told; name it with --from ({', '.join(READERS)})")


def _is_line_of_ndjson(line: str) -> bool:
    try:
        return "drawing" in json.loads(line)
    except (ValueError, RecursionError):
        return False


def bytes_of(write: Callable[[Path], None], suffix: str) -> bytes:
    """Return what ``write`` writes into a file with this suffix."""
    with TemporaryDirectory(prefix="halfdrawn-") as folder:
        path = Path(folder) / f"output{suffix}"
        write(path)
        return path.read_bytes()
