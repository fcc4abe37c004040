"""Strokes in JSON are read and written, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from codes.errors import BadFile
from codes.formats import polyline_json
from codes.strokes.stroke3 import LIFT, Page, Sketch
from tests.support.drawings import HOUSE, assert_same_strokes, house


def read(path: Path, content: Any) -> Sketch:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    (sketch,) = polyline_json.iterate(path)
    return sketch


def round_trip(path: Path, sketch: Sketch) -> Sketch:
    polyline_json.write(path, [sketch])
    (again,) = polyline_json.iterate(path)
    return again


def test_a_bare_list_of_strokes_is_a_drawn_sketch(tmp_path: Path) -> None:
    sketch = read(tmp_path / "a.json", [line.tolist() for line in HOUSE])
    assert_same_strokes(sketch.polylines(), HOUSE)
    assert sketch.drawn
    assert sketch.category is None
    assert sketch.unit == pytest.approx(229.75 / 200)


def test_fields_are_read(tmp_path: Path) -> None:
    record = {"strokes": [[[0, 0], [4, 5]]], "unit": 2, "category": "line", "drawn": False}
    sketch = read(tmp_path / "a.json", record)
    assert (sketch.unit, sketch.category, sketch.drawn) == (2.0, "line", False)


def test_empty_strokes_draw_nothing(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.json", [[], [[0, 0], [4, 5]], []]).polylines()) == 1


@pytest.mark.parametrize("content", [[[[3, 4]]], {"strokes": [[[3, 4]]]}])
def test_a_dot_is_a_sketch(tmp_path: Path, content: Any) -> None:
    sketch = read(tmp_path / "a.json", content)
    assert_same_strokes(sketch.polylines(), [np.array([[3.0, 4.0]])])
    assert sketch.unit == 1


def test_all_fields_make_the_round_trip(tmp_path: Path) -> None:
    sketch = replace(house(unit=1.7, drawn=True, category="house"), prefix_rows=3, page=Page(-5.0, 0.0, 300.0, 200.0))
    again = round_trip(tmp_path / "a.json", sketch)
    np.testing.assert_allclose(again.points, sketch.points, atol=1e-6)
    for name in ("origin", "unit", "drawn", "category", "prefix_rows", "page"):
        assert getattr(again, name) == getattr(sketch, name), name


def test_a_pen_that_is_down_stays_down(tmp_path: Path) -> None:
    prefix = house().prefix(3)
    assert prefix.points[-1, LIFT] == 0
    assert round_trip(tmp_path / "a.json", prefix).points[-1, LIFT] == 0
    assert round_trip(tmp_path / "a.json", house()).points[-1, LIFT] == 1


def test_a_first_row_that_repeats_the_origin_does_not_shift_the_prefix(tmp_path: Path) -> None:
    rows = np.array([[0.0, 0, 0], [5, 0, 0], [0, 5, 0], [9, 9, 1]])
    again = round_trip(tmp_path / "a.json", Sketch(points=rows, prefix_rows=3))
    assert again.points[: again.prefix_rows].tolist() == [[5, 0, 0], [0, 5, 0]]


def test_several_sketches_make_the_round_trip(tmp_path: Path) -> None:
    polyline_json.write(tmp_path / "a.json", [house(category="a"), house(category="b")])
    assert [sketch.category for sketch in polyline_json.iterate(tmp_path / "a.json")] == ["a", "b"]


BAD_FILES: dict[str, Any] = {
    "empty-list": [],
    "no-points": {"strokes": [[], []]},
    "no-strokes": {"unit": 2},
    "strokes-null": {"strokes": None},
    "number": 5,
    "text": '"hello"',
    "points-of-three": [[[1, 2, 3]]],
    "points-of-one": [[[1]]],
    "flat": [[1, 2], [3, 4]],
    "texts": [[["1", "2"]]],
    "flags": [[[True, False]]],
    "null": [[[1, None]]],
    "large": [[[1, 1e9]]],
    "nan": "[[[1, NaN]]]",
    "infinity": "[[[1, -Infinity]]]",
    "1e999": "[[[1, 1e999]]]",
    "deep": "[" * 100_000,
    "twice": '{"strokes": [[[1, 2]]], "strokes": [[[1, 2]]]}',
    "digits": f"[[[1, {'9' * 6000}]]]",
    "unit-zero": {"strokes": [[[1, 2]]], "unit": 0},
    "unit-negative": {"strokes": [[[1, 2]]], "unit": -1},
    "unit-vanishing": {"strokes": [[[1, 2]]], "unit": 1e-300},
    "unit-text": {"strokes": [[[1, 2]]], "unit": "1"},
    "unit-flag": {"strokes": [[[1, 2]]], "unit": True},
    "category": {"strokes": [[[1, 2]]], "category": 3},
    "drawn": {"strokes": [[[1, 2]]], "drawn": 1},
    "pen": {"strokes": [[[1, 2]]], "pen_down": "no"},
    "page-flat": {"strokes": [[[1, 2], [3, 4]]], "page": [0, 0, 10, 0]},
    "page-size": {"strokes": [[[1, 2], [3, 4]]], "page": [10, 10]},
    "page-text": {"strokes": [[[1, 2], [3, 4]]], "page": "a4"},
    "rows-zero": {"strokes": [[[1, 2], [3, 4]]], "prefix_rows": 0},
    "rows-many": {"strokes": [[[1, 2], [3, 4]]], "prefix_rows": 2},
    "rows-flag": {"strokes": [[[1, 2], [3, 4]]], "prefix_rows": True},
    "unknown-field": {"strokes": [[[1, 2]]], "colour": "red"},
    "points": [[[index, 0] for index in range(100_000)]],
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_invalid_files_are_refused_in_one_sentence(tmp_path: Path, content: Any) -> None:
    with pytest.raises(BadFile, match=r"a\.json: ") as refused:
        read(tmp_path / "a.json", content)
    assert len(refused.value.reason) < 200


def test_of_several_sketches_the_bad_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"strokes": [[[1, 2]]]}, {"strokes": []}]')
    with pytest.raises(BadFile, match="sketch 1: the sketch has no points"):
        list(polyline_json.iterate(tmp_path / "a.json"))


numbers = st.floats(-1000, 1000, allow_nan=False).map(lambda value: round(value, 3))
strokes = st.lists(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1, max_size=9), min_size=1, max_size=5)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strokes)
def test_any_drawing_makes_the_round_trip(tmp_path: Path, drawing: list[list[list[float]]]) -> None:
    # Stroke-3 cannot tell a first point given twice from one given once.
    assume(drawing[0][0] not in drawing[0][1:2])
    sketch = read(tmp_path / "a.json", drawing)
    again = round_trip(tmp_path / "b.json", sketch)
    np.testing.assert_allclose(again.points, sketch.points, atol=1e-5)
    np.testing.assert_allclose(again.origin, sketch.origin, atol=1e-5)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(polyline_json.FIELDS)), inner),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values)
def test_any_json_is_a_sketch_or_refused(tmp_path: Path, value: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value))
    try:
        assert list(polyline_json.iterate(tmp_path / "a.json"))
    except BadFile as error:
        assert error.reason
