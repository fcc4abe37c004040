"""From a request to finished runs: opens the store, makes the folders, and trains what is not finished.

There are two kinds of job: a VAE, of one category or of several together, and the router.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codes.checkpoints.tensors import fill, load_tensors
from codes.data.batches import BatchSource, ordered_batches
from codes.data.store import PackedSplit, Store
from codes.data.transforms import Normaliser, fit_normaliser
from codes.errors import BadOption, TrainingStopped
from codes.model.config import RouterConfig, VAEConfig
from codes.model.mixture import outputs_for
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE
from codes.processes import ALONE, Processes
from codes.training.config import DecoderTrainConfig, TrainConfig
from codes.training.loop import Job, MakeObjective, Trainer
from codes.training.low_rank import train_low_rank
from codes.training.objectives import DecoderObjective, RouterObjective
from codes.training.run_folder import RunFolder

OUTPUT = "decoder.output"


@dataclass(frozen=True)
class Splits:
    """Hold what a model learns from, and what its best weights are chosen on.

    Raises:
        TrainingStopped: one of the two is empty.
    """

    train: PackedSplit
    valid: PackedSplit

    def __post_init__(self) -> None:
        for name in ("train", "valid"):
            if len(getattr(self, name)) == 0:
                raise TrainingStopped(f"there are no sketches of {', '.join(self.train.categories)} in split '{name}'")

    @classmethod
    def of(cls, store: Store, category: str | None = None) -> Splits:
        """Take all categories of a store, or one of them."""
        train, valid = store.split("train"), store.split("valid")
        if category is None:
            return cls(train, valid)
        if category not in store.categories:
            raise TrainingStopped(f"{store.folder} has no category '{category}'")
        return cls(train.only(category), valid.only(category))


def decoder_job(
    splits: Splits, sizes: VAEConfig, config: DecoderTrainConfig, start: Path | None = None, rank: int = 0
) -> Job:
    """Return the job of a VAE; ``start`` is a file of weights of the same sizes to begin from, with its scale.

    A model that sees the ink may begin from one that does not, see :func:`with_fresh_ink`. With a rank only a
    difference of that rank is trained, see :mod:`codes.training.low_rank`.
    """
    torch.manual_seed(config.seed)
    model = SketchVAE(sizes)
    job = _job(model, DecoderObjective, splits, config, start)
    if rank:
        train_low_rank(model, rank)
    return job


def router_job(splits: Splits, sizes: RouterConfig, config: TrainConfig, start: Path | None = None) -> Job:
    """Return the job of a router of all categories of the splits."""
    torch.manual_seed(config.seed)
    return _job(RouterNet(sizes), RouterObjective, splits, config, start)


def _job(
    model: SketchVAE | RouterNet, objective: MakeObjective, splits: Splits, config: TrainConfig, start: Path | None
) -> Job:
    if start is None:
        normaliser = fit_normaliser(splits.train)
    else:
        tensors, start_facts = load_tensors(start)
        if isinstance(model, SketchVAE) and model.decoder.ink and _is_blind(model, tensors):
            tensors = with_fresh_ink(model, tensors)
        fill(model, tensors, start)
        normaliser = Normaliser(scale=float(start_facts["scale"]))
    return Job(
        model=model,
        objective=objective,
        source=_source(splits.train, normaliser, config),
        validation=lambda: ordered_batches(splits.valid, normaliser),
        facts={
            "kind": "decoder" if isinstance(model, SketchVAE) else "router",
            "model": model.config.to_dict(),
            "scale": normaliser.scale,
            "categories": list(splits.train.categories),
            "counts": [int(count) for count in splits.train.counts()],
        },
    )


def _is_blind(model: SketchVAE, tensors: dict[str, Tensor]) -> bool:
    """Return true if these are weights of such a model, but for the ink."""
    sizes = model.config.decoder
    weight = tensors.get(f"{OUTPUT}.weight")
    return weight is not None and weight.shape == (outputs_for(sizes.mixtures), sizes.size)


def with_fresh_ink(model: SketchVAE, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of a model that does not see the ink as those of one that does, before it has learned to.

    It says what the other said: what it sees does not count yet, and anchors have next to no weight.
    """
    fresh = model.state_dict()
    found = {name: tensors.get(name, value) for name, value in fresh.items()}
    for name in (f"{OUTPUT}.weight", f"{OUTPUT}.bias"):
        known = tensors[name]
        found[name] = fresh[name].clone()
        found[name][: len(known)] = 0.0  # of all features that are new
        found[name][tuple(slice(size) for size in known.shape)] = known
        found[name][len(known)] = 0.0  # the logit of all anchors together, beside components of up to ten
    return found


def _source(split: PackedSplit, normaliser: Normaliser, config: TrainConfig) -> BatchSource:
    shortest = int(np.diff(split.offsets).min())
    if shortest > config.longest:
        raise TrainingStopped(f"every sketch has more than {config.longest} rows; raise --longest")
    return BatchSource(
        split=split,
        normaliser=normaliser,
        augmentation=config.augmentation,
        size=config.batch,
        seed=config.seed,
        balance=config.balance,
        longest=config.longest,
    )


