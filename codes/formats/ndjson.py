"""Read and write Quick, Draw!'s ``.ndjson``: one drawing a line.

A line is ``{"word": "cat", "drawing": [[[x, ...], [y, ...]], ...]}``. Drawings whose strokes have a third list, of
milliseconds, are raw; reading simplifies them as Google does. A file may have millions of lines, so it is read and
written one line at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from codes.errors import BadFile, BadSketch
from codes.formats import strict_json
from codes.formats.files import MEGABYTE, atomic_path, check_source, disk_errors_of
from codes.formats.strict_json import NotJson
from codes.strokes.geometry import in_quickdraw_pixels, simplify_like_quickdraw
from codes.strokes.stroke3 import MAX_POINTS, Floats, Polylines, Sketch, sketch_from_polylines

MAX_FILE = 1 << 40
MAX_LINE = 8 * MEGABYTE
DECIMALS = 2


def iterate(path: Path) -> Iterator[Sketch]:
    """Yield the drawings, one line at a time; empty lines are skipped.

    Raises:
        BadFile: a line is no drawing; the message has its number.
    """
    found = False
    for number, line in _lines(path):
        try:
            sketch = decode(line)
        except (NotJson, BadSketch) as error:
            raise BadFile(path, f"line {number}: {error}") from error
        found = True
        yield sketch
    if not found:
        raise BadFile(path, "holds no drawings")


def write(path: Path, sketches: Sequence[Sketch]) -> None:
    """Write the sketches in the simplified form, in Quick, Draw! pixels, with up to two decimals.

    Raises:
        BadFile: the file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for number, sketch in enumerate(sketches, start=1):
            file.write(_text(sketch, number))


def encode(sketch: Sketch) -> bytes:
    """Return the bytes of a file of one sketch."""
    return _text(sketch, 1).encode()


def decode(line: bytes) -> Sketch:
    """Return the drawing in one line.

    Raises:
        NotJson: the line is no drawing.
        BadSketch: it has no point, or too many.
    """
    return _sketch(strict_json.parse(line))


def _text(sketch: Sketch, number: int) -> str:
    return json.dumps(_record(sketch, number), separators=(",", ":")) + "\n"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    check_source(path, MAX_FILE)
    with disk_errors_of(path), path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise BadFile(path, f"line {number} is longer than {MAX_LINE // MEGABYTE} MB")
            if line.strip():
                yield number, line


def _sketch(record: Any) -> Sketch:
    if not isinstance(record, dict) or not isinstance(record.get("drawing"), list):
        raise NotJson('it is no object with a "drawing"')
    word = record.get("word")
    if word is not None and not isinstance(word, str):
        raise NotJson('its "word" is no text')
    polylines, raw = _polylines(record["drawing"])
    return sketch_from_polylines(simplify_like_quickdraw(polylines) if raw else polylines, category=word or None)


def _polylines(drawing: list[Any]) -> tuple[Polylines, bool]:
    """Return the strokes that have points, and true if they are raw."""
    if not all(isinstance(stroke, list) and len(stroke) in (2, 3) for stroke in drawing):
        raise NotJson("each stroke must be [[x, ...], [y, ...]], with a third list of times if raw")
    lengths = {len(stroke) for stroke in drawing}
    if len(lengths) > 1:
        raise NotJson("some strokes have times and some have none")
    lines = [_line(stroke) for stroke in drawing]
    if sum(len(line) for line in lines) > MAX_POINTS:
        raise BadSketch(f"the drawing has more than {MAX_POINTS} points")
    return [line for line in lines if len(line)], lengths == {3}


def _line(stroke: list[Any]) -> Floats:
    if not all(isinstance(column, list) and len(column) == len(stroke[0]) for column in stroke):
        raise NotJson("a stroke needs as many x as y, and as many times if it has them")
    # Times count from an unknown moment, so their size says nothing; they are not read.
    x, y = strict_json.coordinates(stroke[0]), strict_json.coordinates(stroke[1])
    return np.array([x, y], dtype=np.float64).T


def _record(sketch: Sketch, number: int) -> dict[str, Any]:
    drawing = [[_column(line[:, 0]), _column(line[:, 1])] for line in in_quickdraw_pixels(sketch).polylines()]
    return {"word": sketch.category or "", "key_id": str(number), "recognized": True, "drawing": drawing}


def _column(values: Floats) -> list[float]:
    rounded = [round(value, DECIMALS) for value in values.tolist()]
    return [int(value) if value.is_integer() else value for value in rounded]
