"""Everything that a run holds while it goes on, to disk and back, bit for bit.

Batches, augmentation and noise are functions of the seed and the step, so the step is all of the random state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from codes.checkpoints.tensors import load_tensors, save_tensors
from codes.errors import BadFile
from codes.training.config import TrainConfig


@dataclass
class Progress:
    """Say where a run stands.

    Attributes:
        step: steps done.
        best: lowest validation figure so far.
        waited: validations since then.
        finished: whether the run came to its own end.
        sums: training measures since the last log line.
        elapsed: seconds since the run began, the time between an interruption and its end left out.
    """

    step: int = 0
    best: float = float("inf")
    waited: int = 0
    finished: bool = False
    sums: dict[str, list[float]] = field(default_factory=dict)
    elapsed: float = 0.0


class TrainState:
    """Hold a model, its running average, its optimiser, and the progress."""

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.model = model
        self.average: AveragedModel = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.average))  # type: ignore[no-untyped-call]
        self.optimiser = make_optimiser(model, config)
        self.progress = Progress()

    def save(self, path: Path) -> None:
        """Write all of it into one file, whole or not at all."""
        tensors = {
            **{f"model/{name}": value for name, value in self.model.state_dict().items()},
            **{f"average/{name}": value for name, value in self.average.state_dict().items()},
            **_optimiser_tensors(self.optimiser),
        }
        facts = {**vars(self.progress), "best": repr(self.progress.best)}
        save_tensors(path, tensors, facts)

    def load(self, path: Path) -> None:
        """Take up where the file left off.

        Raises:
            BadFile: the file is damaged or belongs to another model.
        """
        tensors, facts = load_tensors(path)
        try:
            self.model.load_state_dict(_with_prefix(tensors, "model/"))
            self.average.load_state_dict(_with_prefix(tensors, "average/"))
            _restore_optimiser(self.optimiser, _with_prefix(tensors, "optimiser/"))
            self.progress = Progress(**{**facts, "best": float(facts["best"])})
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise BadFile(path, "the saved state does not fit this model") from error


def make_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019), or RMSprop, which has no decoupled weight decay."""
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(model.parameters(), lr=config.learning_rate)
    return torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimiser.state_dict()["state"]
    return {f"optimiser/{number}/{name}": value for number, each in state.items() for name, value in each.items()}


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for path, value in tensors.items():
        number, name = path.split("/")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
