"""An engine played turn by turn, on a clock that only its own work moves: processor time, not the wall's.

On a machine that does other things as well, a clock on the wall tells of those. Left out are sockets and JSON, which
belong to another thread.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from benchmarks.live.users import Asked, Moment
from codes.inference.completer import Completer
from codes.inference.requests import Event, SketchRequest
from codes.web.engine import Engine
from codes.web.limits import Limits
from codes.web.protocol import Ask, parse_message, payload


class Play:
    """Some people's questions, answered by an engine without a thread.

    Attributes:
        clock: seconds since the beginning.
        busy: seconds of work.
    """

    def __init__(self, completer: Completer, crowd: Sequence[Iterator[Moment]]) -> None:
        for category in completer.categories:
            completer.models.decoders.get(category)
        self.engine = Engine(completer)
        self.clock = self.busy = 0.0
        self._coming = heapq.merge(*(_of(number, each) for number, each in enumerate(crowd)), key=lambda each: each[0])
        self._latest: dict[int, SketchRequest] = {}
        self._told: list[tuple[Asked, dict[str, Any]]] = []
        self._asked: list[Asked] = []
        self._points = 0

    def run(self) -> list[Asked]:
        """Play to the end."""
        upcoming = next(self._coming, None)
        while upcoming is not None or self.engine.busy:
            if upcoming is not None and not self.engine.busy:
                self.clock = max(self.clock, upcoming[0])
            while upcoming is not None and upcoming[0] <= self.clock:
                self._ask(*upcoming)
                upcoming = next(self._coming, None)
            self._work(self.engine.turn)
        return self._asked

    def figures(self) -> dict[str, Any]:
        """How much work it was."""
        return {"points": self._points, "busy": round(self.busy / self.clock, 3)}

    def _ask(self, moment: float, person: int, message: dict[str, Any]) -> None:
        asked, said = Asked(message, moment), parse_message(json.dumps(message), Limits())
        assert isinstance(said, Ask)
        if person in self._latest:
            self.engine.cancel(self._latest[person])
        self._asked.append(asked)
        self._latest[person] = SketchRequest(said.sketch, said.options, partial(self._tell, asked))
        self.engine.submit(self._latest[person])

    def _tell(self, asked: Asked, event: Event) -> None:
        self._told.append((asked, payload(0, event)))

    def _work(self, work: Callable[[], None]) -> None:
        """What is told meanwhile is heard when the work is done."""
        begun = time.thread_time()
        work()
        spent = time.thread_time() - begun
        self.clock, self.busy = self.clock + spent, self.busy + spent
        for asked, said in self._told:
            asked.hear(said, self.clock)
            self._points += len(said.get("rows", []))
        self._told.clear()


def _of(person: int, moments: Iterator[Moment]) -> Iterator[tuple[float, int, dict[str, Any]]]:
    return ((moment.time, person, moment.message) for moment in moments)
