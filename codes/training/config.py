"""Every choice of a training run, each default stated once. The configuration used is written into the run.

Numbers that change with the step: pure functions of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from codes.data.transforms import Augmentation
from codes.errors import BadOption

Precision = Literal["auto", "float32", "bfloat16"]
Optimiser = Literal["adam", "rmsprop"]


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    Attributes:
        steps: optimiser steps in all.
        batch: sketches a step.
        optimiser: adam or rmsprop.
        learning_rate: at its highest, after the warm-up.
        final_rate: at the last step; a cosine leads there.
        warmup: steps in which the rate climbs from nothing.
        weight_decay: decoupled from the gradient.
        clip: largest norm of all gradients together.
        average: decay of the running average of the weights that is validated and kept; 0 keeps the weights themselves.
        kl_weight: of the KL term at the end of its annealing.
        kl_start: share of ``kl_weight`` at step 0.
        kl_decay: the distance to the full weight shrinks by this factor a step.
        kl_tolerance: nats a latent number below which the KL term pushes no more.
        mask: share of sketches that the encoder sees cut short.
        shortest: smallest share of a cut sketch that is left.
        scale, drop, mirror, rotate: augmentation, see :class:`codes.data.transforms.Augmentation`.
        balance: 1 draws sketches alike, 0 draws categories alike.
        longest: rows after which a sketch is left out of training.
        seed: of everything random.
        evaluate_every: steps between validations, each over the whole split.
        save_every: steps between saves; at most these are lost when the machine dies.
        patience: validations without a better one after which the run ends early.
        precision: of the products; auto is bfloat16 where the processor has it.
    """

    steps: int = 10_000
    batch: int = 100
    optimiser: Optimiser = "adam"
    learning_rate: float = 1e-3
    final_rate: float = 1e-5
    warmup: int = 100
    weight_decay: float = 0.0
    clip: float = 1.0
    average: float = 0.999
    kl_weight: float = 1.0
    kl_start: float = 0.01
    kl_decay: float = 0.9995
    kl_tolerance: float = 0.05
    mask: float = 0.75
    shortest: float = 0.0
    scale: float = 0.15
    drop: float = 0.1
    mirror: float = 0.0
    rotate: float = 0.0
    balance: float = 0.5
    longest: int = 250
    seed: int = 0
    evaluate_every: int = 500
    save_every: int = 250
    patience: int = 10
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name in ("batch", "evaluate_every", "save_every", "patience", "longest"):
            if getattr(self, name) < 1:
                raise BadOption(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("mask", "shortest", "scale", "drop", "mirror", "balance", "kl_start", "kl_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadOption(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        for name in ("steps", "warmup", "final_rate", "weight_decay", "kl_weight", "kl_tolerance", "rotate"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise BadOption(f"{name} must not be negative, but it is {getattr(self, name)}")
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadOption(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.average < 1:
            raise BadOption(f"average must be at least 0 and below 1, not {self.average}")
        if not 0 <= self.seed < 2**32:
            raise BadOption(f"seed must be 0 to {2**32 - 1}, not {self.seed}")

    @property
    def augmentation(self) -> Augmentation:
        """What is done to each sketch before it is trained on."""
        return Augmentation(self.scale, self.drop, self.mirror, self.rotate)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def kl_weight(config: TrainConfig, step: int) -> float:
    """The KL term's weight: ``w (1 - (1 - start) decay^step)`` (Ha and Eck 2017, section 4.2)."""
    return config.kl_weight * (1 - (1 - config.kl_start) * config.kl_decay**step)


def learning_rate(config: TrainConfig, step: int) -> float:
    """A linear warm-up, then half a cosine from ``learning_rate`` to ``final_rate`` at the last step."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup))
    return config.final_rate + (config.learning_rate - config.final_rate) * 0.5 * (1 + math.cos(math.pi * done))
