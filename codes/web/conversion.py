"""Make files of sketches and sketches of files, in memory.

Knows the formats that the page offers; knows no disk and no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from codes.errors import BadOption
from codes.formats import ndjson, svg_in
from codes.formats.registry import encode
from codes.formats.strict_json import NotJson, short_repr
from codes.formats.svg_shapes import NotSvg
from codes.strokes.stroke3 import Sketch
from codes.web.limits import Limits, check_limit

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {"svg": "image/svg+xml", "png": "image/png", "gif": "image/gif", "ndjson": "application/x-ndjson"}
)
READABLE = (".svg", ".ndjson")


@dataclass(frozen=True)
class ConvertedFile:
    """Hold a file: its bytes, media type and suffix without a dot."""

    data: bytes
    media_type: str
    suffix: str


def convert(sketch: Sketch, to: str) -> ConvertedFile:
    """Return the sketch as a file of the format ``to``.

    Raises:
        BadOption: no such format is written here.
    """
    if to not in MEDIA_TYPES:
        raise BadOption(f"to is one of {', '.join(MEDIA_TYPES)}, not {short_repr(to)}")
    return ConvertedFile(encode(sketch, f".{to}"), MEDIA_TYPES[to], to)


def read_bytes(name: str, data: bytes, limits: Limits) -> Sketch:
    """Return the first sketch in the bytes of a file.

    Args:
        name: the file's name; only its suffix is looked at.
        data: the file's content.
        limits: how much may be in it.

    Raises:
        BadOption: the suffix is another one, or the content is not what the suffix says.
        BadSketch: the file has no points.
        OverLimit: the sketch has too many strokes or points.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in READABLE:
        raise BadOption(f"files read are {', '.join(READABLE)}")
    try:
        sketch = svg_in.decode(data.decode("utf-8-sig")) if suffix == ".svg" else ndjson.decode(_first_line(data))
    except UnicodeDecodeError as error:
        raise BadOption("the file is no text in UTF-8") from error
    except (NotSvg, NotJson) as error:
        raise BadOption(f"the file {error}" if isinstance(error, NotSvg) else f"the file: {error}") from error
    strokes = sketch.polylines()
    check_limit("strokes", limits.strokes, len(strokes), "strokes in a sketch")
    check_limit("points", limits.points, sum(map(len, strokes)), "points in a sketch")
    return sketch


def _first_line(data: bytes) -> bytes:
    return next((line for line in data.splitlines() if line.strip()), b"")
