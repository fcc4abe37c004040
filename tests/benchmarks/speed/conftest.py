"""Share tiny sizes, a tiny workload and a tiny corpus."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.speed.reference import (
    Corpus,
    Sizes,
)
from benchmarks.speed.workload import (
    Workload,
)

TINY_SIZES = Sizes(encoder=4, decoder=8, latent=3, mixtures=2, rows=30, batch=4)


TINY = Workload(
    rounds=1,
    training_rounds=1,
    sketches=100,
    small_store=50,
    large_store=100,
    memory_steps=1,
    categories=7,
    bulk=3,
    singly=2,
    loss_steps=2,
    matrix_side=16,
    sizes=replace(TINY_SIZES, rows=150),
)


def tiny_corpus() -> Corpus:
    rng = np.random.default_rng(0)
    sketches = [np.column_stack([rng.normal(size=(n, 2)), np.arange(n) % 4 == 3]) for n in (5, 12, 30, 20)]
    return Corpus([each.astype(np.float32) for each in sketches], np.array([0, 1, 0, 1]), TINY_SIZES)
