"""Drawings of nothing are what they say."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.routing import negatives
from tests.benchmarks.quality.conftest import kind


def test_negatives_are_seeded_sketches_of_four_kinds():
    known = kind("zigzag", 6)
    made = negatives(known, 5, seed=1)
    assert made.keys() == {"scribbles", "dots", "letters", "shuffled"}
    assert all(len(each) == 5 for each in made.values())
    for rows in (rows for each in made.values() for rows in each):
        assert rows.ndim == 2 and rows.shape[1] == 3 and rows[-1, 2] in (0, 1)
    again = negatives(known, 5, seed=1)
    assert all(np.array_equal(a, b) for name in made for a, b in zip(made[name], again[name], strict=True))
    assert any(len(a) != len(b) for a, b in zip(made["dots"], negatives(known, 5, seed=2)["dots"], strict=True))


def test_shuffled_sketches_have_the_rows_of_true_ones():
    known = kind("circle", 4)
    rows = {tuple(map(tuple, sorted(sketch.tolist()))) for sketch in known}
    assert all(tuple(map(tuple, sorted(each.tolist()))) in rows for each in negatives(known, 6)["shuffled"])
