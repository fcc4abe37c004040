"""Read and write strokes as JSON, the form that canvases and scripts use.

A sketch is ``{"strokes": [[[x, y], ...], ...], "unit": 1.5, "category": "cat"}``, or only the list of strokes. Several
sketches are a list of such objects. Fields beside ``strokes``:

``unit``: units in a Quick, Draw! pixel; guessed from the size of the drawing if left out.
``category``: the name of what it shows.
``drawn``: true by default, which says that the points are as a pen gave them.
``pen_down``: true if the last stroke is not finished.
``prefix_rows``: in a completion, how many rows of stroke-3 the person drew.
``page``: left, top, width and height of the paper that it lies on; the unit follows from it if it is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from codes.errors import BadFile, BadSketch
from codes.formats import strict_json
from codes.formats.files import MEGABYTE, atomic_path, read_text
from codes.formats.strict_json import NotJson
from codes.strokes.geometry import bounds, unit_of_canvas
from codes.strokes.stroke3 import (
    LIFT,
    MAX_POINTS,
    Floats,
    Page,
    Polylines,
    Sketch,
    from_polylines,
    sketch_from_polylines,
)

MAX_FILE = 64 * MEGABYTE
SIGNIFICANT_DIGITS = 10
SMALLEST_UNIT = 1e-9

FIELDS = frozenset({"strokes", "unit", "category", "drawn", "pen_down", "prefix_rows", "page"})


def iterate(path: Path) -> Iterator[Sketch]:
    """Yield the sketches in the file, usually one.

    Raises:
        BadFile: the file is no JSON of this form.
    """
    text = read_text(path, MAX_FILE)
    try:
        records = _records(strict_json.parse(text))
    except NotJson as error:
        raise BadFile(path, str(error)) from error
    for index, record in enumerate(records):
        try:
            sketch = sketch_from_record(record)
        except (NotJson, BadSketch) as error:
            raise BadFile(path, f"sketch {index}: {error}" if len(records) > 1 else str(error)) from error
        yield sketch


def write(path: Path, sketches: Sequence[Sketch]) -> None:
    """Write one sketch as an object, several as a list of objects; units, origin and pen states are kept.

    Raises:
        BadFile: the file cannot be written.
    """
    records = [record_of(sketch) for sketch in sketches]
    with atomic_path(path) as temporary:
        content = records[0] if len(records) == 1 else records
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8", newline="\n")


def sketch_from_record(record: Any) -> Sketch:
    """Return the sketch in a parsed object of the form above.

    Raises:
        NotJson: a field is missing, unknown or of the wrong kind.
        BadSketch: there is no point, or there are too many.
    """
    if not isinstance(record, dict) or "strokes" not in record:
        raise NotJson('it is neither an object with "strokes" nor a list of strokes')
    unknown = sorted(set(record) - FIELDS)
    if unknown:
        raise NotJson(f"the field {unknown[0][:40]!r} is not known; known are {', '.join(sorted(FIELDS))}")
    strokes = _strokes(record["strokes"])
    page = _page(record)
    sketch = sketch_from_polylines(strokes, unit=_unit(record, strokes, page), page=page, **_texts_and_flags(record))
    return _with_pen(sketch, record)


def record_of(sketch: Sketch) -> dict[str, Any]:
    """Return the object that :func:`sketch_from_record` reads back; fields that say nothing are left out."""
    strokes = sketch.polylines()
    record: dict[str, Any] = {
        "strokes": [[[_round(x), _round(y)] for x, y in line.tolist()] for line in strokes],
        "unit": sketch.unit,
        "drawn": sketch.drawn,
    }
    if sketch.category is not None:
        record["category"] = sketch.category
    if sketch.points[-1, LIFT] == 0:
        record["pen_down"] = True
    if sketch.page is not None:
        record["page"] = list(sketch.page[:4])
    # A first row that only repeats the origin is not among the strokes.
    missing = len(sketch) - len(from_polylines(strokes)[0])
    if sketch.prefix_rows is not None and sketch.prefix_rows > missing:
        record["prefix_rows"] = sketch.prefix_rows - missing
    return record


def _records(value: Any) -> list[Any]:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return value
    return [{"strokes": value} if isinstance(value, list) else value]


def _strokes(value: Any) -> Polylines:
    if not isinstance(value, list) or not all(isinstance(stroke, list) for stroke in value):
        raise NotJson("the strokes are no list of lists of points")
    if sum(len(stroke) for stroke in value) > MAX_POINTS:
        raise BadSketch(f"the sketch has more than {MAX_POINTS} points")
    lines = [_line(stroke) for stroke in value if stroke]
    if not lines:
        raise BadSketch("the sketch has no points")
    return lines


def _line(stroke: list[Any]) -> Floats:
    for point in stroke:
        if not isinstance(point, list) or len(point) != 2:
            raise NotJson("each point must be [x, y]")
        strict_json.coordinates(point)
    return np.array(stroke, dtype=np.float64)


def _page(record: dict[str, Any]) -> Page | None:
    page = record.get("page")
    if page is None:
        return None
    if not isinstance(page, list) or len(page) != 4 or not all(map(strict_json.is_coordinate, page)):
        raise NotJson('the "page" is not [left, top, width, height]')
    if min(page[2:]) <= 0:
        raise NotJson(f'the "page" is {page[2]:g} wide and {page[3]:g} high; both must be above 0')
    left, top, width, height = map(float, page)
    return Page(left, top, width, height)


def _unit(record: dict[str, Any], strokes: Polylines, page: Page | None) -> float:
    if "unit" not in record:
        return unit_of_canvas(bounds(strokes), (page.width, page.height) if page else None)
    unit = record["unit"]
    if not strict_json.is_coordinate(unit) or unit <= 0:
        raise NotJson(f'the "unit" is {strict_json.short_repr(unit)}, not a positive number')
    if unit < SMALLEST_UNIT:  # coordinates in such units would overflow
        raise NotJson(f'the "unit" is {strict_json.short_repr(unit)}, less than {SMALLEST_UNIT:g}')
    return float(unit)


def _texts_and_flags(record: dict[str, Any]) -> dict[str, Any]:
    drawn, category = record.get("drawn", True), record.get("category")
    if not isinstance(drawn, bool):
        raise NotJson('"drawn" is neither true nor false')
    if category is not None and not isinstance(category, str):
        raise NotJson('the "category" is no text')
    return {"drawn": drawn, "category": category}


def _with_pen(sketch: Sketch, record: dict[str, Any]) -> Sketch:
    """Return the sketch with the last pen state and the prefix rows of the record."""
    down, rows = record.get("pen_down", False), record.get("prefix_rows")
    if not isinstance(down, bool):
        raise NotJson('"pen_down" is neither true nor false')
    if rows is not None and not (type(rows) is int and 1 <= rows <= len(sketch)):
        raise NotJson(f'"prefix_rows" is {strict_json.short_repr(rows)}; the sketch has {len(sketch)} rows')
    points = np.array(sketch.points)
    points[-1, LIFT] = 0.0 if down else 1.0
    return replace(sketch, points=points, prefix_rows=rows)


def _round(value: float) -> float:
    """Drop the last digits, which hold only rounding errors of adding up offsets."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
