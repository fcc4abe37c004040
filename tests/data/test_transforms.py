"""The scale is fitted on train, augmentation keeps what a sketch shows, and prefixes are cut as defined."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codes.data.store_writer import pack
from codes.data.transforms import (
    PREFIX_RULES,
    Augmentation,
    Normaliser,
    RaggedSketches,
    drop_points,
    fit_normaliser,
    rows_by_ink,
    rows_by_points,
    rows_by_strokes,
    u50_lengths,
)
from codes.strokes.stroke3 import LIFT, OFFSET
from codes.training.config import DecoderTrainConfig
from codes.training.jobs import Splits, decoder_job
from codes.training.objectives import prefix_lengths
from tests.support.worlds import CATEGORIES, TINY_VAE, doodles


def test_the_scale_is_the_deviation_of_every_offset(store):
    train = store.split("train")
    offsets = np.concatenate([train[i] for i in range(len(train))])[:, OFFSET].astype(np.float64)
    assert fit_normaliser(train).scale == pytest.approx(offsets.std())


def test_one_category_has_its_own_scale(store):
    square = store.split("train").only("square")
    offsets = np.concatenate([square[i] for i in range(len(square))])[:, OFFSET].astype(np.float64)
    assert fit_normaliser(square).scale == pytest.approx(offsets.std())
    assert fit_normaliser(square).scale != pytest.approx(fit_normaliser(store.split("train")).scale)


def test_the_scale_does_not_depend_on_the_chunks(store, monkeypatch):
    train = store.split("train")
    whole = fit_normaliser(train).scale
    chunks = list(train.chunks(7))
    monkeypatch.setattr(type(train), "chunks", lambda self, **bounds: iter(chunks))
    assert len(chunks) > 10
    assert fit_normaliser(train).scale == pytest.approx(whole, rel=1e-12)


def test_all_splits_are_divided_by_the_scale_of_train(tmp_path):
    """An earlier system divided train, valid and test each by its own deviation."""
    large = [sketch * np.array([3, 3, 1], dtype=np.int16) for sketch in doodles(6, 1, CATEGORIES[:1])]
    small = doodles(6, 0, CATEGORIES[:1])
    store = pack(tmp_path / "data", {"train": {"circle": small}, "valid": {"circle": large}})
    splits = Splits.of(store)
    job = decoder_job(splits, TINY_VAE, DecoderTrainConfig(batch=2))
    assert job.facts["scale"] == pytest.approx(fit_normaliser(splits.train).scale)
    assert job.source.normaliser.scale == job.facts["scale"]
    shortest = min(large, key=len)
    (batch,) = job.validation()
    offsets = batch.points[0, : len(shortest), OFFSET].numpy()
    np.testing.assert_allclose(offsets * job.facts["scale"], shortest[:, OFFSET], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_undo_is_the_inverse_of_apply(dtype):
    rows = doodles(1)[0].astype(dtype)
    normaliser = Normaliser(37.5)
    np.testing.assert_allclose(normaliser.undo(normaliser.apply(rows)), rows, rtol=1e-6)
    assert normaliser.apply(rows).dtype == np.float32
    assert normaliser.undo(rows).dtype == np.float64


@pytest.mark.parametrize("change", ["apply", "undo"])
def test_scaling_changes_neither_its_input_nor_the_lifts(change):
    rows = doodles(1)[0].astype(np.float32)
    before = rows.copy()
    changed = getattr(Normaliser(5.0), change)(rows)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(changed[:, LIFT], rows[:, LIFT])
    assert not np.shares_memory(changed, rows)


def positions(rows):
    return np.cumsum(rows[:, OFFSET].astype(np.float64), axis=0)


def alone(rows):
    return RaggedSketches(rows, np.array([len(rows)]))


def dropped(rows, probability, rng):
    return drop_points(alone(rows), probability, rng).rows


def changed_by(augmentation, rows, seed):
    return augmentation.apply(alone(rows), np.random.default_rng(seed)).rows


@pytest.fixture
def sketches():
    return [(rows / [20, 20, 1]).astype(np.float32) for rows in doodles(40, seed=3)]


def test_dropping_points_does_not_move_the_others(sketches):
    rng = np.random.default_rng(0)
    for rows in sketches:
        before = positions(rows)
        for x, y in positions(dropped(rows, 0.5, rng)):
            assert np.hypot(before[:, 0] - x, before[:, 1] - y).min() < 1e-4


def test_lifts_and_the_first_row_of_every_stroke_stay(sketches):
    rng = np.random.default_rng(1)
    for rows in sketches:
        first = np.concatenate([[True], rows[:-1, LIFT] == 1])
        fewer = dropped(rows, 1.0, rng)
        kept = first | (rows[:, LIFT] == 1)
        np.testing.assert_allclose(positions(fewer), positions(rows)[kept], atol=1e-4)
        np.testing.assert_array_equal(fewer[:, LIFT], rows[kept, LIFT])


def test_the_last_row_stays_also_where_the_pen_is_down():
    rows = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(dropped(rows, 1.0, np.random.default_rng(0)), [[1, 0, 0], [2, 0, 0]])


def test_the_first_row_of_a_sketch_stays_also_after_one_whose_pen_is_down():
    rows = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]] * 2, dtype=np.float32)
    fewer = drop_points(RaggedSketches(rows, np.array([3, 3])), 1.0, np.random.default_rng(0))
    assert fewer.lengths.tolist() == [2, 2]
    np.testing.assert_array_equal(fewer.rows, [[1, 0, 0], [2, 0, 0]] * 2)


def test_points_are_dropped_at_the_given_rate():
    """An earlier system took a keep rate for a drop rate."""
    rows = np.ones((20_000, 3), dtype=np.float32) * np.float32([1, 1, 0])
    remaining = len(dropped(rows, 0.1, np.random.default_rng(0)))
    assert remaining == pytest.approx(18_000, abs=4 * np.sqrt(20_000 * 0.09))


def test_nothing_is_dropped_at_zero(sketches):
    for rows in sketches:
        np.testing.assert_array_equal(dropped(rows, 0.0, np.random.default_rng(0)), rows)


def test_augmentation_scales_both_axes_within_bounds_and_leaves_lifts(sketches):
    factors = []
    for seed, rows in enumerate(sketches):
        changed = changed_by(Augmentation(scale=0.15, drop=0.0), rows, seed)
        np.testing.assert_array_equal(changed[:, LIFT], rows[:, LIFT])
        factors.append(np.abs(changed[:, OFFSET]).sum(axis=0) / np.abs(rows[:, OFFSET]).sum(axis=0))
    spread = np.array(factors)
    assert spread.min() >= 0.85 - 1e-5
    assert spread.max() <= 1.15 + 1e-5
    assert spread.std(axis=0).min() > 0.05
    assert np.abs(np.corrcoef(spread.T)[0, 1]) < 0.5


def test_mirroring_swaps_left_and_right_only(sketches):
    rows = sketches[0]
    mirrored = changed_by(Augmentation(scale=0.0, drop=0.0, mirror=1.0), rows, 0)
    np.testing.assert_allclose(mirrored, rows * np.float32([-1, 1, 1]), rtol=1e-6)


def test_rotating_turns_every_offset_by_one_angle_within_bounds(sketches):
    angles = []
    for seed, rows in enumerate(sketches):
        turned = changed_by(Augmentation(scale=0.0, drop=0.0, rotate=20.0), rows, seed)
        before, after = (each[:, 0] + 1j * each[:, 1] for each in (rows.astype(np.float64), turned))
        np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-4, atol=1e-4)
        angle = np.angle(np.sum(after * before.conj()), deg=True)
        np.testing.assert_allclose(after, before * np.exp(1j * np.deg2rad(angle)), rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(turned[:, LIFT], rows[:, LIFT])
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
    """No point goes to the next sketch, every sketch keeps its first and last row, and each has its own numbers."""
    together = RaggedSketches(np.concatenate(sketches), np.array([len(rows) for rows in sketches]))
    before = together.rows.copy()
    fewer = drop_points(together, 1.0, np.random.default_rng(2))
    for rows, kept in zip(sketches, np.split(fewer.rows, np.cumsum(fewer.lengths)[:-1]), strict=True):
        np.testing.assert_allclose(kept, dropped(rows, 1.0, np.random.default_rng(0)), atol=1e-4)
    turned = Augmentation(scale=0.2, drop=0.0, mirror=0.5, rotate=10).apply(together, np.random.default_rng(3))
    assert turned.lengths.tolist() == together.lengths.tolist()
    sizes = [np.linalg.norm(rows[:, OFFSET]) for rows in np.split(turned.rows, np.cumsum(turned.lengths)[:-1])]
    ratios = np.array(sizes) / [np.linalg.norm(rows[:, OFFSET]) for rows in sketches]
    assert len(np.unique(ratios.round(4))) == len(sketches)
    assert ratios.min() > 0.79 and ratios.max() < 1.21
    np.testing.assert_array_equal(together.rows, before)


def lines(*rows_of_strokes: int) -> np.ndarray:
    """Return a sketch with strokes of so many rows."""
    return np.concatenate([np.column_stack([np.ones((n, 2)), np.eye(n)[-1]]) for n in rows_of_strokes])


@given(st.integers(1, 300), st.floats(0, 1))
def test_by_points_keeps_the_rounded_share_and_at_least_one_row(rows, fraction):
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
    sketch[-1, LIFT] = 0
    assert rows_by_strokes(sketch, 1.0) == 9
    assert rows_by_strokes(sketch, 0.67) == 5
    assert rows_by_strokes(np.ones((4, 3)) * [1, 1, 0], 0.1) == 4


def test_by_ink_does_not_count_moves_through_the_air():
    sketch = np.array([[10, 0, 0], [10, 0, 1], [500, 0, 0], [20, 0, 1]])
    assert rows_by_ink(sketch, 0.25) == 1
    assert rows_by_ink(sketch, 0.5) == 2
    assert rows_by_ink(sketch, 0.51) == 4
    assert rows_by_ink(sketch, 0.0) == 1


def test_by_ink_keeps_the_last_dots_at_a_fraction_of_one():
    eyes_last = np.array([[10, 0, 0], [10, 0, 1], [5, 5, 1], [9, 0, 1]])
    assert rows_by_ink(eyes_last, 1.0) == 4
    assert rows_by_ink(np.array([[0, 0, 1], [3, 3, 1]]), 0.5) == 1


@pytest.mark.parametrize("rule", PREFIX_RULES)
def test_every_rule_keeps_at_least_one_row_and_at_most_all(rule):
    for sketch in doodles(30):
        kept = [PREFIX_RULES[rule](sketch, fraction) for fraction in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]
        assert kept == sorted(kept)
        assert kept[0] >= 1
        assert kept[-1] == len(sketch)


def test_u50_draws_one_stream_of_numbers_in_order():
    lengths = np.array([1, 2, 3, 5, 10, 81, 200, 7] * 20)
    rng = np.random.default_rng(0)
    expected = [max(1, int(rng.integers(round(0.5 * n), n + 1))) for n in lengths.tolist()]
    assert u50_lengths(lengths).tolist() == expected
    assert u50_lengths(lengths[:5]).tolist() == expected[:5]


def test_u50_is_uniform_and_includes_both_ends():
    kept = u50_lengths(np.full(4000, 9))
    assert set(kept.tolist()) == {4, 5, 6, 7, 8, 9}
    assert np.bincount(kept)[4:].min() > 4000 / 6 * 0.85


def test_validation_cuts_half_of_the_points():
    lengths = torch.arange(1, 400)
    assert prefix_lengths(lengths, 0.5).tolist() == [max(1, round(0.5 * n)) for n in range(1, 400)]
