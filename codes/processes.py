"""Work on many things side by side, in processes of their own. Knows nothing of the work."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TypeVar

from codes.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Processes:
    """Say how many processes work side by side.

    Attributes:
        count: with 1 the work is done in the caller's process.
        prepare: called first in each process that is started.
    """

    count: int = 1
    prepare: Callable[[], None] | None = None

    def results(
        self, work: Callable[[Item], Result], items: Iterable[Item], desc: str | None = None
    ) -> Iterator[Result]:
        """Yield what ``work`` returns for each item, in the order in which they are done, with a bar of categories.

        What an item raises is raised here, and no other is begun.
        """
        items = list(items)
        if self.count == 1:
            yield from progress(map(work, items), total=len(items), desc=desc, unit=" categories")
            return
        pool = ProcessPoolExecutor(self.count, multiprocessing.get_context("spawn"), self.prepare)
        try:
            runs = [pool.submit(work, item) for item in items]
            for run in progress(as_completed(runs), total=len(runs), desc=desc, unit=" categories"):
                yield run.result()
        finally:
            pool.shutdown(cancel_futures=True)


ALONE = Processes()
