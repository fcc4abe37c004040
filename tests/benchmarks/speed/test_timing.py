"""Work takes turns, and work in a process of its own is done there."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.speed.timing import Timings, WorkerProcess, time_in_turn


def test_ratios_are_medians_of_rounds():
    timings = Timings({"slow": [4.0, 9.0, 100.0], "fast": [2.0, 3.0, 1.0]})
    assert timings.median("slow") == 9.0
    assert timings.ratio("slow", "fast") == 3.0


def test_works_take_turns_and_the_warm_round_does_not_count():
    done: list[str] = []
    timings = time_in_turn(2, {"a": lambda: done.append("a"), "b": lambda: done.append("b")})
    assert done == ["a", "b"] * 3
    assert [len(each) for each in timings.rounds.values()] == [2, 2]


def test_a_worker_process_does_the_work_in_another_process_as_often_as_it_is_asked(tmp_path):
    path = tmp_path / "processes.txt"
    with WorkerProcess(partial(noting, path)) as work:
        work()
        work()
        names = path.read_text().split()
    assert len(names) == 2 and set(names) == {str(work.process.pid)} != {str(os.getpid())}
    assert not work.process.is_alive()


def noting(path: Path) -> Callable[[], None]:
    """Work that leaves the number of its process."""

    def note() -> None:
        with path.open("a") as file:
            file.write(f"{os.getpid()}\n")

    return note
