"""Sketches to the bytes of a file and back, in memory: nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np

from codes.errors import BadOption
from codes.formats import ndjson, svg_in
from codes.formats.registry import encode
from codes.formats.strict_json import NotJson, shown
from codes.formats.svg_shapes import NotSvg
from codes.sketch.stroke3 import Sketch
from codes.web.limits import Limits, check_limit

MEDIA: Mapping[str, str] = MappingProxyType(
    {"svg": "image/svg+xml", "png": "image/png", "gif": "image/gif", "ndjson": "application/x-ndjson"}
)
READ = (".svg", ".ndjson")


@dataclass(frozen=True)
class Content:
    """A file as bytes, and what they are."""

    data: bytes
    media: str
    suffix: str


def converted(sketch: Sketch, to: object) -> Content:
    """The sketch as a file.

    Raises:
        BadOption: not of a kind that is made here.
    """
    if not isinstance(to, str) or to not in MEDIA:
        raise BadOption(f"to is one of {', '.join(MEDIA)}, not {shown(to)}")
    return Content(encode(sketch, f".{to}"), MEDIA[to], to)


def read_bytes(name: str, data: bytes, limits: Limits) -> Sketch:
    """The sketch in the bytes of a file; its name says of what kind it is and nothing else. The first, if many.

    Raises:
        BadOption: of another kind, or not what its name says.
        BadSketch: there is no point in it.
        OverLimit: there is more in it than may be asked about.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in READ:
        raise BadOption(f"files read are {', '.join(READ)}")
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


def with_machine_strokes(sketch: Sketch, strokes: Any, first: object) -> Sketch:
    """The sketch, its strokes from number ``first`` on being the machine's.

    Raises:
        BadOption: there is no such stroke.
    """
    if first is None:
        return sketch
    if type(first) is not int or not 0 <= first <= len(strokes):
        raise BadOption(f"drawn is the index of the first stroke that was drawn by the machine, not {shown(first)}")
    own = sum(1 for stroke in strokes[:first] if stroke)
    ends = np.flatnonzero(sketch.points[:, 2] == 1) + 1
    rows = 0 if own == 0 else int(ends[own - 1]) if own <= len(ends) else len(sketch)
    return replace(sketch, prefix_rows=rows)


def _first_line(data: bytes) -> bytes:
    return next((line for line in data.splitlines() if line.strip()), b"")
