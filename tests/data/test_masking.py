"""Where a sketch is cut, word for word as the definition has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codes.data.masking import LAWS, rows_by_ink, rows_by_points, rows_by_strokes, seed_law_lengths
from codes.training.objectives import half_lengths
from tests.helpers import doodles


def lines(*rows_of_strokes: int) -> np.ndarray:
    """A sketch with strokes of so many rows."""
    return np.concatenate([np.column_stack([np.ones((n, 2)), np.eye(n)[-1]]) for n in rows_of_strokes])


@pytest.mark.parametrize(
    ("rows", "fraction", "kept"),
    [(10, 0.5, 5), (5, 0.5, 2), (7, 0.5, 4), (1, 0.5, 1), (3, 0.1, 1), (10, 0.25, 2), (6, 0.25, 2), (9, 1.0, 9)],
)
def test_by_points_rounds_half_to_even_and_keeps_one(rows, fraction, kept):
    assert rows_by_points(np.ones((rows, 3)), fraction) == kept


@given(st.integers(1, 300), st.floats(0, 1))
def test_by_points_is_the_definition(rows, fraction):
    assert rows_by_points(np.ones((rows, 3)), fraction) == max(1, round(fraction * rows))


@pytest.mark.parametrize(
    ("strokes", "fraction", "kept"),
    [
        ((3, 2, 4), 0.34, 3),
        ((3, 2, 4), 0.5, 5),
        ((3, 2, 4, 1, 2), 0.5, 5),
        ((3, 2), 0.0, 3),
        ((3, 2), 1.0, 5),
        ((6,), 0.2, 6),
    ],
)
def test_by_strokes_keeps_whole_strokes(strokes, fraction, kept):
    assert rows_by_strokes(lines(*strokes), fraction) == kept


def test_by_strokes_counts_a_stroke_whose_pen_is_still_down():
    sketch = lines(3, 2, 4)
    sketch[-1, 2] = 0
    assert rows_by_strokes(sketch, 1.0) == 9
    assert rows_by_strokes(sketch, 0.67) == 5
    assert rows_by_strokes(np.ones((4, 3)) * [1, 1, 0], 0.1) == 4


def test_by_ink_leaves_moves_through_the_air_out():
    sketch = np.array([[10, 0, 0], [10, 0, 1], [500, 0, 0], [20, 0, 1]])
    assert rows_by_ink(sketch, 0.25) == 1
    assert rows_by_ink(sketch, 0.5) == 2
    assert rows_by_ink(sketch, 0.51) == 4
    assert rows_by_ink(sketch, 0.0) == 1


def test_by_ink_gives_all_of_a_sketch_at_one_its_last_dots_too():
    eyes_last = np.array([[10, 0, 0], [10, 0, 1], [5, 5, 1], [9, 0, 1]])
    assert rows_by_ink(eyes_last, 1.0) == 4
    assert rows_by_ink(np.array([[0, 0, 1], [3, 3, 1]]), 0.5) == 1


@pytest.mark.parametrize("law", LAWS)
def test_every_law_keeps_at_least_one_row_and_at_most_all(law):
    for sketch in doodles(30):
        kept = [LAWS[law](sketch, fraction) for fraction in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]
        assert kept == sorted(kept)
        assert kept[0] >= 1
        assert kept[-1] == len(sketch)


def test_u50_is_one_stream_in_file_order():
    lengths = np.array([1, 2, 3, 5, 10, 81, 200, 7] * 20)
    rng = np.random.default_rng(0)
    expected = [max(1, int(rng.integers(round(0.5 * n), n + 1))) for n in lengths.tolist()]
    assert seed_law_lengths(lengths).tolist() == expected
    assert seed_law_lengths(lengths[:5]).tolist() == expected[:5]


def test_u50_is_uniform_with_both_ends():
    kept = seed_law_lengths(np.full(4000, 9))
    assert set(kept.tolist()) == {4, 5, 6, 7, 8, 9}
    assert np.bincount(kept)[4:].min() > 4000 / 6 * 0.85


def test_validation_cuts_where_the_definition_cuts():
    lengths = torch.arange(1, 400)
    assert half_lengths(lengths).tolist() == [max(1, round(0.5 * n)) for n in range(1, 400)]
