"""Every choice of a training run, each default stated once, and the schedules that follow from it.

The configuration is written into the run. The commands make their flags from its fields, with the help given here.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

from codes.data.transforms import Augmentation
from codes.errors import BadOption

Precision = Literal["auto", "float32", "bfloat16"]
Optimiser = Literal["adam", "rmsprop"]


def setting(default: Any, section: str, text: str) -> Any:
    """Return a dataclass field. ``section`` is the heading of its flag in the help, ``text`` explains it."""
    return field(default=default, metadata={"section": section, "help": text})


@dataclass(frozen=True)
class TrainConfig:
    """Say how a model is trained; this is all of it for a router.

    Raises:
        BadOption: a value is out of its range, or two contradict each other.
    """

    steps: int = setting(10_000, "Optimiser", "Optimiser steps in all.")
    epochs: float = setting(
        0.0, "Optimiser", "Passes over the sketches after which a run ends, if its steps are not over; 0 for no limit."
    )
    batch: int = setting(100, "Optimiser", "Sketches in a step.")
    optimiser: Optimiser = setting("adam", "Optimiser", "Adam or RMSprop.")  # noqa: RUF009
    learning_rate: float = setting(1e-3, "Optimiser", "Learning rate at its highest, after the warm-up.")
    final_rate: float = setting(1e-5, "Optimiser", "Learning rate at the last step; a cosine leads there.")
    warmup: int = setting(100, "Optimiser", "Steps in which the learning rate climbs from nothing.")
    weight_decay: float = setting(0.0, "Optimiser", "Weight decay, decoupled from the gradient; for adam only.")
    clip: float = setting(1.0, "Optimiser", "Largest norm of all gradients together.")
    average: float = setting(
        0.999,
        "Optimiser",
        "Decay of the running average of the weights that is validated and kept; 0 keeps the weights themselves.",
    )
    precision: Precision = setting(  # noqa: RUF009
        "auto", "Optimiser", "Number format of matrix products; auto is bfloat16 where the processor multiplies it."
    )
    seed: int = setting(0, "Optimiser", "Seed of all random numbers.")
    mask: float = setting(0.75, "Sketches", "Share of the sketches that the encoder sees cut short.")
    shortest: float = setting(0.0, "Sketches", "Smallest share that is left of a sketch that is cut short.")
    longest: int = setting(250, "Sketches", "Rows after which a sketch is left out of training.")
    balance: float = setting(0.5, "Sketches", "How often a category is drawn: by its count at 1, all alike at 0.")
    scale: float = setting(0.15, "Sketches", "Width and height are multiplied by 1 minus this to 1 plus this.")
    drop: float = setting(0.1, "Sketches", "Probability that a point inside a stroke is left out.")
    mirror: float = setting(0.0, "Sketches", "Probability that a sketch is turned left to right.")
    rotate: float = setting(0.0, "Sketches", "Degrees by which a sketch is rotated at most, either way.")
    evaluate_every: int = setting(500, "Validation", "Steps between validations, each over the whole split.")
    patience: int = setting(10, "Validation", "Validations without a better one after which the run ends early.")
    save_every: int = setting(
        250, "Validation", "Steps between saves; at most these are lost when the machine goes down."
    )

    def __post_init__(self) -> None:
        for name in ("batch", "evaluate_every", "save_every", "patience", "longest"):
            if getattr(self, name) < 1:
                raise BadOption(f"{name} must be at least 1, not {getattr(self, name)}")
        self._check_shares("mask", "shortest", "scale", "drop", "mirror", "balance")
        self._check_not_negative("steps", "epochs", "warmup", "final_rate", "weight_decay", "rotate")
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadOption(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.average < 1:
            raise BadOption(f"average must be at least 0 and below 1, not {self.average}")
        if not 0 <= self.seed < 2**32:
            raise BadOption(f"seed must be 0 to {2**32 - 1}, not {self.seed}")
        if self.weight_decay and self.optimiser != "adam":
            raise BadOption(f"weight_decay works with adam, not with {self.optimiser}; leave it out")
        if self.shortest and not self.mask:
            raise BadOption("shortest does nothing where mask is 0, as no sketch is cut short; leave it out")

    def _check_shares(self, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) <= 1:
                raise BadOption(f"{name} must lie between 0 and 1, not {getattr(self, name)}")

    def _check_not_negative(self, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) < float("inf"):
                raise BadOption(f"{name} must not be negative, but it is {getattr(self, name)}")

    @property
    def augmentation(self) -> Augmentation:
        """Return what is done to each sketch before it is trained on."""
        return Augmentation(self.scale, self.drop, self.mirror, self.rotate)

    def for_sketches(self, count: int) -> Self:
        """Return the configuration of a run on so many sketches, with no more steps than its epochs take."""
        return (
            replace(self, steps=min(self.steps, math.ceil(self.epochs * count / self.batch))) if self.epochs else self
        )

    def learning_rate_at(self, step: int) -> float:
        """Return the rate: it climbs linearly in the warm-up, then falls along half a cosine to ``final_rate``."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.final_rate + (self.learning_rate - self.final_rate) * 0.5 * (1 + math.cos(math.pi * done))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class DecoderTrainConfig(TrainConfig):
    """Say how a category's VAE is trained, of which the decoder is a part."""

    kl_weight: float = setting(1.0, "Latent code", "Weight of the KL term at the end of its annealing.")
    kl_start: float = setting(0.01, "Latent code", "Share of the KL weight that counts at step 0.")
    kl_decay: float = setting(0.9995, "Latent code", "Factor by which the distance to the full weight shrinks a step.")
    kl_tolerance: float = setting(
        0.05, "Latent code", "Nats for each number of z below which the KL term pushes no more."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_shares("kl_start", "kl_decay")
        self._check_not_negative("kl_weight", "kl_tolerance")

    def kl_weight_at(self, step: int) -> float:
        """Return ``w (1 - (1 - start) decay^step)`` (Ha and Eck 2017, section 4.2)."""
        return self.kl_weight * (1 - (1 - self.kl_start) * self.kl_decay**step)
