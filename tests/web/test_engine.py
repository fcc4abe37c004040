"""The scheduler's thread: who does what in which thread, and what becomes of requests when it closes."""

from __future__ import annotations

from threading import Event, Semaphore, Thread, current_thread

import pytest

from codes.checkpoints.bundle import Bundle
from codes.inference.completer import Completer
from codes.inference.decoding import Drawings
from codes.inference.models import DecoderPool
from codes.inference.options import SamplingOptions
from codes.inference.requests import Completed, PointsDrawn, Refused, SketchRequest, Stopped
from codes.inference.router import Router
from codes.web.engine import Engine
from tests.support.worlds import prefixes

ONE = SamplingOptions(candidates=1, max_points=20)


class Listener:
    """Collects the events of a request; ``wait`` returns the last one."""

    def __init__(self, options=ONE, sketch=None, **fields):
        self.events, self._over = [], Event()
        self.first_point = Event()
        self.request = SketchRequest(sketch or prefixes(1)[0], options, self.tell, **fields)

    def tell(self, event):
        self.events.append(event)
        if isinstance(event, PointsDrawn):
            self.first_point.set()
        if self.request.over:
            self._over.set()

    def wait(self):
        assert self._over.wait(60)
        return self.events[-1]


@pytest.fixture
def running():
    """Start an engine for a completer; all are closed when the test is over."""
    engines = []

    def start(completer: Completer) -> Engine:
        engines.append(Engine(completer))
        engines[-1].start()
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def of_category(category: str) -> SamplingOptions:
    return SamplingOptions(candidates=1, max_points=20, category=category)


def test_a_request_that_waits_for_a_decoder_holds_up_no_other(running, bundle, monkeypatch):
    may_read, read = Event(), Bundle.decoder
    *quick, slow = Completer(bundle).classify(prefixes(1)[0]).probabilities  # the likeliest is read in any case

    def slowly(self, category):
        assert category != slow or may_read.wait(60)
        return read(self, category)

    monkeypatch.setattr(Bundle, "decoder", slowly)
    engine = running(Completer(bundle))
    for category in quick:
        engine.submit((ready := Listener(of_category(category))).request)
        assert isinstance(ready.wait(), Completed)
    waiting, other = Listener(of_category(slow)), Listener(of_category(quick[0]))
    engine.submit(waiting.request)
    engine.submit(other.request)
    assert isinstance(other.wait(), Completed)
    assert not waiting.request.over
    may_read.set()
    assert isinstance(waiting.wait(), Completed)


def test_decoders_are_never_read_on_the_drawing_thread_even_after_they_were_evicted(running, bundle, monkeypatch):
    """Beyond 64 categories, a decoder was once read anew by the thread that draws for everybody."""
    threads = set()

    def noted(kind, name):
        work = getattr(kind, name)
        monkeypatch.setattr(
            kind, name, lambda self, *words: (threads.add((name, current_thread().name)), work(self, *words))[1]
        )

    noted(Router, "classify")
    noted(Bundle, "decoder")
    noted(Drawings, "step")
    completer = Completer(bundle)
    completer.models.decoders = DecoderPool(bundle, capacity=1)
    engine = running(completer)
    for _ in range(3):
        asked = [Listener(of_category(category)) for category in bundle.categories]
        for each in asked:
            engine.submit(each.request)
        assert all(isinstance(each.wait(), Completed) for each in asked)
    assert threads == {("classify", "engine"), ("decoder", "decoders_0"), ("step", "engine")}


def test_the_likeliest_decoder_is_read_as_soon_as_a_sketch_is_classified(running, bundle, monkeypatch):
    reads, read, was_read = [], Bundle.decoder, Event()
    monkeypatch.setattr(Bundle, "decoder", lambda self, name: (reads.append(name), was_read.set(), read(self, name))[2])
    asked = Listener(draws=False)
    running(Completer(bundle)).submit(asked.request)
    assert asked.wait().completions == []
    assert was_read.wait(60) and reads == [asked.events[0].route.category]


def test_a_decoder_that_could_not_be_read_is_read_again_when_it_is_asked_for_again(running, bundle, monkeypatch):
    read = Bundle.decoder
    monkeypatch.setattr(Bundle, "decoder", lambda self, category: 1 / 0)
    engine = running(Completer(bundle))
    engine.submit((failed := Listener(of_category("circle"))).request)
    assert isinstance(failed.wait(), Refused)
    monkeypatch.setattr(Bundle, "decoder", read)
    engine.submit((again := Listener(of_category("circle"))).request)
    assert isinstance(again.wait(), Completed)


def test_what_is_open_when_the_engine_closes_is_stopped(endless, monkeypatch):
    gate, step = Semaphore(0), Drawings.step
    monkeypatch.setattr(Drawings, "step", lambda self: (gate.acquire(timeout=60), step(self))[1])
    engine = Engine(endless)
    asked = Listener(SamplingOptions(max_points=200, candidates=1))
    engine.submit(asked.request)
    engine.start()
    gate.release(1)
    assert asked.first_point.wait(60)
    closing = Thread(target=engine.close)
    closing.start()
    gate.release(1)
    closing.join(60)
    assert isinstance(asked.wait(), Stopped)
    engine.submit((late := Listener(draws=False)).request)
    assert isinstance(late.wait(), Stopped)
