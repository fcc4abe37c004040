"""A training step of ours against the usual one, in sketches a second, and how much of the machine it makes use of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.arithmetic import peak_product, vae_arithmetic
from benchmarks.doodles import write_store
from benchmarks.effort import Effort, Figures
from benchmarks.reference import Corpus, ReferenceRouter, ReferenceTraining, ReferenceVAE, Sizes
from benchmarks.timing import Timings, in_turn
from codes.data.normalise import Normaliser
from codes.data.packed import PackedSplit, Store
from codes.model.config import DecoderConfig, EncoderConfig, RouterConfig, VAEConfig
from codes.training.config import TrainConfig
from codes.training.jobs import Splits, draw_job, predict_job
from codes.training.loop import Job, Trainer
from codes.training.objectives import cut_lengths
from codes.training.runfolder import RunFolder

REFERENCE_STEPS = 2  # a round; every one of them costs the same
CATEGORIES = 5


def vae_sizes(sizes: Sizes) -> VAEConfig:
    """Our configuration of these sizes."""
    decoder = DecoderConfig(size=sizes.decoder, latent=sizes.latent, mixtures=sizes.mixtures)
    return VAEConfig(EncoderConfig(size=sizes.encoder), decoder)


def router_sizes(sizes: Sizes, labels: int) -> RouterConfig:
    """Our configuration of these sizes."""
    return RouterConfig(encoder=EncoderConfig(size=sizes.encoder, pooled=True), labels=labels)


class OurTraining:
    """A trainer, run for a pool of batches at a time: short batches and long ones in their true proportion."""

    def __init__(self, job: Job, config: TrainConfig, folder: Path) -> None:
        self.trainer = Trainer(job, config, RunFolder(folder), torch.device("cpu"))
        self.source, self.config = job.source, config
        self.pool = job.source.pool
        self.rounds: list[range] = []

    def run(self) -> None:
        """One pool of steps."""
        start = self.trainer.state.progress.step
        for _ in range(self.pool):
            self.trainer.step()
        self.rounds.append(range(start, start + self.pool))

    def rows(self, steps: range) -> list[tuple[int, int, int]]:
        """Of each step: sketches, rows that its encoder reads, rows that its decoder reads. Padding is no row."""
        return [self._rows(step) for step in steps]

    def _rows(self, step: int) -> tuple[int, int, int]:
        lengths = self.source.at(step).lengths
        seen = cut_lengths(lengths, self.config, torch.Generator().manual_seed(step))
        return len(lengths), int(seen.sum()), int(lengths.sum()) + len(lengths)


def measure_vae(effort: Effort, folder: Path) -> Figures:
    """``train_vae_ratio``, ``train_vae_peak_share`` and what they are made of."""
    torch.manual_seed(0)
    store, config = _store(effort, folder), TrainConfig(batch=effort.sizes.batch)
    job = draw_job(Splits.of(store), vae_sizes(effort.sizes), config)
    ours = OurTraining(job, config, folder / "vae")
    reference = ReferenceTraining(ReferenceVAE(effort.sizes), _corpus(store, job, effort.sizes))
    product, operations = peak_product(effort.product, ours.trainer.dtype)
    timings = _compare(effort.rounds, ours, reference, product)
    used = [sum(vae_arithmetic(effort.sizes, *rows) for rows in ours.rows(steps)) for steps in ours.rounds[1:]]
    peaks = [operations / spent for spent in timings.rounds["product"]]
    shares = [u / t / p for u, t, p in zip(used, timings.rounds["ours"], peaks, strict=True)]
    return {
        **_rates("train_vae", timings, effort.sizes, ours),
        "train_vae_peak_share": median(shares),
        "peak_gigaflops": median(peaks) / 1e9,
    }


def measure_router(effort: Effort, folder: Path) -> Figures:
    """``train_router_ratio`` and what it is made of."""
    torch.manual_seed(0)
    store, config = _store(effort, folder), TrainConfig(batch=effort.sizes.batch)
    job = predict_job(Splits.of(store), router_sizes(effort.sizes, CATEGORIES), config)
    ours = OurTraining(job, config, folder / "router")
    corpus = _corpus(store, job, effort.sizes)
    reference = ReferenceTraining(ReferenceRouter(effort.sizes, CATEGORIES), corpus)
    return _rates("train_router", _compare(effort.rounds, ours, reference), effort.sizes, ours)


def _store(effort: Effort, folder: Path) -> Store:
    path = folder / "store"
    return Store(path) if path.exists() else write_store(path, effort.sketches, CATEGORIES)


def _corpus(store: Store, job: Job, sizes: Sizes) -> Corpus:
    """The same training sketches, all in memory."""
    split = store.split("train")
    return Corpus(_in_memory(split, job.source.normaliser), split.labels(np.arange(len(split))), sizes)


def _in_memory(split: PackedSplit, normaliser: Normaliser) -> list[np.ndarray]:
    return [normaliser.apply(split[i]) for i in range(len(split))]


def _compare(
    rounds: int, ours: OurTraining, reference: ReferenceTraining, product: Callable[[], object] = lambda: None
) -> Timings:
    def usual() -> None:
        for _ in range(REFERENCE_STEPS):
            reference.step()

    return in_turn(rounds, {"ours": ours.run, "reference": usual, "product": product})


def _rates(name: str, timings: Timings, sizes: Sizes, ours: OurTraining) -> Figures:
    a_reference_step = timings.median("reference") / REFERENCE_STEPS
    return {
        f"{name}_ratio": timings.ratio("reference", "ours") * ours.pool / REFERENCE_STEPS,
        f"{name}_sketches_a_second": sizes.batch * ours.pool / timings.median("ours"),
        f"{name}_reference_sketches_a_second": sizes.batch / a_reference_step,
    }
