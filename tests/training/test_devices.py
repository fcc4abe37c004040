"""Training is the same wherever it happens: on a GPU, where there is one, as on the processor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from codes.training.config import DecoderTrainConfig
from codes.training.jobs import Splits, decoder_job, router_job
from codes.training.loop import Job, Trainer
from codes.training.run_folder import RunFolder
from tests.support.worlds import TINY_ROUTER, TINY_VAE

CONFIG = DecoderTrainConfig(steps=6, batch=8, warmup=2, mask=0.0, kl_weight=0.0, precision="float32")
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])]


def losses(job: Job, folder: Path, device: str, workers: int) -> list[float]:
    """Of six steps without any noise that depends on the device."""
    folder.mkdir()
    trainer = Trainer(job, CONFIG, RunFolder(folder), torch.device(device), workers)
    return [trainer.step() for _ in range(CONFIG.steps)]


@pytest.mark.parametrize("device", DEVICES)
def test_a_router_learns_the_same_on_every_device(store, tmp_path, device):
    def job() -> Job:
        return router_job(Splits.of(store), TINY_ROUTER, CONFIG)

    here = losses(job(), tmp_path / "here", "cpu", workers=0)
    there = losses(job(), tmp_path / "there", device, workers=2)
    assert there == pytest.approx(here, rel=1e-3)
    assert here[-1] != here[0]


@pytest.mark.parametrize("device", DEVICES)
def test_a_decoder_learns_on_every_device(store, tmp_path, device):
    """Its z is drawn on the device, so only the sizes of the losses can be compared."""

    def job() -> Job:
        return decoder_job(Splits.of(store, "circle"), TINY_VAE, CONFIG)

    here = losses(job(), tmp_path / "here", "cpu", workers=0)
    there = losses(job(), tmp_path / "there", device, workers=2)
    assert there == pytest.approx(here, rel=0.1)
