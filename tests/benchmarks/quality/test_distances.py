"""Distances and shares are tested against formulas and known cases."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.distances import (
    chamfer_distance,
    frechet_distance,
    gap_closed,
    ink_points,
    mean_pairwise_distance,
)


def test_the_frechet_distance_of_known_gaussians():
    """Samples made to have exactly these means and covariances: |m|^2 + sum of (s - r)^2 along common axes."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(50, 3))
    samples -= samples.mean(axis=0)
    samples = samples @ np.linalg.inv(np.linalg.cholesky(np.cov(samples.T))).T
    first = samples * [1.0, 2.0, 3.0] + [0.5, 0, -1]
    second = samples * [2.0, 2.0, 1.0]
    assert frechet_distance(first, second) == pytest.approx(1.25 + 1 + 0 + 4)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_that_of_the_matrix_root():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(30, 6)) + 0.3
    one, other = np.cov(first.T), np.cov(second.T)
    gap = first.mean(axis=0) - second.mean(axis=0)
    expected = gap @ gap + np.trace(one + other - 2 * np.real(sqrtm(one @ other)))
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


def test_the_frechet_distance_of_fewer_samples_than_features_is_a_number_and_larger():
    rng = np.random.default_rng(2)
    few, many = (frechet_distance(rng.normal(size=(n, 30)), rng.normal(size=(n, 30))) for n in (10, 500))
    assert 0 < many < few < 100


def test_chamfer_counts_both_ways():
    line, dot = np.array([[0.0, 0], [1, 0], [2, 0]]), np.array([[0.0, 3.0]])
    there = (3 + np.sqrt(10) + np.sqrt(13)) / 3
    assert chamfer_distance(line, dot) == pytest.approx((there + 3) / 2)
    assert chamfer_distance(dot, line) == chamfer_distance(line, dot)
    assert chamfer_distance(line, line) == 0


def test_ink_is_what_is_added_and_not_the_way_through_the_air():
    sketch = np.array([[10, 0, 0], [0, 10, 1], [100, 0, 0], [0, 4, 1]])
    points = ink_points(sketch, 1)
    assert {(10.0, 2.0), (10.0, 10.0), (110.0, 10.0), (110.0, 14.0)} <= set(map(tuple, points.tolist()))
    assert not ((points[:, 0] > 10) & (points[:, 0] < 110)).any()
    assert points[:, 0].min() == 10
    assert ink_points(sketch, 4).tolist() == [[110, 14]]
    assert ink_points(np.array([[3, 0, 1], [5, 5, 1]]), 1).tolist() == [[8, 5]]  # a dot


def test_ink_is_as_dense_wherever_a_line_has_points():
    straight = np.array([[90, 0, 1]])
    bent = np.array([[30, 0, 0], [30, 0, 0], [30, 0, 1]])
    assert chamfer_distance(ink_points(straight, 0), ink_points(bent, 0)) < 1.01
    assert abs(len(ink_points(straight, 0)) - len(ink_points(bent, 0))) <= 2


def test_spread_is_the_mean_over_different_pairs():
    assert mean_pairwise_distance(np.array([[0.0, 0], [3, 4], [0, 0]])) == pytest.approx(20 / 6)


def test_the_gap_closed_is_of_the_averages_over_categories():
    means = np.array([[0.2, 0.5, 0.8], [0.0, 0.9, 1.0]])
    assert gap_closed(means) == pytest.approx((0.7 - 0.1) / (0.9 - 0.1))
    assert gap_closed(np.stack([means, means])).shape == (2,)
    assert np.isfinite(gap_closed(np.full((1, 3), 0.5)))
