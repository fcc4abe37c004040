"""A training step of ours against the usual one, in sketches a second, and how much of the machine it makes use of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.speed.doodles import write_store
from benchmarks.speed.flops import peak_product, picture_operations, router_arithmetic, vae_arithmetic
from benchmarks.speed.reference import Corpus, ReferenceRouter, ReferenceTraining, ReferenceVAE, Sizes
from benchmarks.speed.timing import Timings, in_turn
from benchmarks.speed.worker_process import Apart, Work
from benchmarks.speed.workload import Effort, Figures
from codes.data.store import Store
from codes.data.transforms import fit_normaliser
from codes.model.config import DecoderConfig, EncoderConfig, RouterConfig, VAEConfig
from codes.runtime import keep_freed_memory
from codes.training.config import DecoderTrainConfig, TrainConfig
from codes.training.jobs import Splits, decoder_job, router_job
from codes.training.loop import Job, Trainer
from codes.training.objectives import cut_lengths
from codes.training.run_folder import RunFolder

REFERENCE_STEPS = 4  # a round; every one of them costs the same
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
        keep_freed_memory()
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
    store, config = _store(effort, folder), DecoderTrainConfig(batch=effort.sizes.batch)
    ours = OurTraining(decoder_job(Splits.of(store), vae_sizes(effort.sizes), config), config, folder / "vae")
    compared = _compare(effort, ours, partial(usual_vae, store.folder, effort.sizes))
    figures = _figures("train_vae", compared, ours, partial(vae_arithmetic, effort.sizes))
    return {**figures, "peak_gigaflops": median(compared.peaks) / 1e9}


def measure_router(effort: Effort, folder: Path) -> Figures:
    """``train_router_ratio``, ``train_router_peak_share`` and what they are made of."""
    torch.manual_seed(0)
    store, config = _store(effort, folder), TrainConfig(batch=effort.sizes.batch)
    sizes = router_sizes(effort.sizes, CATEGORIES)
    ours = OurTraining(router_job(Splits.of(store), sizes, config), config, folder / "router")
    compared = _compare(effort, ours, partial(usual_router, store.folder, effort.sizes))
    picture = picture_operations(sizes.raster)
    return _figures(
        "train_router", compared, ours, lambda sketches, seen, _: router_arithmetic(sizes, sketches, seen, picture)
    )


def usual_vae(store: Path, sizes: Sizes) -> Callable[[], None]:
    """Some steps of the usual VAE."""
    return _usual(ReferenceVAE(sizes), store, sizes)


def usual_router(store: Path, sizes: Sizes) -> Callable[[], None]:
    """Some steps of the usual router."""
    return _usual(ReferenceRouter(sizes, CATEGORIES), store, sizes)


def _usual(model: ReferenceVAE | ReferenceRouter, store: Path, sizes: Sizes) -> Callable[[], None]:
    """The same training sketches, all in memory."""
    split = Store(store).split("train")
    normaliser = fit_normaliser(split)
    sketches = [normaliser.apply(split[i]) for i in range(len(split))]
    training = ReferenceTraining(model, Corpus(sketches, split.labels(np.arange(len(split))), sizes))

    def steps() -> None:
        for _ in range(REFERENCE_STEPS):
            training.step()

    return steps


def _store(effort: Effort, folder: Path) -> Store:
    path = folder / "store"
    return Store(path) if path.exists() else write_store(path, effort.sketches, CATEGORIES)


@dataclass(frozen=True)
class Compared:
    """A round is a pool of our steps, some of the usual ones in a process of their own, and a large product.

    Attributes:
        timings: of all three.
        operations: of the large product.
    """

    timings: Timings
    operations: int

    @property
    def peaks(self) -> list[float]:
        """Operations a second at best, in each round."""
        return [self.operations / spent for spent in self.timings.rounds["product"]]


def _compare(effort: Effort, ours: OurTraining, usual: Callable[[], Work]) -> Compared:
    product, operations = peak_product(effort.product, ours.trainer.dtype)
    with Apart(usual) as reference:
        works = {"ours": ours.run, "reference": reference, "product": product}
        return Compared(in_turn(effort.pools, works), operations)


def _figures(name: str, compared: Compared, ours: OurTraining, arithmetic: Callable[[int, int, int], float]) -> Figures:
    """``arithmetic`` of a step with so many sketches, rows that the encoder reads, and rows that the decoder reads."""
    timings, batch = compared.timings, ours.config.batch
    used = [sum(arithmetic(*rows) for rows in ours.rows(steps)) for steps in ours.rounds[1:]]
    shares = [u / t / p for u, t, p in zip(used, timings.rounds["ours"], compared.peaks, strict=True)]
    return {
        f"{name}_ratio": timings.ratio("reference", "ours") * ours.pool / REFERENCE_STEPS,
        f"{name}_sketches_a_second": batch * ours.pool / timings.median("ours"),
        f"{name}_reference_sketches_a_second": batch * REFERENCE_STEPS / timings.median("reference"),
        f"{name}_peak_share": median(shares),
    }
