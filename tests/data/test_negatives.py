"""Synthetic negatives depend on the seed only, fit the data set, and have the shapes of their negatives."""

from __future__ import annotations

import numpy as np
import pytest

from codes.data import negatives
from codes.data.negatives import MAX_ROWS, synthetic_negatives
from codes.data.quickdraw import may_teach_refusal
from codes.strokes.stroke3 import to_polylines


def test_equal_seeds_give_equal_drawings_for_any_count():
    first, more, others = (synthetic_negatives(count, seed) for count, seed in ((10, 3), (15, 3), (10, 4)))
    assert all(np.array_equal(a, b) for a, b in zip(first, more[:10], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, others, strict=True))


def test_all_are_whole_pixels_in_the_box_of_the_data_set():
    for rows in synthetic_negatives(60, seed=0):
        lines = np.concatenate(to_polylines(rows.astype(float)))
        assert rows.dtype == np.int16
        assert 1 <= len(rows) <= MAX_ROWS
        assert np.ptp(lines, axis=0).max() <= 255


def test_the_five_kinds_take_turns(monkeypatch):
    made = []
    for name in ("scribble", "dots", "letters", "tangle", "figure"):
        make = getattr(negatives, name)
        monkeypatch.setattr(negatives, name, lambda rng, name=name, make=make: made.append(name) or make(rng))
    drawn = synthetic_negatives(10, seed=3)
    assert made == ["scribble", "dots", "letters", "tangle", "figure"] * 2
    assert len(drawn) == 10


def test_each_kind_has_its_number_of_strokes():
    rng = np.random.default_rng(0)
    assert all(1 <= len(negatives.scribble(rng)) <= 4 for _ in range(20))
    assert all(2 <= len(negatives.dots(rng)) < 24 for _ in range(20))
    assert all(len(negatives.letters(rng)) >= 1 for _ in range(10))
    assert all(2 <= len(negatives.tangle(rng)) < 9 for _ in range(20))


def test_dots_are_small():
    for _ in range(10):
        places = negatives.dots(np.random.default_rng(5))
        widest = max(np.ptp(dot, axis=0).max() for dot in places)
        assert widest < negatives.PAPER_SIDE / 4


@pytest.mark.parametrize(
    "make", [negatives._spiral, negatives._zigzag, negatives._star, negatives._stairs, negatives._grid]
)
def test_figures_are_lines_with_a_length(make):
    lines = make(np.random.default_rng(1))
    assert all(len(line) >= 2 and np.ptp(line, axis=0).max() > 0 for line in lines)


def test_the_name_that_the_help_gives_may_teach_refusal():
    assert may_teach_refusal("nonsense")
