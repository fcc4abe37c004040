"""Batches are padded as documented and depend on the seed and the step only, whichever process makes them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from codes.data.batches import Batch, BatchSource, collate, ordered_batches, prefetch
from codes.data.store_writer import pack
from codes.data.transforms import Augmentation, Normaliser
from codes.strokes.stroke3 import END, LIFT, OFFSET, PEN, UP
from tests.support.worlds import CATEGORIES, SCALE, doodles

UNCHANGED = Augmentation(scale=0.0, drop=0.0)


@pytest.fixture
def source(store) -> BatchSource:
    return BatchSource(store.split("train"), Normaliser(SCALE), Augmentation(), size=5, seed=3, pool=4)


def same(one: Batch, other: Batch) -> bool:
    names = ("points", "lengths", "labels")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_collate_writes_stroke5_and_pads_with_ends():
    short = np.array([[1, 2, 1]], dtype=np.float32)
    long = np.array([[3, 4, 0], [5, 6, 1]], dtype=np.float32)
    batch = collate([short, long], [2, 0])
    assert batch.points.tolist() == [
        [[1, 2, 0, 1, 0], [0, 0, 0, 0, 1]],
        [[3, 4, 1, 0, 0], [5, 6, 0, 1, 0]],
    ]
    assert batch.lengths.tolist() == [1, 2]
    assert batch.labels.tolist() == [2, 0]
    assert (batch.points.dtype, batch.lengths.dtype, batch.labels.dtype) == (torch.float32, torch.int64, torch.int64)


def test_a_prefix_is_never_marked_as_ended_and_keeps_its_last_pen_state():
    """An earlier system marked the last prefix point as END and lost its lift, so decoders saw an ended sketch."""
    sketches = [rows.astype(np.float32) for rows in doodles(12)]
    cuts = [max(1, len(rows) // 2) for rows in sketches]
    prefixes = [rows[:cut] for rows, cut in zip(sketches, cuts, strict=True)]
    batch = collate(prefixes, [0] * 12)
    for points, length, rows in zip(batch.points, batch.lengths.tolist(), prefixes, strict=True):
        assert points[:length, END].sum() == 0
        assert points[length - 1, UP] == rows[-1, LIFT]
        assert (points[length:, END] == 1).all()
    assert (batch.points[..., PEN].sum(dim=-1) == 1).all()


def test_collate_copies_its_input():
    rows = [each.astype(np.float32) for each in doodles(3)]
    before = [each.copy() for each in rows]
    collate(rows, [0, 1, 2]).points.fill_(7)
    for mine, theirs in zip(rows, before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_batch_is_a_function_of_its_step(source):
    first = [source.at(step) for step in range(9)]
    fresh = replace(source)
    for step in (7, 0, 8, 3, 3, 1):
        assert same(fresh.at(step), first[step])
        assert first[step].lengths.tolist() == sorted(first[step].lengths.tolist(), reverse=True)
    assert not any(same(first[0], other) for other in first[1:])


def test_every_step_is_augmented_by_other_numbers(tmp_path):
    """The sketches are all the same, so two steps differ by their augmentation only."""
    copies = pack(tmp_path / "copies", {"train": {"circle": doodles(1) * 20}}).split("train")
    source = BatchSource(copies, Normaliser(SCALE), Augmentation(drop=0.0), size=5)
    assert not torch.equal(source.at(0).points, source.at(1).points)


def test_other_random_numbers_do_not_reach_the_batches(source):
    before = source.at(2)
    np.random.default_rng(0).random(5)
    torch.rand(3)
    assert same(source.at(2), before)
    assert not same(replace(source, seed=4).at(2), before)


def test_every_batch_has_its_full_size_and_labels_that_fit(source, store):
    train = store.split("train")
    known = {label: {train[i].tobytes() for i in range(label * 20, label * 20 + 20)} for label in range(3)}
    plain = replace(source, augmentation=UNCHANGED, normaliser=Normaliser(1.0))
    for step in range(12):
        batch = plain.at(step)
        assert len(batch) == 5
        for points, length, label in zip(batch.points, batch.lengths, batch.labels.tolist(), strict=True):
            rows = points[: int(length)].numpy()
            stroke3 = np.column_stack([rows[:, OFFSET], rows[:, UP]]).astype(np.int16)
            assert stroke3.tobytes() in known[label]


def test_a_pool_is_cut_by_length(source):
    plain = replace(source, augmentation=UNCHANGED)
    spans = sorted((int(b.lengths.min()), int(b.lengths.max())) for b in map(plain.at, range(4)))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert spans[0][1] < spans[-1][0]


def test_sketches_that_are_too_long_are_left_out(source):
    short = replace(source, augmentation=UNCHANGED, longest=8)
    batches = [short.at(step) for step in range(12)]
    assert max(int(batch.lengths.max()) for batch in batches) <= 8
    assert {len(batch) for batch in batches} == {5}


def test_balance_draws_uniformly_over_sketches_or_categories(tmp_path):
    counts = {"circle": 90, "square": 10}
    splits = {"train": {name: doodles(count, 0, (name,)) for name, count in counts.items()} | {"zigzag": []}}
    train = pack(tmp_path / "data", splits).split("train")

    def share(balance: float) -> float:
        plain = BatchSource(train, Normaliser(1.0), UNCHANGED, size=50, balance=balance)
        labels = torch.cat([plain.at(step).labels for step in range(24)])
        assert int(labels.max()) == 1
        return float((labels == 1).float().mean())

    assert share(1.0) == pytest.approx(0.1, abs=0.04)
    assert share(0.0) == pytest.approx(0.5, abs=0.06)
    assert share(0.5) == pytest.approx(0.25, abs=0.05)


def test_in_order_gives_every_sketch_once_unchanged(store):
    test = store.split("test")
    batches = list(ordered_batches(test, Normaliser(1.0), size=4))
    assert [len(batch) for batch in batches] == [4, 4, 4, 4, 2]
    found = []
    for batch in batches:
        for points, length, label in zip(batch.points, batch.lengths, batch.labels.tolist(), strict=True):
            rows = points[: int(length)].numpy()
            found.append((label, np.column_stack([rows[:, OFFSET], rows[:, UP]]).astype(np.int16).tobytes()))
    expected = [(i // 6, test[i].tobytes()) for i in range(len(test))]
    assert sorted(found) == sorted(expected)
    lengths = torch.cat([batch.lengths for batch in batches])
    assert lengths.tolist() == sorted(lengths.tolist())


def test_one_category_of_a_store_is_that_category(store):
    whole, squares = store.split("train"), store.split("train").only("square")
    assert len(squares) == 20
    for i in range(20):
        np.testing.assert_array_equal(squares[i], whole[20 + i])
    batch = BatchSource(squares, Normaliser(1.0), UNCHANGED, size=8).at(0)
    assert batch.labels.tolist() == [0] * 8
    assert squares.categories == (CATEGORIES[1],)


STEPS = range(3, 9)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_step_has_the_same_batch_for_any_number_of_workers(source, workers):
    made = list(prefetch(source, STEPS, workers))
    assert len(made) == len(STEPS)
    assert all(same(batch, source.at(step)) for step, batch in zip(STEPS, made, strict=True))


def test_without_workers_batches_are_made_when_needed(source, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(BatchSource, "at", lambda self, step: asked.append(step))
    coming = prefetch(source, STEPS)
    assert asked == []
    next(coming)
    assert asked == [3]


@pytest.fixture
def sigint_is_heard() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, also where the tests run as a background job, which starts deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_is_heard")
def test_workers_ignore_ctrl_c_from_the_moment_they_start(source):
    coming = prefetch(source, range(40), workers=2)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker.pid, signal.SIGINT)
    assert all(same(batch, source.at(step)) for step, batch in enumerate(coming))


@pytest.mark.usefixtures("sigint_is_heard")
def test_the_training_process_still_hears_ctrl_c(source):
    coming = prefetch(source, range(4), workers=1)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert same(next(coming), source.at(0))
