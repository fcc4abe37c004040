"""From a request to finished runs: opens the store, makes the folders, trains what is not finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from codes.data.packed import Store
from codes.errors import BadOption, TrainingStopped
from codes.model.config import RouterConfig, VAEConfig
from codes.training.config import TrainConfig
from codes.training.jobs import Splits, draw_job, predict_job
from codes.training.loop import Job, Trainer
from codes.training.runfolder import RunFolder

Watch = Callable[[RunFolder, Job], Callable[[nn.Module, int], None]]


@dataclass(frozen=True)
class Request:
    """What a person asked to train, and ``watch``: what is to be done after each validation of a run."""

    store: Path
    out: Path
    sizes: VAEConfig | RouterConfig
    config: TrainConfig
    start: Path | None = None
    watch: Watch | None = None
    resume: bool = False
    threads: int | None = None
    device: str | None = None
    workers: int = 0

    def written(self, categories: list[str]) -> dict[str, Any]:
        """What goes into a run's config.json: everything that its weights depend on."""
        return {
            "store": str(self.store),
            "categories": categories,
            "start": str(self.start) if self.start else None,
            "model": self.sizes.to_dict(),
            "train": self.config.to_dict(),
        }

    def start_file(self) -> Path | None:
        """The weights to begin from."""
        return RunFolder(self.start).best if self.start else None


def run_draw(request: Request, categories: tuple[str, ...] = (), together: bool = False) -> Iterator[str]:
    """Train one VAE on all categories, or one for each; yields a line for each run."""
    assert isinstance(request.sizes, VAEConfig)
    store = Store(request.store)
    for category in (None,) if together else categories or store.categories:
        folder = request.out if category is None else request.out / category
        splits = Splits.of(store, category)
        job = draw_job(splits, request.sizes, request.config, request.start_file())
        yield _run(request, RunFolder(folder), job)


def run_predict(request: Request) -> Iterator[str]:
    """Train the router; its number of labels is the store's number of categories."""
    assert isinstance(request.sizes, RouterConfig)
    store = Store(request.store)
    sizes = replace(request.sizes, labels=len(store.categories))
    job = predict_job(Splits.of(store), sizes, request.config, request.start_file())
    yield _run(replace(request, sizes=sizes), RunFolder(request.out), job)


def _run(request: Request, run: RunFolder, job: Job) -> str:
    """Train one job unless it is finished; returns what to say of it."""
    run.prepare(request.written(job.facts["categories"]))
    if run.finished():
        return f"{run.path}: finished before, nothing to do"
    if run.last.exists() and not request.resume:
        raise TrainingStopped(
            f"{run.path} holds an unfinished run; add --resume to go on with it, or name another folder"
        )
    if request.threads:
        torch.set_num_threads(request.threads)
    if request.watch:
        job = replace(job, on_validation=request.watch(run, job))
    best = Trainer(job, request.config, run, choose_device(request.device), request.workers).fit()
    return f"{run.path}: best validation figure {best:.4f}"


def choose_device(name: str | None) -> torch.device:
    """What was asked for, or CUDA where there is one.

    Raises:
        BadOption: no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise BadOption(f"there is no device '{name}' here") from error
