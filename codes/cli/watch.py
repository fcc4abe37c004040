"""What a person can look at while a run goes on: curves, and sketches drawn by the weights so far."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from torch import nn

from codes.checkpoints.part import PartConfig
from codes.formats.svg_out import write_sheet
from codes.inference.options import SamplingOptions
from codes.inference.studio import Studio
from codes.model.vae import SketchVAE
from codes.sketch.sheet import contact_sheet
from codes.training.curves import draw_curves
from codes.training.loop import Job
from codes.training.runfolder import RunFolder

SAMPLES = SamplingOptions(variations=12, temperature=0.4, latent="prior")


def watcher(run: RunFolder, job: Job) -> Callable[[nn.Module, int], None]:
    """What to do after each validation of this run."""

    def after_validation(model: nn.Module, step: int) -> None:
        draw_curves(run)
        if isinstance(model, SketchVAE):
            _draw_samples(run, job, model, step)

    return after_validation


def _draw_samples(run: RunFolder, job: Job, model: SketchVAE, step: int) -> None:
    """A sheet of sketches from nothing."""
    config = PartConfig("draw", job.facts["model"], job.facts["scale"], job.facts["categories"])
    sketches = Studio(deepcopy(model).cpu(), config, run.path.name).sample(SAMPLES)
    run.samples.mkdir(exist_ok=True)
    write_sheet(run.samples / f"{step:06}.svg", contact_sheet(sketches, f"{run.path.name}, step {step}"))
