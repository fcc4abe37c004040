"""Pictures of results: confusion, risk, the curves of a run and sketches drawn by its weights so far.

matplotlib is imported when a picture is drawn, so that importing this module stays cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from codes.checkpoints.part import PartConfig
from codes.evaluation.bootstrap import RiskCurve
from codes.formats.files import atomic_path
from codes.formats.registry import write_sheet
from codes.inference.generate import CategorySampler
from codes.inference.models import LoadedDecoder
from codes.inference.options import SamplingOptions
from codes.model.vae import SketchVAE
from codes.strokes.sheet import contact_sheet
from codes.training.loop import Job
from codes.training.run_folder import RunFolder

SAMPLES = SamplingOptions(variations=12, temperature=0.4, latent="prior")


def draw_confusion(path: Path, table: NDArray[np.int64], categories: Sequence[str]) -> None:
    """Write a PNG of each row's shares as shades, with their percentages."""
    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    side = 2.5 + 0.42 * len(categories)
    with _figure(path, (side, side)) as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(categories)), categories, rotation=90)
        axes.set_yticks(range(len(categories)), categories)
        axes.set_xlabel("taken for")
        axes.set_ylabel("is")
        for i, j in zip(*np.nonzero(shares >= 0.01), strict=True):
            colour = "white" if shares[i, j] > 0.5 else "#1f2933"
            axes.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", color=colour, fontsize=8)


def draw_risk(path: Path, curves: Mapping[str, RiskCurve]) -> None:
    """Write a PNG of the share of wrong answers by the share of sketches answered, the surest first."""
    with _figure(path, (7.6, 4.2)) as figure:
        axes = figure.subplots()
        for name, curve in curves.items():
            axes.plot(curve.coverage, curve.risk, label=f"{name} seen, area {curve.area:.3f}")
        axes.set_xlabel("share of sketches answered, the surest first")
        axes.set_ylabel("share of answers that are wrong")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, None)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def draw_run(run: RunFolder, job: Job) -> Callable[[nn.Module, int], None]:
    """Return what to do after each validation of a run: draw its curves, and sketches where it trains a decoder."""

    def on_validation(model: nn.Module, step: int) -> None:
        draw_curves(run)
        if isinstance(model, SketchVAE):
            draw_samples(run, job, model, step)

    return on_validation


def draw_curves(run: RunFolder) -> None:
    """Write ``curves.png``: a panel for each measure, training and validation over the steps."""
    rows = run.log()
    names = sorted({name.partition("/")[2] for row in rows for name in row if "/" in name})
    if not names:
        return
    with _figure(run.path / "curves.png", (3.6 * len(names), 3.0), dpi=110) as figure:
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            for part, colour in (("train", "#9aa5b1"), ("valid", "#0b69a3")):
                logged = [row for row in rows if f"{part}/{name}" in row]
                steps, values = [row["step"] for row in logged], [row[f"{part}/{name}"] for row in logged]
                axes.plot(steps, values, color=colour, label=part, marker=".")
            axes.set_title(name)
            axes.set_xlabel("step")
            axes.grid(alpha=0.3)
        figure.axes[0].legend(frameon=False)


def draw_samples(run: RunFolder, job: Job, model: SketchVAE, step: int) -> None:
    """Write a sheet of sketches drawn without a prefix into the run's ``samples``."""
    config = PartConfig("decoder", job.facts["model"], job.facts["scale"], job.facts["categories"])
    sketches = CategorySampler(LoadedDecoder(deepcopy(model).cpu(), config, run.path.name)).sample(SAMPLES)
    run.samples.mkdir(exist_ok=True)
    write_sheet(run.samples / f"{step:06}.svg", contact_sheet(sketches, f"{run.path.name}, step {step}"))


@contextmanager
def _figure(path: Path, size: tuple[float, float], dpi: int = 130) -> Iterator[Any]:
    """Yield an empty figure and write it as PNG when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dpi)
