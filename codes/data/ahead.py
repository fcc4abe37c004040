"""Batches ahead of the steps that want them, made by other processes, so that a GPU does not wait for a core."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from torch.utils.data import DataLoader, Dataset

from codes.data.batches import Batch, BatchSource


class _Steps(Dataset[Batch]):
    """The batches of some steps, in order."""

    def __init__(self, source: BatchSource, steps: range) -> None:
        self.source, self.steps = source, steps

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Batch:
        return self.source.at(self.steps[index])


def batches(source: BatchSource, steps: range, workers: int = 0) -> Iterator[Batch]:
    """The batch of each step, the same whoever makes it: this process when it is asked for, or ``workers`` ahead."""
    if workers == 0:
        return map(source.at, steps)
    with _interrupts_held():
        return iter(DataLoader(_Steps(source, steps), batch_size=None, num_workers=workers))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; the one that trains decides what becomes of it.

    It is held back here for a moment, and for good in processes that begin meanwhile, since they inherit that.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
