"""Trials complete what they should, the way they should; on a tiny bundle."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.distances import (
    frechet_distance,
)
from benchmarks.quality.figures import frechet_figures
from benchmarks.quality.trials import (
    COLUMNS,
    HEADLINE,
    TRIALS,
    USUAL,
    TrialRunner,
    cut,
)
from codes.inference.completer import Completer
from tests.benchmarks.quality.conftest import TINY, kind


def test_completions_are_drawn_several_times_and_their_distances_averaged(trials):
    assert len(trials.features.completed) == TINY.drawn == 3
    assert not np.array_equal(*trials.features.completed[:2])
    each = [frechet_distance(some, trials.features.others) for some in trials.features.completed]
    figures = frechet_figures([trials])
    assert figures["categories"]["circle"][0] == pytest.approx(np.mean(each))
    assert figures["together"]["completed"] == pytest.approx(np.mean(each))
    assert figures["together"]["count"] == 4


def test_the_first_drawing_is_the_one_that_is_judged(trials, judge, bundle):
    sketches = kind("circle", 7, seed=1)[:5]
    again = TrialRunner(Completer(bundle), judge, TINY).draw("circle", sketches[:4], TINY.seed)
    np.testing.assert_allclose(judge.predict(again).features, trials.features.completed[0], atol=1e-4)


def test_the_trials_have_a_row_a_sketch_and_a_column_a_measure(trials):
    assert trials.tables.keys() == TRIALS.keys()
    for name, table in trials.tables.items():
        assert table.shape == (5 if name == USUAL else 3, len(COLUMNS)), name
        assert np.isin(table[:, :5], (0, 1)).all() and (table[:, 5] >= 0).all()
    assert [len(getattr(trials.variety, name)) for name in ("mean", "best", "spread", "kinds")] == [2] * 4
    assert (trials.variety.best <= trials.variety.mean).all() and (trials.variety.kinds >= 1).all()
    assert {len(trials.features.true), len(trials.features.others), *map(len, trials.features.completed)} == {4}


def test_a_trial_completes_prefixes_of_the_fraction_that_was_asked_for(judge, bundle):
    whole = kind("square", 3, seed=4)
    run = TrialRunner(Completer(bundle), judge, TINY).run("square", whole, TRIALS["75%"])
    kept = [max(1, round(0.75 * len(rows))) for rows in whole]
    assert [each.sketch.prefix_rows for each in run.completions] == kept
    added = [len(each.sketch) - rows for each, rows in zip(run.completions, kept, strict=True)]
    own = [max(1, len(rows) - k) for rows, k in zip(whole, kept, strict=True)]
    assert run.table[:, 5].tolist() == pytest.approx([a / o for a, o in zip(added, own, strict=True)])
    assert {each.category for each in run.completions} == {"square"}


def test_a_routed_trial_draws_what_the_router_says(judge, bundle):
    completer, whole = Completer(bundle), kind("square", 4, seed=4)
    run = TrialRunner(completer, judge, TINY).run("square", whole, HEADLINE["50%, routed"])
    routes = completer.classify_many(cut(whole, 0.5))
    assert [each.category for each in run.completions] == [each.category for each in routes]
