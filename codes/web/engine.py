"""One thread that owns the models and answers everybody's questions together.

Whatever waits is classified in one batch. Drawings of one category are stepped together, and others join between two
points: a decoder's state is a value, so nobody waits for anybody's drawing to end. What begins gets its first point at
once. Decoders are read by a thread of their own, the likeliest as soon as a sketch is recognised. Nothing here knows of
sockets or JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Thread

from codes.errors import NotRecognised, SketchError
from codes.inference.completer import Completer
from codes.inference.options import Route
from codes.inference.requests import OUR_MISTAKE, Classified, Completed, Refused, SketchRequest, Stopped
from codes.web.easel import DecoderBatch, Part

LOG = logging.getLogger(__name__)


class Engine:
    """Answers questions, from :meth:`start` to :meth:`close`."""

    def __init__(self, completer: Completer) -> None:
        self.completer = completer
        self._news = Condition()
        self._asked: list[SketchRequest] = []  # this and the next by any thread, all else by the engine's own
        self._closing = False
        self._open: list[SketchRequest] = []
        self._parts: list[Part] = []  # routed, but their decoders are still being read
        self._easels: dict[str, DecoderBatch] = {}
        self._read: dict[str, Future[None]] = {}  # decoders; the completer holds them
        self._reader = ThreadPoolExecutor(1, "decoders")
        self._thread = Thread(target=self._run, name="engine", daemon=True)

    @property
    def drawings(self) -> int:
        """How many are under way."""
        return sum(len(easel.hands) for easel in list(self._easels.values()))

    @property
    def busy(self) -> bool:
        """Whether a question is open."""
        return bool(self._asked or self._open)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop whatever is under way and end the thread."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join()
        self._reader.shutdown(cancel_futures=True)

    def ask(self, question: SketchRequest) -> None:
        """Have a question answered; returns at once."""
        with self._news:
            if self._closing:
                question.end(Stopped())
            else:
                self._asked.append(question)
                self._news.notify()

    def cancel(self, question: SketchRequest) -> None:
        """Answer it no more: it is told Stopped before the next point, unless it is over."""
        with self._news:
            question.cancelled = True
            self._news.notify()

    def turn(self) -> None:
        """Classify what was asked since the last turn, then draw one point of everything that is under way."""
        self._classify(self._take())
        self._draw()

    def _run(self) -> None:
        while self._wait():
            self.turn()
        for question in [*self._open, *self._asked]:
            question.end(Stopped())

    def _wait(self) -> bool:
        """Sleep until there is something to do; whether to go on."""
        with self._news:
            self._news.wait_for(self._has_work)
        return not self._closing

    def _has_work(self) -> bool:
        if self._asked or self._easels or self._closing:
            return True
        return any(question.cancelled for question in self._open) or any(map(self._can_begin, self._parts))

    def _take(self) -> list[SketchRequest]:
        """What was asked since the last turn; those who cancelled are told and forgotten."""
        with self._news:
            asked, self._asked = self._asked, []
        for question in [*self._open, *asked]:
            if question.cancelled:
                question.end(Stopped())
        self._open = [question for question in [*self._open, *asked] if not question.over]
        return [question for question in asked if not question.over]

    def _classify(self, questions: Sequence[SketchRequest]) -> None:
        """One batch of all that wait."""
        if questions:
            with _answering(questions):
                routes = self.completer.classify_many([question.sketch for question in questions])
                for question, route in zip(questions, routes, strict=True):
                    self._route(question, route)

    def _route(self, question: SketchRequest, route: Route) -> None:
        """Tell what it is, and have its decoders read."""
        question.tell(Classified(route))
        self._call_for(route.category)
        with _answering([question]):
            parts = self._parts_of(question, route)
            if not parts:
                question.end(Completed([]))
                return
            question.expect([part.task.category for part in parts for _ in range(part.options.variations)])
            for part in parts:
                self._call_for(part.task.category)
            self._parts += parts

    def _parts_of(self, question: SketchRequest, route: Route) -> list[Part]:
        options = question.options
        if options is None:
            return []
        try:
            tasks = self.completer.tasks(question.sketch, route, options)
        except NotRecognised:
            return []
        return [Part(question, options, task, number * options.variations) for number, task in enumerate(tasks)]

    def _call_for(self, category: str) -> None:
        """Have a decoder read, unless it is."""
        if category not in self._read:
            self._read[category] = self._reader.submit(self._read_decoder, category)
            self._read[category].add_done_callback(self._tell)

    def _read_decoder(self, category: str) -> None:
        self.completer.stepper(category)

    def _tell(self, _: Future[None]) -> None:
        with self._news:
            self._news.notify()

    def _can_begin(self, part: Part) -> bool:
        return self._read[part.task.category].done()

    def _draw(self) -> None:
        """One point on every easel, those first on which something begins."""
        ready = self._ready()
        for category in [*ready, *(each for each in self._easels if each not in ready)]:
            parts = ready.get(category, [])
            easel = self._easels.get(category)
            asking = [part.question for part in parts] + (easel.questions() if easel else [])
            with _answering(asking):
                self._draw_on(category, parts)

    def _ready(self) -> dict[str, list[Part]]:
        """What can begin, by category: their decoders are there."""
        ready: dict[str, list[Part]] = {}
        waiting = []
        for part in self._parts:
            if self._can_begin(part) and not part.question.over:
                ready.setdefault(part.task.category, []).append(part)
            elif not part.question.over:
                waiting.append(part)
        self._parts = waiting
        return ready

    def _draw_on(self, category: str, parts: Sequence[Part]) -> None:
        """Off with those who do not want to know, on with these, and one point of all."""
        self._read[category].result()  # what went wrong in reading is told here
        easel = self._easels.pop(category, None) or DecoderBatch(self.completer, category)
        easel.leave()
        if parts:
            easel.join(parts)
        if easel.hands:
            easel.step()
        if easel.hands:  # if anything goes wrong before, it is gone
            self._easels[category] = easel


@contextmanager
def _answering(questions: Sequence[SketchRequest]) -> Iterator[None]:
    """Whatever goes wrong is told to those who asked, and the engine goes on."""
    try:
        yield
    except SketchError as error:
        for question in questions:
            question.end(Refused(error))
    except Exception:
        LOG.exception("questions could not be answered")
        for question in questions:
            question.end(Refused(SketchError(OUR_MISTAKE)))
