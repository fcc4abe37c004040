"""The scheduler's thread: answers everybody's requests, from :meth:`Engine.start` to :meth:`Engine.close`.

Requests are handed over by any thread and answered by the engine's own, which runs the scheduler as long as there is
work. Decoders are read by the pool's thread, the likeliest as soon as a sketch is classified. Nothing here knows of
models, sockets or JSON.
"""

from __future__ import annotations

from concurrent.futures import Future
from threading import Condition, Thread

from codes.inference.completer import Completer
from codes.inference.models import LoadedDecoder
from codes.inference.requests import SketchRequest, Stopped
from codes.inference.scheduler import Scheduler

CROWDED = 150  # drawings under way; two people who wait for nine ways each have about as many


class Engine:
    """Run a scheduler in a thread of its own."""

    def __init__(self, completer: Completer) -> None:
        self.bundle = completer.bundle
        self._decoders = completer.models.decoders
        self._scheduler = Scheduler(completer.models, self._fetch, prefetch=True, crowded=CROWDED)
        self._news = Condition()
        self._inbox: list[SketchRequest] = []  # this and the next are changed by any thread
        self._closing = False
        self._thread = Thread(target=self._run, name="engine", daemon=True)

    @property
    def n_drawings(self) -> int:
        """Return how many drawings are under way."""
        return self._scheduler.n_drawings

    @property
    def busy(self) -> bool:
        """Return true if a request is not over."""
        return bool(self._inbox or self._scheduler.requests)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop every request and end the threads."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join()
        self._decoders.close()

    def submit(self, request: SketchRequest) -> None:
        """Have a request answered; returns at once."""
        with self._news:
            if self._closing:
                request.end(Stopped())
            else:
                self._inbox.append(request)
                self._news.notify()

    def cancel(self, request: SketchRequest) -> None:
        """Answer a request no more: it is told Stopped before the next point, unless it is over."""
        with self._news:
            request.cancelled = True
            self._news.notify()

    def run_once(self) -> None:
        """Take in what was submitted and run the scheduler once."""
        with self._news:
            inbox, self._inbox = self._inbox, []
        for request in inbox:
            self._scheduler.submit(request)
        self._scheduler.run_once()

    def _run(self) -> None:
        while self._wait():
            self.run_once()
        for request in self._inbox:
            request.end(Stopped())
        self._scheduler.stop()

    def _wait(self) -> bool:
        """Sleep until there is something to do; return false if the engine is to end."""
        with self._news:
            self._news.wait_for(lambda: self._closing or self._inbox or self._scheduler.has_work)
        return not self._closing

    def _fetch(self, category: str) -> Future[LoadedDecoder]:
        """Have a decoder read in the background, and wake up once it is there."""
        decoder = self._decoders.fetch(category)
        decoder.add_done_callback(self._wake)
        return decoder

    def _wake(self, _: Future[LoadedDecoder]) -> None:
        with self._news:
            self._news.notify()
