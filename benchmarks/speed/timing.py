"""Durations of work that takes turns, so that whatever else the machine does slows all of it alike."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median
from types import TracebackType

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """Do the work once and return how long it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass(frozen=True)
class Timings:
    """Durations in seconds: of each piece of work, one for each round."""

    rounds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Return the seconds of this work, the median of all rounds."""
        return median(self.rounds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Return how many times as long one work takes as another, the median of the rounds' ratios."""
        return median(a / b for a, b in zip(self.rounds[slow], self.rounds[fast], strict=True))


def time_in_turn(rounds: int, works: Mapping[str, Work], warm: bool = True) -> Timings:
    """Time each piece of work once a round, after a round that does not count if ``warm``."""
    durations: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + warm):
        for name, work in works.items():
            spent = seconds(work)
            if turn or not warm:
                durations[name].append(spent)
    return Timings(durations)


class WorkerProcess:
    """Work that is done in a process of its own, with its own allocator, threads and caches.

    ``make()`` is called in the new process and returns the work; every call of this object does it there once. ``make``
    is sent to the process, so it is a function of a module or a partial of one.
    """

    def __init__(self, make: Callable[[], Work]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(make, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def __call__(self) -> None:
        self.pipe.send(True)
        self.pipe.recv()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.join()


def _serve(make: Callable[[], Work], pipe: Connection) -> None:
    work = make()
    while pipe.recv():
        work()
        pipe.send(True)
