import numpy as np
import pytest

from codes.data import negatives as kinds
from codes.data.negatives import MAX_ROWS, synthetic_negatives
from codes.data.quickdraw import may_teach_refusal
from codes.sketch.stroke3 import to_polylines


def test_the_seed_decides_and_more_begin_with_the_same():
    first, more, others = (
        synthetic_negatives(10, seed=3),
        synthetic_negatives(15, seed=3),
        synthetic_negatives(10, seed=4),
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, more[:10], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, others, strict=True))


def test_all_are_whole_pixels_in_the_box_of_the_data_set():
    for rows in synthetic_negatives(60, seed=0):
        lines = np.concatenate(to_polylines(rows.astype(float)))
        assert rows.dtype == np.int16
        assert 1 <= len(rows) <= MAX_ROWS
        assert np.ptp(lines, axis=0).max() <= 255


def test_strokes_are_of_the_number_each_kind_promises():
    rng = np.random.default_rng(0)
    assert all(1 <= len(kinds.scribble(rng)) <= 4 for _ in range(20))
    assert all(2 <= len(kinds.dots(rng)) < 24 for _ in range(20))
    assert all(len(kinds.letters(rng)) >= 1 for _ in range(10))
    assert all(2 <= len(kinds.tangle(rng)) < 9 for _ in range(20))


def test_dots_are_small_beside_what_they_are_strewn_over():
    for _ in range(10):
        places = kinds.dots(np.random.default_rng(5))
        widest = max(np.ptp(dot, axis=0).max() for dot in places)
        assert widest < kinds.PAPER_SIDE / 4


@pytest.mark.parametrize("make", [kinds._spiral, kinds._zigzag, kinds._star, kinds._stairs, kinds._grid])
def test_figures_have_a_length(make):
    lines = make(np.random.default_rng(1))
    assert all(len(line) >= 2 and np.ptp(line, axis=0).max() > 0 for line in lines)


def test_the_name_that_the_help_gives_may_teach_refusal():
    assert may_teach_refusal("nonsense")
