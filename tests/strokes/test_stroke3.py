"""Polylines and stroke-3 convert into each other without loss, and bad points are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codes.errors import BadSketch
from codes.strokes.stroke3 import MAX_POINTS, Sketch, checked, from_polylines, sketch_from_polylines, to_polylines
from tests.support.worlds import doodles

position = st.tuples(st.integers(-300, 300), st.integers(-300, 300))


@st.composite
def drawings(draw):
    """Strokes of 1 to 6 points; the first one begins with a move, or is a single dot."""
    strokes = draw(st.lists(st.lists(position, min_size=1, max_size=6), min_size=1, max_size=5))
    if len(strokes[0]) > 1 and strokes[0][0] == strokes[0][1]:
        strokes[0] = strokes[0][:1]
    return [np.array(stroke, dtype=float) for stroke in strokes]


def assert_same(found, expected):
    assert [len(line) for line in found] == [len(line) for line in expected]
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(drawings())
def test_polylines_survive_stroke3_first_segment_included(polylines):
    """Earlier renderers moved to the first row and so lost the first segment; dots must survive too."""
    assert_same(to_polylines(*from_polylines(polylines)), polylines)


@given(drawings())
def test_stroke3_survives_polylines(polylines):
    rows, origin = from_polylines(polylines)
    again, same_origin = from_polylines(to_polylines(rows, origin))
    np.testing.assert_array_equal(again, rows)
    assert same_origin == origin


def test_the_first_row_leaves_the_origin_pen_down():
    lines = to_polylines(np.array([[3.0, 4.0, 1.0], [1.0, 0.0, 0.0], [0.0, 2.0, 1.0]]), (10.0, 20.0))
    assert_same(lines, [np.array([[10.0, 20], [13, 24]]), np.array([[14.0, 24], [14, 26]])])


def test_a_file_whose_first_row_is_zero_reads_without_a_second_point():
    with_zero = np.array([[0.0, 0, 0], [3, 4, 0], [1, 0, 1], [5, 5, 0], [0, 2, 1]])
    assert_same(to_polylines(with_zero), to_polylines(with_zero[1:]))


def test_a_single_dot_is_one_stroke_of_one_point():
    rows, origin = from_polylines([np.array([[7.0, 8.0]])])
    np.testing.assert_array_equal(rows, [[0, 0, 1]])
    assert_same(to_polylines(rows, origin), [np.array([[7.0, 8.0]])])


def test_a_dot_first_and_a_line_after_it():
    lines = [np.array([[7.0, 8.0]]), np.array([[1.0, 1], [2, 5]])]
    rows, origin = from_polylines(lines)
    np.testing.assert_array_equal(rows, [[0, 0, 1], [-6, -7, 0], [1, 4, 1]])
    assert_same(to_polylines(rows, origin), lines)


def test_a_stroke_whose_pen_is_still_down_is_a_stroke():
    lines = to_polylines(np.array([[1.0, 0, 1], [1, 0, 0], [1, 0, 0]]))
    assert [len(line) for line in lines] == [2, 2]


def test_empty_strokes_are_left_out_and_nothing_at_all_is_refused():
    rows, _ = from_polylines([np.empty((0, 2)), np.array([[0.0, 0], [1, 1]]), np.empty((0, 2))])
    assert len(rows) == 1
    with pytest.raises(BadSketch, match="no points"):
        from_polylines([np.empty((0, 2))])


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([], "shape"),
        (np.empty((0, 3)), "no points"),
        ([[1, 2]], "shape"),
        ([[1, 2, 0, 0]], "shape"),
        ([[1, 2, 0], [1]], "table of numbers"),
        ("abc", "table of numbers"),
        ([[1, np.nan, 0]], "row 0 is not finite"),
        ([[1, 1, 0], [np.inf, 1, 0]], "row 1 is not finite"),
        ([[1e7, 0, 0]], "larger"),
        ([[1, 2, 0.5]], "0 or 1"),
        ([[1, 2, -1]], "0 or 1"),
        (np.zeros((MAX_POINTS + 1, 3)), "at most"),
    ],
)
def test_points_that_are_no_sketch_are_refused_in_one_sentence(points, reason):
    with pytest.raises(BadSketch, match=reason):
        checked(points)


@pytest.mark.parametrize("fields", [{"unit": 0.0}, {"unit": -1.0}, {"unit": np.nan}, {"origin": (np.inf, 0.0)}])
def test_a_bad_unit_or_origin_is_refused(fields):
    with pytest.raises(BadSketch):
        Sketch(points=[[1, 2, 1]], **fields)


def test_a_sketch_owns_its_points():
    given_points = np.array([[1.0, 2, 0], [3, 4, 1]])
    sketch = Sketch(points=given_points)
    given_points[:] = 9
    np.testing.assert_array_equal(sketch.points, [[1, 2, 0], [3, 4, 1]])
    with pytest.raises(ValueError, match="read-only"):
        sketch.points[0, 0] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        sketch.unit = 2.0


def test_conversions_leave_their_input_as_it_was():
    for rows in doodles(6):
        before = rows.copy()
        to_polylines(rows)
        checked(rows)
        np.testing.assert_array_equal(rows, before)


def test_a_prefix_keeps_pen_states_and_place():
    sketch = Sketch(points=[[1, 2, 0], [3, 4, 1], [5, 6, 1]], origin=(7.0, 8.0), unit=2.0, drawn=True, category="sun")
    prefix = sketch.prefix(1)
    np.testing.assert_array_equal(prefix.points, [[1, 2, 0]])
    assert (prefix.origin, prefix.unit, prefix.drawn, prefix.category) == ((7.0, 8.0), 2.0, True, "sun")
    np.testing.assert_array_equal(sketch.prefix(2).points[-1], [3, 4, 1])


def test_a_sketch_from_polylines_begins_at_their_first_point():
    sketch = sketch_from_polylines([np.array([[5.0, 6], [7, 9]])], unit=3.0)
    assert sketch.origin == (5.0, 6.0)
    assert sketch.unit == 3.0
    assert_same(sketch.polylines(), [np.array([[5.0, 6], [7, 9]])])
