"""Batches made by other processes are the batches that this one would have made."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from codes.data.ahead import batches
from codes.data.augment import Augmentation
from codes.data.batches import BatchSource
from codes.data.normalise import Normaliser
from tests.data.test_batches import same
from tests.helpers import SCALE

STEPS = range(3, 9)


@pytest.fixture
def source(store) -> BatchSource:
    return BatchSource(store.split("train"), Normaliser(SCALE), Augmentation(), size=5, seed=3, pool=4)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_step_has_its_own_batch_whoever_makes_it(source, workers):
    made = list(batches(source, STEPS, workers))
    assert len(made) == len(STEPS)
    assert all(same(batch, source.at(step)) for step, batch in zip(STEPS, made, strict=True))


def test_without_workers_nothing_is_made_before_it_is_wanted(source, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(BatchSource, "at", lambda self, step: asked.append(step))
    coming = batches(source, STEPS)
    assert asked == []
    next(coming)
    assert asked == [3]


def test_workers_leave_ctrl_c_to_the_process_that_trains(source):
    """However early it is pressed."""
    coming = batches(source, range(40), workers=2)
    helpers = multiprocessing.active_children()
    assert len(helpers) == 2
    for helper in helpers:
        os.kill(helper.pid, signal.SIGINT)
    assert all(same(batch, source.at(step)) for step, batch in enumerate(coming))


def test_the_process_that_trains_still_hears_it(source):
    coming = batches(source, range(4), workers=1)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert same(next(coming), source.at(0))
