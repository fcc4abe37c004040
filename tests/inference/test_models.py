"""The models of a bundle: read when they are first used, once, and forgotten in the order of their last use."""

from __future__ import annotations

import gc
import weakref
from threading import Event, Timer

import pytest

from codes.checkpoints.bundle import Bundle
from codes.errors import ModelNotFound
from codes.inference.models import DecoderPool
from tests.support.worlds import CATEGORIES


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The categories whose weights are read, in order."""
    reads, read = [], Bundle.decoder
    monkeypatch.setattr(Bundle, "decoder", lambda self, category: (reads.append(category), read(self, category))[1])
    return reads


def test_a_decoder_is_read_once(bundle, reads):
    pool = DecoderPool(bundle)
    assert pool.get("circle") is pool.get("circle") is pool.load("circle").result() is pool.fetch("circle").result()
    assert reads == ["circle"]


def test_the_decoder_that_was_used_longest_ago_is_forgotten_first(bundle, reads):
    pool = DecoderPool(bundle, capacity=2)
    for category in ("circle", "square", "circle", "zigzag", "circle"):
        pool.get(category)
    assert reads == ["circle", "square", "zigzag"]
    pool.get("square")
    assert reads == ["circle", "square", "zigzag", "square"]


def test_a_forgotten_decoder_leaves_memory_but_stays_with_those_who_hold_it(bundle):
    pool = DecoderPool(bundle, capacity=1)
    held, forgotten = pool.get("circle"), weakref.ref(pool.get("square"))
    pool.get("zigzag")
    gc.collect()
    assert forgotten() is None
    assert held.category == "circle" and held.stepper.decoder is held.vae.decoder


def test_a_decoder_is_fetched_in_the_background_and_read_once_for_all_who_ask(bundle, reads, monkeypatch):
    may_read, read = Event(), Bundle.decoder
    monkeypatch.setattr(Bundle, "decoder", lambda self, category: (may_read.wait(60), read(self, category))[1])
    pool = DecoderPool(bundle)
    first, second = pool.fetch("circle"), pool.fetch("circle")
    assert first is second and not first.done()
    may_read.set()
    assert first.result(60).category == "circle"
    assert reads == ["circle"]
    pool.close()


@pytest.mark.parametrize("how", ["get", "fetch"])
def test_a_category_that_does_not_exist_is_refused_every_time(bundle, how):
    pool = DecoderPool(bundle)
    for _ in range(2):
        with pytest.raises(ModelNotFound, match=f"no category 'cow'; there are {', '.join(CATEGORIES)}"):
            pool.get("cow") if how == "get" else pool.fetch("cow").result(60)
    pool.close()


def test_a_pool_that_was_closed_reads_on_when_it_is_asked(bundle, reads, monkeypatch):
    """What waited for the thread that was ended was once waited for for ever."""
    may_read, read = Event(), Bundle.decoder
    monkeypatch.setattr(Bundle, "decoder", lambda self, category: (may_read.wait(60), read(self, category))[1])
    pool = DecoderPool(bundle)
    reading, waiting = pool.fetch("circle"), pool.fetch("square")
    Timer(0.1, may_read.set).start()
    pool.close()
    assert reading.result(60).category == "circle" and waiting.cancelled()
    assert pool.fetch("square").result(60).category == "square"
    assert reads == ["circle", "square"]
    pool.close()
