"""Sketches to batches of tensors: knows padding, buckets and seeds, knows no model.

Every batch is a pure function of the seed and the step, so a run that stops and resumes sees what it would have seen.
Sketches are drawn with replacement; a pool of several batches is drawn at once and cut by length, so that a batch
holds sketches of like length and little padding.

Batches ahead of the steps that want them, made by other processes, so that a GPU does not wait for a core."""

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
from codes.sketch.stroke3 import DOWN, END, LIFT, OFFSET, UP


@dataclass(frozen=True)
class Batch:
    """Padded sketches.

    Attributes:
        points: ``[B, T, 5]`` float32 stroke-5 ``(dx, dy, DOWN, UP, END)`` in model units, no start row; rows past a
            sketch's length are ``(0, 0, 0, 0, 1)``, so the row *after* the last is its end-of-sketch.
        lengths: ``[B]`` int64, rows of each sketch, ``1 <= length <= T``.
        labels: ``[B]`` int64, category numbers.
    """

    points: Tensor
    lengths: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, rows: Tensor) -> Batch:
        """Some of the sketches."""
        return Batch(self.points[rows], self.lengths[rows], self.labels[rows])

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(self.points.to(device), self.lengths.to(device), self.labels.to(device))


def collate(sketches: Sequence[NDArray[np.float32]], labels: Sequence[int] | NDArray[np.int64]) -> Batch:
    """Pad stroke-3 sketches in model units to the longest and turn them into stroke-5."""
    lengths = np.array([len(sketch) for sketch in sketches], dtype=np.int64)
    return collate_ragged(RaggedSketches(np.concatenate(sketches), lengths), labels)


def collate_ragged(sketches: RaggedSketches, labels: Sequence[int] | NDArray[np.int64]) -> Batch:
    """The same of sketches end to end."""
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
    """Endless training batches from one split.

    Attributes:
        split: where the sketches are.
        normaliser: pixels to model units.
        augmentation: what is changed on the way.
        size: sketches a batch.
        seed: of the draw and of the augmentation.
        balance: 1 draws sketches alike, 0 draws categories alike, between them by powers of the counts.
        longest: rows after which a sketch is left out of training.
        pool: batches that are drawn together and cut by length.
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
        """The batch of a step, the longest sketch first."""
        indices = self._indices(step)
        rows = np.concatenate([self.split[i] for i in indices.tolist()])
        whole = RaggedSketches(self.normaliser.apply(rows), self.split.lengths(indices))
        changed = self.augmentation.apply(whole, np.random.default_rng([self.seed, 1, step]))
        batch = collate_ragged(changed, self.split.labels(indices))
        return batch.select(batch.lengths.argsort(descending=True, stable=True))

    def _indices(self, step: int) -> NDArray[np.int64]:
        """Which sketches: one bucket of the pool that this step belongs to."""
        self.split.release()
        pool, turn = divmod(step, self.pool)
        rng = np.random.default_rng([self.seed, 0, pool])
        drawn = self._draw(rng, self.size * self.pool)
        by_length = drawn[np.argsort(self.split.lengths(drawn), kind="stable")]
        bucket = int(rng.permutation(self.pool)[turn])
        return by_length[bucket * self.size : (bucket + 1) * self.size]

    def _draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Sketches of a trainable length, by category and then alike within it."""
        counts = self.split.counts().astype(np.float64)
        weights = np.where(counts > 0, counts**self.balance, 0.0)
        kept = np.empty(0, dtype=np.int64)
        while len(kept) < count:
            labels = rng.choice(len(counts), size=count, p=weights / weights.sum())
            within = (rng.random(count) * counts[labels]).astype(np.int64)
            drawn = self.split.starts[labels] + within
            kept = np.concatenate([kept, drawn[self.split.lengths(drawn) <= self.longest]])
        return kept[:count]


def ordered_batches(split: PackedSplit, normaliser: Normaliser, size: int = 200) -> Iterator[Batch]:
    """Every sketch of a split once, unchanged, shortest first: for validation and tests."""
    everything = np.arange(len(split), dtype=np.int64)
    by_length = everything[np.argsort(split.lengths(everything), kind="stable")]
    for start in range(0, len(by_length), size):
        indices = by_length[start : start + size]
        yield collate([normaliser.apply(split[i]) for i in indices.tolist()], split.labels(indices))


class _Steps(Dataset[Batch]):
    """The batches of some steps, in order."""

    def __init__(self, source: BatchSource, steps: range) -> None:
        self.source, self.steps = source, steps

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Batch:
        return self.source.at(self.steps[index])


def prefetch(source: BatchSource, steps: range, workers: int = 0) -> Iterator[Batch]:
    """The batch of each step, the same whoever makes it: this process when it is asked for, or ``workers`` ahead."""
    if workers == 0:
        return map(source.at, steps)
    with _sigint_blocked():
        return iter(DataLoader(_Steps(source, steps), batch_size=None, num_workers=workers))


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; the one that trains decides what becomes of it.

    It is held back here for a moment, and for good in processes that begin meanwhile, since they inherit that.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
