"""Durations of things done in turn, so that whatever else the machine does strikes them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass(frozen=True)
class Timings:
    """Durations in seconds: of each piece of work, one for each round."""

    rounds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Seconds of this work, the median of all rounds."""
        return median(self.rounds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """How many times as long the one takes as the other, the median of what each round says."""
        return median(a / b for a, b in zip(self.rounds[slow], self.rounds[fast], strict=True))


def in_turn(rounds: int, works: Mapping[str, Work], warm: bool = True) -> Timings:
    """Time each piece of work once a round, after one round that does not count if ``warm``."""
    durations: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + warm):
        for name, work in works.items():
            spent = seconds(work)
            if turn or not warm:
                durations[name].append(spent)
    return Timings(durations)
