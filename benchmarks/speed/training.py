"""A training step of ours against the usual one: speed, share of the machine's peak, and the loss it leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.speed.flops import image_flops, peak_product, router_flops, vae_flops
from benchmarks.speed.reference import Corpus, ReferenceRouter, ReferenceTraining, ReferenceVAE, Sizes
from benchmarks.speed.timing import Timings, Work, WorkerProcess, time_in_turn
from benchmarks.speed.workload import Figures, Workload, router_config, vae_config, write_store
from codes.data.store import Store
from codes.data.transforms import fit_normaliser
from codes.model.lstm import LSTM
from codes.runtime import keep_freed_memory
from codes.training.config import DecoderTrainConfig, Precision, TrainConfig
from codes.training.jobs import Splits, decoder_job, router_job
from codes.training.loop import Job, Trainer
from codes.training.objectives import cut_lengths, evaluate
from codes.training.run_folder import RunFolder

REFERENCE_STEPS = 4  # a round; every one of them costs the same
CATEGORIES = 5
SMALL = Sizes(encoder=64, decoder=128, latent=32, mixtures=20)  # small, so that there can be many steps
NEVER = 1 << 30  # more sketches than are in any batch


class OurTraining:
    """A trainer, run for a pool of batches at a time: short batches and long ones in their true proportion."""

    def __init__(self, job: Job, config: TrainConfig, folder: Path) -> None:
        keep_freed_memory()
        self.trainer = Trainer(job, config, RunFolder(folder), torch.device("cpu"))
        self.source, self.config = job.source, config
        self.pool = job.source.pool
        self.rounds: list[range] = []

    def run(self) -> None:
        """Train for one pool of steps."""
        start = self.trainer.state.progress.step
        for _ in range(self.pool):
            self.trainer.step()
        self.rounds.append(range(start, start + self.pool))

    def rows(self, steps: range) -> list[tuple[int, int, int]]:
        """Return, for each step, sketches, rows of the encoder and rows of the decoder; padding is no row."""
        return [self._rows(step) for step in steps]

    def _rows(self, step: int) -> tuple[int, int, int]:
        lengths = self.source.at(step).lengths
        seen = cut_lengths(lengths, self.config, torch.Generator().manual_seed(step))
        return len(lengths), int(seen.sum()), int(lengths.sum()) + len(lengths)


def measure_vae(workload: Workload, folder: Path) -> Figures:
    """Measure ``train_vae_ratio``, ``train_vae_peak_share`` and what they are made of."""
    torch.manual_seed(0)
    store, config = _store(workload, folder), DecoderTrainConfig(batch=workload.sizes.batch)
    ours = OurTraining(decoder_job(Splits.of(store), vae_config(workload.sizes), config), config, folder / "vae")
    compared = _compare(workload, ours, partial(usual_vae, store.folder, workload.sizes))
    figures = _figures("train_vae", compared, ours, partial(vae_flops, workload.sizes))
    return {**figures, "peak_gigaflops": median(compared.peaks) / 1e9}


def measure_router(workload: Workload, folder: Path) -> Figures:
    """Measure ``train_router_ratio``, ``train_router_peak_share`` and what they are made of."""
    torch.manual_seed(0)
    store, config = _store(workload, folder), TrainConfig(batch=workload.sizes.batch)
    sizes = router_config(workload.sizes, CATEGORIES)
    ours = OurTraining(router_job(Splits.of(store), sizes, config), config, folder / "router")
    compared = _compare(workload, ours, partial(usual_router, store.folder, workload.sizes))
    image = image_flops(sizes.raster)
    return _figures(
        "train_router", compared, ours, lambda sketches, seen, _: router_flops(sizes, sketches, seen, image)
    )


def usual_vae(store: Path, sizes: Sizes) -> Callable[[], None]:
    """Return some steps of the usual VAE."""
    return _usual(ReferenceVAE(sizes), store, sizes)


def usual_router(store: Path, sizes: Sizes) -> Callable[[], None]:
    """Return some steps of the usual router."""
    return _usual(ReferenceRouter(sizes, CATEGORIES), store, sizes)


def _usual(model: ReferenceVAE | ReferenceRouter, store: Path, sizes: Sizes) -> Callable[[], None]:
    """Return some steps on the same training sketches, all held in memory."""
    split = Store(store).split("train")
    normaliser = fit_normaliser(split)
    sketches = [normaliser.apply(split[i]) for i in range(len(split))]
    training = ReferenceTraining(model, Corpus(sketches, split.labels(np.arange(len(split))), sizes))

    def steps() -> None:
        for _ in range(REFERENCE_STEPS):
            training.step()

    return steps


def _store(workload: Workload, folder: Path) -> Store:
    path = folder / "store"
    return Store(path) if path.exists() else write_store(path, workload.sketches, CATEGORIES)


@dataclass(frozen=True)
class Comparison:
    """Rounds of a pool of our steps, some of the usual ones in a process of their own, and a large product.

    Attributes:
        timings: of all three.
        operations: of the large product.
    """

    timings: Timings
    operations: int

    @property
    def peaks(self) -> list[float]:
        """Return the most operations a second in each round."""
        return [self.operations / spent for spent in self.timings.rounds["product"]]


def _compare(workload: Workload, ours: OurTraining, usual: Callable[[], Work]) -> Comparison:
    product, operations = peak_product(workload.matrix_side, ours.trainer.dtype)
    with WorkerProcess(usual) as reference:
        works = {"ours": ours.run, "reference": reference, "product": product}
        return Comparison(time_in_turn(workload.training_rounds, works), operations)


def _figures(name: str, compared: Comparison, ours: OurTraining, flops: Callable[[int, int, int], float]) -> Figures:
    """Return the figures of one comparison.

    ``flops`` maps sketches, rows of the encoder and rows of the decoder to the operations of a step.
    """
    timings, batch = compared.timings, ours.config.batch
    used = [sum(flops(*rows) for rows in ours.rows(steps)) for steps in ours.rounds[1:]]
    shares = [u / t / p for u, t, p in zip(used, timings.rounds["ours"], compared.peaks, strict=True)]
    return {
        f"{name}_ratio": timings.ratio("reference", "ours") * ours.pool / REFERENCE_STEPS,
        f"{name}_sketches_a_second": batch * ours.pool / timings.median("ours"),
        f"{name}_reference_sketches_a_second": batch * REFERENCE_STEPS / timings.median("reference"),
        f"{name}_peak_share": median(shares),
    }


def measure_loss_gap(workload: Workload, folder: Path) -> Figures:
    """Measure ``loss_gap``: what speed costs in quality, in nats a point, with the same seed and data.

    It is the validation loss after training with the fused run over packed rows, in the default precision, less that
    after training with torch's own kernel in float32.
    """
    store = write_store(folder / "store", 5_000)
    fast = loss_after(workload.loss_steps, store, folder / "fast", "auto", LSTM.min_packed_batch)
    plain = loss_after(workload.loss_steps, store, folder / "plain", "float32", NEVER)
    return {"loss_gap": fast - plain, "loss_fast": fast, "loss_plain": plain}


def loss_after(steps: int, store: Store, folder: Path, precision: Precision, min_packed_batch: int) -> float:
    """Train and return nats a point on ``valid``; batches of fewer sketches are run by torch's own kernel, padded."""
    config = DecoderTrainConfig(steps=max(steps, 1), average=0.0, precision=precision)
    job = decoder_job(Splits.of(store), vae_config(SMALL), config)
    keep_freed_memory()
    trainer = Trainer(job, config, RunFolder(folder), torch.device("cpu"))
    for module in trainer.state.model.modules():
        if isinstance(module, LSTM):
            module.min_packed_batch = min_packed_batch
    for _ in range(steps):
        trainer.step()
    measures = evaluate(job.objective(trainer.state.model, config), job.validation(), torch.device("cpu"))
    return measures["offset"] + measures["pen"]
