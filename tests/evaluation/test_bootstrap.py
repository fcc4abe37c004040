"""Intervals hold the truth as often as they say; risk rises where confidence means something."""

from __future__ import annotations

import numpy as np
import pytest

from codes.evaluation.bootstrap import bootstrap, bootstrap_of_means, mean_of_means, risk_curve


def test_an_interval_holds_the_truth_nineteen_times_in_twenty():
    """Three categories of unlike size and accuracy, 300 test sets; the bootstrap of few sketches is a little narrow."""
    rng = np.random.default_rng(0)
    shares, counts = (0.9, 0.6, 0.3), (60, 40, 80)
    held = 0
    for trial in range(300):
        groups = [(rng.random(n) < p).astype(float) for n, p in zip(counts, shares, strict=True)]
        found = bootstrap_of_means(groups, seed=trial)
        held += found.low <= 0.6 <= found.high
    assert 0.91 <= held / 300 <= 0.98


def test_an_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(1).normal(5.0, 2.0, size=400)
    found = bootstrap_of_means([values])
    assert found.value == pytest.approx(values.mean())
    assert found.count == 400
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)


def test_categories_count_alike_and_measures_of_one_sketch_stay_together():
    """The difference of two measures that differ by exactly 1 in every sketch has no spread at all."""
    rng = np.random.default_rng(2)
    tables = [np.column_stack([x, x + 1]) for x in (rng.random(5), rng.random(50))]
    found = bootstrap_of_means(tables, lambda means: (means[..., 1] - means[..., 0]).mean(axis=-1))
    assert (found.value, found.low, found.high) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert bootstrap_of_means(tables).value == pytest.approx((tables[0][:, 0].mean() + tables[1][:, 0].mean()) / 2)
    assert mean_of_means(np.array([[1.0, 9.0], [3.0, 9.0]])) == 2.0


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = [np.random.default_rng(3).random(30)]
    assert bootstrap_of_means(values, seed=4) == bootstrap_of_means(values, seed=4)
    assert bootstrap_of_means(values, seed=4).interval != bootstrap_of_means(values, seed=5).interval


def test_any_statistic_can_be_resampled():
    rng = np.random.default_rng(6)
    found = bootstrap([rng.normal(1, 1, 500), rng.normal(0, 1, 500)], lambda s: float(np.median(s[0]) - s[1].mean()))
    assert found.count == 1000
    assert found.low < 1 < found.high and found.high - found.low < 0.5


def test_risk_rises_with_coverage_where_the_wrong_are_the_least_sure():
    wrong = np.array([0, 0, 1, 0, 1, 0, 0, 0], dtype=float)
    perfect = risk_curve(-wrong, wrong, np.ones(8))
    assert (np.diff(perfect.risk) >= 0).all()
    assert perfect.at(0.75) == 0 and perfect.at(1.0) == 0.25
    assert perfect.area == pytest.approx((1 / 7 + 2 / 8) / 8)
    worst = risk_curve(wrong, wrong, np.ones(8))
    assert (np.diff(worst.risk) <= 0).all() and worst.area > perfect.area


def test_weights_make_categories_count_alike():
    """Three sketches of one category, all right, and one of another, wrong and unsure."""
    curve = risk_curve(np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.0, 0, 0, 1]), np.array([1 / 3, 1 / 3, 1 / 3, 1.0]))
    assert curve.coverage.tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6, 1.0])
    assert curve.at(0.5) == 0 and curve.at(1.0) == pytest.approx(0.5)
    assert curve.area == pytest.approx(0.25)
