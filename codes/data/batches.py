"""Turn sketches into padded batches of tensors, and make batches ahead of time in other processes.

This module knows padding, buckets, seeds and worker processes. It knows no model.

Every batch is a pure function of the seed and the step, so a run that stops and resumes sees the batches it would have
seen, whichever process makes them. Sketches are drawn with replacement. A pool of several batches is drawn at once and
cut by length, so that a batch holds sketches of similar length and little padding.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from codes.data.store import PackedSplit
from codes.data.transforms import Augmentation, Normaliser, RaggedSketches
from codes.strokes.stroke3 import DOWN, END, LIFT, OFFSET, UP


@dataclass(frozen=True)
class Batch:
    """Hold padded sketches.

    Attributes:
        points: ``[B, T, 5]`` float32 stroke-5 ``(dx, dy, DOWN, UP, END)`` in model units, without a start row. Rows
            past a sketch's length are ``(0, 0, 0, 0, 1)``, so the row *after* the last is its end-of-sketch.
        lengths: ``[B]`` int64, number of rows of each sketch, ``1 <= length <= T``.
        labels: ``[B]`` int64, category numbers.
    """

    points: Tensor
    lengths: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, rows: Tensor) -> Batch:
        """Return the batch of some of the sketches; ``rows`` are indices or a mask."""
        return Batch(self.points[rows], self.lengths[rows], self.labels[rows])

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on a device."""
        return Batch(self.points.to(device), self.lengths.to(device), self.labels.to(device))


def collate(sketches: Sequence[NDArray[np.float32]], labels: Sequence[int] | NDArray[np.int64]) -> Batch:
    """Pad stroke-3 sketches in model units to the longest and turn them into stroke-5."""
    lengths = np.array([len(sketch) for sketch in sketches], dtype=np.int64)
    return collate_ragged(RaggedSketches(np.concatenate(sketches), lengths), labels)


def collate_ragged(sketches: RaggedSketches, labels: Sequence[int] | NDArray[np.int64]) -> Batch:
    """Pad sketches that stand end to end, as :func:`collate` pads a list of them."""
    rows, lengths = sketches
    points = np.zeros((len(lengths), int(lengths.max()), 5), dtype=np.float32)
    real = np.arange(points.shape[1]) < lengths[:, None]
    points[real, OFFSET] = rows[:, OFFSET]
    points[real, DOWN] = 1 - rows[:, LIFT]
    points[real, UP] = rows[:, LIFT]
    points[~real, END] = 1
    return Batch(torch.from_numpy(points), torch.from_numpy(lengths), torch.as_tensor(np.asarray(labels)))


@dataclass(frozen=True)
class BatchSource:
    """Make training batches from one split, one for every step without end.

    Attributes:
        split: the sketches.
        normaliser: turns pixels into model units.
        augmentation: random changes to the sketches.
        size: number of sketches in a batch.
        seed: seed of the draw and of the augmentation.
        balance: a category of ``n`` sketches is drawn with a probability proportional to ``n ** balance``. So 1 draws
            sketches uniformly, and 0 draws categories uniformly.
        longest: sketches of more rows than this are left out.
        pool: number of batches that are drawn together and cut by length.
    """

    split: PackedSplit
    normaliser: Normaliser
    augmentation: Augmentation
    size: int = 100
    seed: int = 0
    balance: float = 1.0
    longest: int = 250
    pool: int = 48

    def at(self, step: int) -> Batch:
        """Return the batch of a step, the longest sketch first."""
        indices = self._indices(step)
        rows = np.concatenate([self.split[i] for i in indices.tolist()])
        unchanged = RaggedSketches(self.normaliser.apply(rows), self.split.lengths(indices))
        changed = self.augmentation.apply(unchanged, np.random.default_rng([self.seed, 1, step]))
        batch = collate_ragged(changed, self.split.labels(indices))
        return batch.select(batch.lengths.argsort(descending=True, stable=True))

    def _indices(self, step: int) -> NDArray[np.int64]:
        """Return the indices of the step's sketches: one bucket of the pool that the step belongs to."""
        self.split.release()
        pool, place = divmod(step, self.pool)
        rng = np.random.default_rng([self.seed, 0, pool])
        drawn = self._draw(rng, self.size * self.pool)
        by_length = drawn[np.argsort(self.split.lengths(drawn), kind="stable")]
        bucket = int(rng.permutation(self.pool)[place])
        return by_length[bucket * self.size : (bucket + 1) * self.size]

    def _draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Draw ``count`` sketches that are not too long: first the category, then uniformly within it."""
        counts = self.split.counts().astype(np.float64)
        weights = np.where(counts > 0, counts**self.balance, 0.0)
        drawn = np.empty(0, dtype=np.int64)
        while len(drawn) < count:
            labels = rng.choice(len(counts), size=count, p=weights / weights.sum())
            within = (rng.random(count) * counts[labels]).astype(np.int64)
            indices = self.split.starts[labels] + within
            drawn = np.concatenate([drawn, indices[self.split.lengths(indices) <= self.longest]])
        return drawn[:count]


def ordered_batches(split: PackedSplit, normaliser: Normaliser, size: int = 200) -> Iterator[Batch]:
    """Yield every sketch of a split once, unchanged, shortest first: for validation and tests."""
    indices = np.arange(len(split), dtype=np.int64)
    by_length = indices[np.argsort(split.lengths(indices), kind="stable")]
    for start in range(0, len(by_length), size):
        chosen = by_length[start : start + size]
        yield collate([normaliser.apply(split[i]) for i in chosen.tolist()], split.labels(chosen))


class _StepDataset(Dataset[Batch]):
    """Map an index to the batch of one of ``steps``."""

    def __init__(self, source: BatchSource, steps: range) -> None:
        self.source, self.steps = source, steps

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Batch:
        return self.source.at(self.steps[index])


def prefetch(source: BatchSource, steps: range, workers: int = 0) -> Iterator[Batch]:
    """Return the batches of ``steps`` in order; ``workers`` processes make them ahead, or none makes each when needed.

    The batches are the same for any number of workers.
    """
    if workers == 0:
        return map(source.at, steps)
    with _sigint_blocked():
        return iter(DataLoader(_StepDataset(source, steps), batch_size=None, num_workers=workers))


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT in the processes that start inside the block, which inherit that for good.

    Ctrl-C reaches every process of a terminal, but only the training process should decide what to do about it. In this
    process the signal is delivered when the block ends.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
