"""Generated sketches have the lengths of QuickDraw, and models of random weights do what is timed."""

from __future__ import annotations

from itertools import islice

import numpy as np

from benchmarks.speed.workload import (
    make_completer,
    random_sketches,
    unfinished_sketches,
    write_store,
)
from tests.benchmarks.speed.conftest import TINY_SIZES


def test_sketches_are_as_long_as_quickdraws_and_end_with_a_lift():
    sketches = list(random_sketches(6000, seed=3))
    lengths = np.array([len(sketch) for sketch in sketches])
    assert len(sketches) == 6000
    assert abs(lengths.mean() - 45) < 1
    assert (lengths.min(), lengths.max()) >= (5, 100) and lengths.max() <= 150
    assert all(sketch[-1, 2] == 1 and sketch[:, 2].max() <= 1 for sketch in sketches)
    assert 5 < np.mean(np.concatenate(sketches)[:, 2] == 0) / np.mean(np.concatenate(sketches)[:, 2]) < 12


def test_sketches_are_streamed():
    assert len(list(islice(random_sketches(10**12), 3))) == 3


def test_a_store_holds_as_many_as_were_asked_for(tmp_path):
    store = write_store(tmp_path / "store", 100)
    assert store.split("train").counts().tolist() == [20] * 5
    assert len(store.split("valid")) > 0


def test_a_bundle_routes_to_several_categories_and_ends_no_drawing(tmp_path):
    completer = make_completer(tmp_path / "bundle", TINY_SIZES, 7)
    sketches = unfinished_sketches(12, 20)
    assert {len(sketch) for sketch in sketches} == {20}
    routes = completer.classify_many(sketches)
    assert len({route.category for route in routes}) > 1 and {route.decision for route in routes} <= {"known", "unsure"}
    best = completer.complete(sketches[0], max_points=60, temperature=1.0)[0]
    assert not best.ended and len(best.sketch) == 80
