"""Work in a process of its own, done when asked for: neither side has the other's allocator, threads or caches."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType

Work = Callable[[], object]


class Apart:
    """``make()`` is called in a new process and gives the work; every call of this does it there once.

    ``make`` is sent there, so it is a function of a module or a partial of one.
    """

    def __init__(self, make: Callable[[], Work]) -> None:
        context = multiprocessing.get_context("spawn")
        self.ours, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(make, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def __call__(self) -> None:
        self.ours.send(True)
        self.ours.recv()

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.join()


def _serve(make: Callable[[], Work], pipe: Connection) -> None:
    work = make()
    while pipe.recv():
        work()
        pipe.send(True)
