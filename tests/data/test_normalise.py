"""One scale, fitted on train, applied and undone in one place."""

from __future__ import annotations

import numpy as np
import pytest

from codes.data.normalise import Normaliser, fit_normaliser
from codes.data.packed import pack
from codes.training.config import TrainConfig
from codes.training.jobs import Splits, draw_job
from tests.helpers import CATEGORIES, TINY_VAE, doodles


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
    job = draw_job(splits, TINY_VAE, TrainConfig(batch=2))
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
