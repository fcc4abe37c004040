"""Augmentation leaves a sketch what it is."""

from __future__ import annotations

import numpy as np
import pytest

from codes.data.augment import Augmentation, Flat, drop_points
from tests.helpers import doodles


def positions(rows):
    return np.cumsum(rows[:, :2].astype(np.float64), axis=0)


def alone(rows):
    return Flat(rows, np.array([len(rows)]))


def dropped(rows, probability, rng):
    return drop_points(alone(rows), probability, rng).rows


def changed_by(augmentation, rows, seed):
    return augmentation.apply(alone(rows), np.random.default_rng(seed)).rows


@pytest.fixture
def sketches():
    return [(rows / [20, 20, 1]).astype(np.float32) for rows in doodles(40, seed=3)]


def test_every_point_left_stays_where_it_was(sketches):
    rng = np.random.default_rng(0)
    for rows in sketches:
        before = positions(rows)
        for x, y in positions(dropped(rows, 0.5, rng)):
            assert np.hypot(before[:, 0] - x, before[:, 1] - y).min() < 1e-4


def test_lifts_and_the_first_row_of_every_stroke_stay(sketches):
    rng = np.random.default_rng(1)
    for rows in sketches:
        first = np.concatenate([[True], rows[:-1, 2] == 1])
        fewer = dropped(rows, 1.0, rng)
        kept = first | (rows[:, 2] == 1)
        np.testing.assert_allclose(positions(fewer), positions(rows)[kept], atol=1e-4)
        np.testing.assert_array_equal(fewer[:, 2], rows[kept, 2])


def test_the_last_row_stays_also_where_the_pen_is_down():
    rows = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(dropped(rows, 1.0, np.random.default_rng(0)), [[1, 0, 0], [2, 0, 0]])


def test_the_drop_rate_is_the_drop_rate():
    """A keep rate was once taken for a drop rate."""
    rows = np.ones((20_000, 3), dtype=np.float32) * np.float32([1, 1, 0])
    left = len(dropped(rows, 0.1, np.random.default_rng(0)))
    assert left == pytest.approx(18_000, abs=4 * np.sqrt(20_000 * 0.09))


def test_nothing_is_dropped_at_zero(sketches):
    for rows in sketches:
        np.testing.assert_array_equal(dropped(rows, 0.0, np.random.default_rng(0)), rows)


def test_augmentation_scales_both_axes_within_bounds_and_leaves_lifts(sketches):
    factors = []
    for seed, rows in enumerate(sketches):
        changed = changed_by(Augmentation(scale=0.15, drop=0.0), rows, seed)
        np.testing.assert_array_equal(changed[:, 2], rows[:, 2])
        factors.append(np.abs(changed[:, :2]).sum(axis=0) / np.abs(rows[:, :2]).sum(axis=0))
    spread = np.array(factors)
    assert spread.min() >= 0.85 - 1e-5
    assert spread.max() <= 1.15 + 1e-5
    assert spread.std(axis=0).min() > 0.05
    assert np.abs(np.corrcoef(spread.T)[0, 1]) < 0.5


def test_mirroring_turns_left_to_right_only(sketches):
    rows = sketches[0]
    mirrored = changed_by(Augmentation(scale=0.0, drop=0.0, mirror=1.0), rows, 0)
    np.testing.assert_allclose(mirrored, rows * np.float32([-1, 1, 1]), rtol=1e-6)


def test_rotating_turns_every_offset_by_one_angle_within_bounds(sketches):
    angles = []
    for seed, rows in enumerate(sketches):
        rotated = changed_by(Augmentation(scale=0.0, drop=0.0, rotate=20.0), rows, seed)
        before, after = (each[:, 0] + 1j * each[:, 1] for each in (rows.astype(np.float64), rotated))
        np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-4, atol=1e-4)
        angle = np.angle(np.sum(after * before.conj()), deg=True)
        np.testing.assert_allclose(after, before * np.exp(1j * np.deg2rad(angle)), rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(rotated[:, 2], rows[:, 2])
        angles.append(angle)
    assert -20 <= min(angles) < -5
    assert 5 < max(angles) <= 20


def test_augmentation_is_a_function_of_its_seed_and_leaves_its_input_alone(sketches):
    for rows in sketches[:5]:
        before = rows.copy()
        once = changed_by(Augmentation(), rows, 4)
        again = changed_by(Augmentation(), rows, 4)
        other = changed_by(Augmentation(), rows, 5)
        np.testing.assert_array_equal(once, again)
        assert once.shape != other.shape or (once != other).any()
        np.testing.assert_array_equal(rows, before)


def test_sketches_end_to_end_are_changed_each_by_itself(sketches):
    """No point goes to the neighbour, every sketch keeps its first and its last row, and each has its own numbers."""
    together = Flat(np.concatenate(sketches), np.array([len(rows) for rows in sketches]))
    before = together.rows.copy()
    fewer = drop_points(together, 1.0, np.random.default_rng(2))
    for rows, left in zip(sketches, np.split(fewer.rows, np.cumsum(fewer.lengths)[:-1]), strict=True):
        np.testing.assert_allclose(left, dropped(rows, 1.0, np.random.default_rng(0)), atol=1e-4)
    turned = Augmentation(scale=0.2, drop=0.0, mirror=0.5, rotate=10).apply(together, np.random.default_rng(3))
    assert turned.lengths.tolist() == together.lengths.tolist()
    sizes = [np.linalg.norm(rows[:, :2]) for rows in np.split(turned.rows, np.cumsum(turned.lengths)[:-1])]
    ratios = np.array(sizes) / [np.linalg.norm(rows[:, :2]) for rows in sketches]
    assert len(np.unique(ratios.round(4))) == len(sketches)
    assert ratios.min() > 0.79 and ratios.max() < 1.21
    np.testing.assert_array_equal(together.rows, before)
