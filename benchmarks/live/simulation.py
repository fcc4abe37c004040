"""Users of a live engine, simulated on a clock that only the engine's work moves: processor time, not wall time.

On a machine that does other things as well, wall time would count those too. Sockets and JSON, which belong to another
thread, are left out.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from benchmarks.live.users import SentRequest, TimedMessage
from codes.inference.completer import Completer
from codes.inference.requests import Event, SketchRequest
from codes.web.engine import Engine
from codes.web.limits import Limits
from codes.web.protocol import Ask, parse_message, payload


class Simulation:
    """The messages of some users, answered by an engine without a thread.

    Attributes:
        clock: seconds since the beginning.
        busy: seconds of work.
    """

    def __init__(self, completer: Completer, users: Sequence[Iterator[TimedMessage]]) -> None:
        for category in completer.categories:
            completer.models.decoders.get(category)
        self.engine = Engine(completer)
        self.clock = self.busy = 0.0
        self._upcoming = heapq.merge(
            *(_of_user(number, each) for number, each in enumerate(users)), key=lambda each: each[0]
        )
        self._latest: dict[int, SketchRequest] = {}
        self._heard: list[tuple[SentRequest, dict[str, Any]]] = []
        self._sent: list[SentRequest] = []
        self._points = 0

    def run(self) -> list[SentRequest]:
        """Run to the end and return every request."""
        upcoming = next(self._upcoming, None)
        while upcoming is not None or self.engine.busy:
            if upcoming is not None and not self.engine.busy:
                self.clock = max(self.clock, upcoming[0])
            while upcoming is not None and upcoming[0] <= self.clock:
                self._submit(*upcoming)
                upcoming = next(self._upcoming, None)
            self._run_once()
        return self._sent

    def figures(self) -> dict[str, Any]:
        """Return how much work it was."""
        return {"points": self._points, "busy": round(self.busy / self.clock, 3)}

    def _submit(self, now: float, user: int, message: dict[str, Any]) -> None:
        sent, parsed = SentRequest(message, now), parse_message(json.dumps(message), Limits())
        assert isinstance(parsed, Ask)
        if user in self._latest:
            self.engine.cancel(self._latest[user])
        self._sent.append(sent)
        tell = partial(self._tell, sent)
        self._latest[user] = SketchRequest(parsed.sketch, parsed.options, tell, draws=parsed.draws)
        self.engine.submit(self._latest[user])

    def _tell(self, sent: SentRequest, event: Event) -> None:
        self._heard.append((sent, payload(0, event)))

    def _run_once(self) -> None:
        """Turn the engine once; what it tells meanwhile is heard when the turn is over."""
        begun = time.thread_time()
        self.engine.run_once()
        spent = time.thread_time() - begun
        self.clock, self.busy = self.clock + spent, self.busy + spent
        for sent, message in self._heard:
            sent.hear(message, self.clock)
            self._points += len(message.get("rows", []))
        self._heard.clear()


def _of_user(user: int, messages: Iterator[TimedMessage]) -> Iterator[tuple[float, int, dict[str, Any]]]:
    return ((each.time, user, each.message) for each in messages)