MakeCallback = Callable[[RunFolder, Job], Callable[[nn.Module, int], None]]


@dataclass(frozen=True)
class TrainingRequest:
    """Say what to train, on what, and where to keep it.

    Attributes:
        store: folder of the packed sketches.
        out: folder of the run, or of one run for each category.
        sizes: of the model; a router gets its number of labels from the store.
        config: how it is trained.
        start: a run whose best weights are begun from.
        rank: of the difference from ``start`` that is trained; 0 for all weights.
        make_callback: returns what is called with the model and the step after each validation of a run.
        resume: whether to go on with an unfinished run.
        device: name of the device; CUDA where there is one by default.
        workers: processes that make batches ahead of the steps.
        quiet: true to show no progress of single steps.
    """

    store: Path
    out: Path
    sizes: VAEConfig | RouterConfig
    config: TrainConfig
    start: Path | None = None
    rank: int = 0
    make_callback: MakeCallback | None = None
    resume: bool = False
    device: str | None = None
    workers: int = 0
    quiet: bool = False

    def settings(self, categories: list[str]) -> dict[str, Any]:
        """Return what is written into a run's config.json: everything that its weights depend on."""
        return {
            "store": str(self.store),
            "categories": categories,
            "start": str(self.start) if self.start else None,
            "rank": self.rank,
            "model": self.sizes.to_dict(),
            "train": self.config.to_dict(),
        }

    @property
    def start_file(self) -> Path | None:
        """Return the file of weights to begin from."""
        return RunFolder(self.start).best if self.start else None


def train_decoders(
    request: TrainingRequest, categories: Sequence[str] = (), processes: Processes = ALONE
) -> Iterator[str]:
    """Train a VAE for each category, all of the store by default; yield a line for each run when it is over.

    What cannot be trained of any of them is refused before the first is begun.
    """
    store = Store(request.store)
    categories = categories or store.categories
    for category in categories:
        Splits.of(store, category)
        _check_run(request, RunFolder(request.out / category), [category])
    if processes.count == 1:
        for category in categories:
            yield _train_decoder(request, category)
    else:
        yield from processes.results(partial(_train_decoder, replace(request, quiet=True)), categories)


def train_common(request: TrainingRequest) -> Iterator[str]:
    """Train one VAE on all categories together; yield a line for its run."""
    yield _train_decoder(request, None)


def _train_decoder(request: TrainingRequest, category: str | None) -> str:
    assert isinstance(request.sizes, VAEConfig)
    assert isinstance(request.config, DecoderTrainConfig)
    folder = request.out if category is None else request.out / category
    splits = Splits.of(Store(request.store), category)
    job = decoder_job(splits, request.sizes, request.config, request.start_file, request.rank)
    return _train_unless_finished(request, RunFolder(folder), job)


def train_router(request: TrainingRequest) -> Iterator[str]:
    """Train the router; yield a line for its run."""
    assert isinstance(request.sizes, RouterConfig)
    store = Store(request.store)
    sizes = replace(request.sizes, labels=len(store.categories))
    job = router_job(Splits.of(store), sizes, request.config, request.start_file)
    yield _train_unless_finished(replace(request, sizes=sizes), RunFolder(request.out), job)


def _train_unless_finished(request: TrainingRequest, run: RunFolder, job: Job) -> str:
    """Train one job unless it is finished, and return a line about it."""
    _check_run(request, run, job.facts["categories"])
    run.prepare(request.settings(job.facts["categories"]))
    config = request.config.for_sketches(len(job.source.split))
    if run.finished():
        return f"{run.path}: was finished before; {_outcome(run, job, config)}"
    if request.make_callback:
        job = replace(job, on_validation=request.make_callback(run, job))
    Trainer(job, config, run, choose_device(request.device), request.workers).fit(request.quiet)
    return f"{run.path}: {_outcome(run, job, config)}"


def _check_run(request: TrainingRequest, run: RunFolder, categories: list[str]) -> None:
    """Refuse a folder that holds something else than this run, or this run unfinished if it is not to be resumed."""
    run.check(request.settings(categories))
    if run.last.exists() and not request.resume and not run.finished():
        raise TrainingStopped(
            f"{run.path} holds an unfinished run; add --resume to go on with it, or name another folder"
        )


def _outcome(run: RunFolder, job: Job, config: TrainConfig) -> str:
    """Return how a run ended and what its best weights are, in words."""
    objective, progress, best = job.objective(job.model, config), run.progress(), run.best_facts()
    figure = f"valid/{objective.selection_measure}"
    if not best:
        return "no step was taken, so there are no weights"
    early = f"stopped early, as {figure} had not improved for {progress['waited']} validations; "
    return (
        f"{early if progress['step'] < config.steps else ''}best {figure} {best['valid']:.4f} "
        f"at step {best['step']} of {progress['step']} ({objective.selection_meaning}; lower is better)"
    )


def choose_device(name: str | None) -> torch.device:
    """Return the named device, or CUDA where there is one.

    Raises:
        BadOption: there is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise BadOption(f"there is no device '{name}' here") from error
