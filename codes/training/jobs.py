"""What there is to train, as jobs: a VAE (of one category, or of several together) and the router."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from codes.checkpoints.tensors import fill, load_tensors
from codes.data.batches import Batch, BatchSource, in_order
from codes.data.normalise import Normaliser, fit_normaliser
from codes.data.packed import PackedSplit, Store
from codes.errors import TrainingStopped
from codes.model.classifier import RouterNet
from codes.model.config import RouterConfig, VAEConfig
from codes.model.vae import SketchVAE
from codes.training.config import TrainConfig
from codes.training.loop import Job, MakeObjective
from codes.training.objectives import DrawObjective, PredictObjective


@dataclass(frozen=True)
class Splits:
    """What a model learns from and what it is chosen on.

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
        """All categories of a store, or one of them."""
        train, valid = store.split("train"), store.split("valid")
        if category is None:
            return cls(train, valid)
        if category not in store.categories:
            raise TrainingStopped(f"{store.folder} has no category '{category}'")
        return cls(train.only(category), valid.only(category))


def draw_job(splits: Splits, sizes: VAEConfig, config: TrainConfig, start: Path | None = None) -> Job:
    """Train a VAE; ``start`` is a file of weights of the same sizes to begin from, its scale included."""
    torch.manual_seed(config.seed)
    return _job(SketchVAE(sizes), DrawObjective, splits, config, start)


def predict_job(splits: Splits, sizes: RouterConfig, config: TrainConfig, start: Path | None = None) -> Job:
    """Train the router on all categories of the splits."""
    torch.manual_seed(config.seed)
    return _job(RouterNet(sizes), PredictObjective, splits, config, start)


def _job(
    model: SketchVAE | RouterNet, objective: MakeObjective, splits: Splits, config: TrainConfig, start: Path | None
) -> Job:
    normaliser = _begin(model, splits, start)
    return Job(
        model=model,
        objective=objective,
        source=_source(splits.train, normaliser, config),
        validation=_validation(splits.valid, normaliser),
        facts={
            "kind": "draw" if isinstance(model, SketchVAE) else "predict",
            "model": model.config.to_dict(),
            "scale": normaliser.scale,
            "categories": list(splits.train.categories),
            "counts": [int(count) for count in splits.train.counts()],
        },
    )


def _begin(model: nn.Module, splits: Splits, start: Path | None) -> Normaliser:
    """The scale to work in, and the weights to start from where there are any."""
    if start is None:
        return fit_normaliser(splits.train)
    tensors, facts = load_tensors(start)
    fill(model, tensors, start)
    return Normaliser(scale=float(facts["scale"]))


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


def _validation(split: PackedSplit, normaliser: Normaliser) -> Callable[[], Iterable[Batch]]:
    return lambda: in_order(split, normaliser)
