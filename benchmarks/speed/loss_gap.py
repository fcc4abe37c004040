"""What speed costs in quality: the same training, with the fast run over rows and with torch's own, in float32.

``loss_gap`` is the validation loss of the one less that of the other, in nats a point, the same seed and data.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.speed.doodles import write_store
from benchmarks.speed.reference import Sizes
from benchmarks.speed.training import vae_sizes
from benchmarks.speed.workload import Effort, Figures
from codes.data.store import Store
from codes.model.lstm import LSTM
from codes.runtime import keep_freed_memory
from codes.training.config import DecoderTrainConfig, Precision
from codes.training.jobs import Splits, decoder_job
from codes.training.loop import Trainer
from codes.training.objectives import evaluate
from codes.training.run_folder import RunFolder

SIZES = Sizes(encoder=64, decoder=128, latent=32, mixtures=20)  # small, so that there are many steps
NEVER = 1 << 30  # sketches in a batch


def measure(effort: Effort, folder: Path) -> Figures:
    """``loss_gap`` and the two losses."""
    store = write_store(folder / "store", 5_000)
    fast = loss_after(effort.gap_steps, store, folder / "fast", "auto", LSTM.min_packed_batch)
    plain = loss_after(effort.gap_steps, store, folder / "plain", "float32", NEVER)
    return {"loss_gap": fast - plain, "loss_fast": fast, "loss_plain": plain}


def loss_after(steps: int, store: Store, folder: Path, precision: Precision, min_packed_batch: int) -> float:
    """Nats a point on the validation split; torch's kernel runs batches below ``min_packed_batch``."""
    config = DecoderTrainConfig(steps=max(steps, 1), average=0.0, precision=precision)
    job = decoder_job(Splits.of(store), vae_sizes(SIZES), config)
    keep_freed_memory()
    trainer = Trainer(job, config, RunFolder(folder), torch.device("cpu"))
    for module in trainer.state.model.modules():
        if isinstance(module, LSTM):
            module.min_packed_batch = min_packed_batch
    for _ in range(steps):
        trainer.step()
    measures = evaluate(job.objective(trainer.state.model, config), job.validation(), torch.device("cpu"))
    return measures["offset"] + measures["pen"]
