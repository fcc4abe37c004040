"""One scale, fitted on train, applied and undone in one place.

Augmentation leaves a sketch what it is.

Where a sketch is cut, word for word as the definition has it."""

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
from codes.training.config import TrainConfig
from codes.training.jobs import Splits, decoder_job
from codes.training.objectives import half_lengths
from tests.support.worlds import CATEGORIES, TINY_VAE, doodles


def test_the_scale_is_the_deviation_of_every_offset(store):
    train = store.split("train")
    offsets = np.concatenate([train[i] for i in range(len(train))])[:, :2].astype(np.float64)
    assert fit_normaliser(train).scale == pytest.approx(offsets.std())


def test_a_category_is_measured_alone(store):
    square = store.split("train").only("square")
    offsets = np.concatenate([square[i] for i in range(len(square))])[:, :2].astype(np.float64)
    assert fit_normaliser(square).scale == pytest.approx(offsets.std())
    assert fit_normaliser(square).scale != pytest.approx(fit_normaliser(store.split("train")).scale)


def test_the_scale_does_not_depend_on_the_chunks(store, monkeypatch):
    train = store.split("train")
    whole = fit_normaliser(train).scale
    chunks = list(train.chunks(7))
    monkeypatch.setattr(type(train), "chunks", lambda self, **bounds: iter(chunks))
    assert len(chunks) > 10
    assert fit_normaliser(train).scale == pytest.approx(whole, rel=1e-12)


def test_each_split_divided_by_its_own_deviation_never_again(tmp_path):
    """The seed divided train, valid and test each by its own deviation."""
    large = [sketch * np.array([3, 3, 1], dtype=np.int16) for sketch in doodles(6, 1, CATEGORIES[:1])]
    small = doodles(6, 0, CATEGORIES[:1])
    store = pack(tmp_path / "data", {"train": {"circle": small}, "valid": {"circle": large}})
    splits = Splits.of(store)
    job = decoder_job(splits, TINY_VAE, TrainConfig(batch=2))
    assert job.facts["scale"] == pytest.approx(fit_normaliser(splits.train).scale)
    assert job.source.normaliser.scale == job.facts["scale"]
    shortest = min(large, key=len)
    (batch,) = job.validation()
    offsets = batch.points[0, : len(shortest), :2].numpy()
    np.testing.assert_allclose(offsets * job.facts["scale"], shortest[:, :2], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_undo_takes_back_apply(dtype):
    rows = doodles(1)[0].astype(dtype)
    normaliser = Normaliser(37.5)
    np.testing.assert_allclose(normaliser.undo(normaliser.apply(rows)), rows, rtol=1e-6)
    assert normaliser.apply(rows).dtype == np.float32
    assert normaliser.undo(rows).dtype == np.float64


@pytest.mark.parametrize("change", ["apply", "undo"])
def test_the_input_is_left_as_it_was_and_lifts_are_left_alone(change):
    rows = doodles(1)[0].astype(np.float32)
    before = rows.copy()
    changed = getattr(Normaliser(5.0), change)(rows)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(changed[:, 2], rows[:, 2])
    assert not np.shares_memory(changed, rows)


def positions(rows):
    return np.cumsum(rows[:, :2].astype(np.float64), axis=0)


def alone(rows):
    return RaggedSketches(rows, np.array([len(rows)]))


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
        turned = changed_by(Augmentation(scale=0.0, drop=0.0, rotate=20.0), rows, seed)
        before, after = (each[:, 0] + 1j * each[:, 1] for each in (rows.astype(np.float64), turned))
        np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-4, atol=1e-4)
        angle = np.angle(np.sum(after * before.conj()), deg=True)
        np.testing.assert_allclose(after, before * np.exp(1j * np.deg2rad(angle)), rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(turned[:, 2], rows[:, 2])
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
    together = RaggedSketches(np.concatenate(sketches), np.array([len(rows) for rows in sketches]))
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


@pytest.mark.parametrize("law", PREFIX_RULES)
def test_every_law_keeps_at_least_one_row_and_at_most_all(law):
    for sketch in doodles(30):
        kept = [PREFIX_RULES[law](sketch, fraction) for fraction in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]
        assert kept == sorted(kept)
        assert kept[0] >= 1
        assert kept[-1] == len(sketch)


def test_u50_is_one_stream_in_file_order():
    lengths = np.array([1, 2, 3, 5, 10, 81, 200, 7] * 20)
    rng = np.random.default_rng(0)
    expected = [max(1, int(rng.integers(round(0.5 * n), n + 1))) for n in lengths.tolist()]
    assert u50_lengths(lengths).tolist() == expected
    assert u50_lengths(lengths[:5]).tolist() == expected[:5]


def test_u50_is_uniform_with_both_ends():
    kept = u50_lengths(np.full(4000, 9))
    assert set(kept.tolist()) == {4, 5, 6, 7, 8, 9}
    assert np.bincount(kept)[4:].min() > 4000 / 6 * 0.85


def test_validation_cuts_where_the_definition_cuts():
    lengths = torch.arange(1, 400)
    assert half_lengths(lengths).tolist() == [max(1, round(0.5 * n)) for n in range(1, 400)]
