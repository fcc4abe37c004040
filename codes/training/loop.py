"""The one training loop. Always in the same order: stop, evaluate, sample, save, step, log.

Knows jobs and run folders; knows no stores, no models by name and no command line.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from codes.data.batches import Batch, BatchSource, prefetch
from codes.errors import TrainingStopped
from codes.progress import progress as progress_bar
from codes.training.config import TrainConfig
from codes.training.low_rank import plain_weights
from codes.training.objectives import MeasureSums, Objective, evaluate
from codes.training.run_folder import RunFolder
from codes.training.state import TrainState

MakeObjective = Callable[[Any, Any], Objective]  # model and configuration
NOISE_STREAM = 0x9E3779B9  # keeps the seeds of neighbouring runs' noise apart


@dataclass(frozen=True)
class Job:
    """Say what is to be trained, and on what.

    Attributes:
        model: fresh, or with the weights to start from.
        objective: makes the objective for a model; called for the model and for its running average.
        source: training batches by step.
        validation: every validation batch, anew at each call.
        facts: what is saved beside the best weights, so that they can be used alone.
        on_validation: called with the averaged model and the step after each validation.
    """

    model: nn.Module
    objective: MakeObjective
    source: BatchSource
    validation: Callable[[], Iterable[Batch]]
    facts: dict[str, Any]
    on_validation: Callable[[nn.Module, int], None] = field(default=lambda model, step: None)


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Let the step in hand finish when Ctrl-C is pressed; a second Ctrl-C stops at once. Main thread only."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.getsignal(signal.SIGINT)

    def on_signal(number: int, frame: Any) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, previous)


def choose_precision(config: TrainConfig, device: torch.device) -> torch.dtype:
    """Return the number format of matrix products: the one configured, or bfloat16 where the hardware multiplies it."""
    if config.precision != "auto":
        return torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else torch.float32


class Trainer:
    """Train one job in one run folder, from where the folder's last state stands.

    Args:
        job: what is to be trained.
        config: how.
        run: where it is kept.
        device: where it is computed.
        workers: processes that make batches ahead of the steps; without any, each is made when it is wanted.
    """

    def __init__(self, job: Job, config: TrainConfig, run: RunFolder, device: torch.device, workers: int = 0) -> None:
        self.job, self.config, self.run, self.device = job, config, run, device
        self.state = TrainState(job.model.to(device), config)
        self.objective = job.objective(self.state.model, config)
        self.dtype = choose_precision(config, device)
        if run.last.exists():
            self.state.load(run.last)
        self.batches = prefetch(job.source, range(self.state.progress.step, config.steps), workers)
        self.sums = MeasureSums(self.state.progress.sums)
        self.last_log_time = time.monotonic()
        self.began = self.last_log_time - self.state.progress.elapsed

    @property
    def _validated_model(self) -> nn.Module:
        """Return the model that is validated and kept."""
        averaged: nn.Module = self.state.average.module
        return averaged if self.config.average else self.state.model

    def fit(self, quiet: bool = False) -> float:
        """Train to the end of the schedule or of patience, and return the lowest selection measure on ``valid``.

        Progress is shown unless it is to be ``quiet``.

        Raises:
            TrainingStopped: the loss or the validation figure is no longer a number.
            KeyboardInterrupt: Ctrl-C was pressed; the state is saved.
        """
        progress = self.state.progress
        figure = f"valid/{self.objective.selection_measure}"
        bar: tqdm[Any] = progress_bar(
            total=self.config.steps,
            initial=progress.step,
            unit=" steps",
            desc=self.run.path.name,
            mininterval=0.5,
            disable=quiet,
        )
        with bar, deferred_interrupt() as interrupted:
            while not progress.finished:
                self._between_steps()
                if interrupted():
                    self.save()
                    raise KeyboardInterrupt
                if not progress.finished:
                    figures = {"loss": self.step(), f"best {figure}": progress.best}  # which is infinite at first
                    bar.set_postfix(
                        {name: f"{x:.3f}" for name, x in figures.items() if math.isfinite(x)}, refresh=False
                    )
                    bar.update()
        return progress.best

    def _between_steps(self) -> None:
        """Stop, validate and save where it is time to."""
        progress, config = self.state.progress, self.config
        at_end = progress.step >= config.steps
        if progress.step and (at_end or progress.step % config.evaluate_every == 0) and not self._logged():
            self._validate()
        progress.finished = at_end or progress.waited >= config.patience
        if progress.finished or (progress.step and progress.step % config.save_every == 0):
            self.save()

    def _logged(self) -> bool:
        """Return true if this step was validated before the state was saved; the sums are empty only then."""
        return not self.sums.totals

    def _validate(self) -> None:
        objective = self.job.objective(self._validated_model, self.config)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            measures = evaluate(objective, self.job.validation(), self.device)
        figure = measures.get(objective.selection_measure, math.nan)
        if not math.isfinite(figure):
            raise TrainingStopped(f"validation at step {self.state.progress.step} gave no number: {measures}")
        self._keep_if_best(figure)
        self._log(measures)
        self.job.on_validation(self._validated_model, self.state.progress.step)

    def _keep_if_best(self, figure: float) -> None:
        progress = self.state.progress
        progress.waited += 1
        if figure < progress.best:
            progress.best, progress.waited = figure, 0
            facts = {**self.job.facts, "step": progress.step, "valid": figure}
            self.run.save_best(plain_weights(self._validated_model), facts)

    def _log(self, measures: dict[str, float]) -> None:
        elapsed, self.last_log_time = time.monotonic() - self.last_log_time, time.monotonic()
        since_start = self.last_log_time - self.began
        row = {"step": self.state.progress.step, "seconds": round(elapsed, 1), "elapsed": round(since_start, 1)}
        train = {f"train/{name}": value for name, value in self.sums.averages().items()}
        valid = {f"valid/{name}": value for name, value in measures.items()}
        self.run.append_log({**row, **train, **valid})
        self.sums = MeasureSums()

    def save(self) -> None:
        """Write everything that a resumed run needs."""
        self.state.progress.sums, self.state.progress.elapsed = self.sums.totals, time.monotonic() - self.began
        self.state.save(self.run.last)

    def step(self) -> float:
        """Take one optimiser step and return its loss."""
        progress = self.state.progress
        batch = next(self.batches).to(self.device)
        rng = torch.Generator(self.device).manual_seed(self.config.seed * NOISE_STREAM + progress.step)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss, measures = self.objective.loss(batch, progress.step, rng)
        self._descend(loss)
        self.sums.add(measures)
        progress.step += 1
        return float(loss.detach())

    def _descend(self, loss: Tensor) -> None:
        optimiser = self.state.optimiser
        optimiser.param_groups[0]["lr"] = self.config.learning_rate_at(self.state.progress.step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        norm = nn.utils.clip_grad_norm_(self.state.model.parameters(), self.config.clip)
        if not math.isfinite(float(loss)) or not math.isfinite(float(norm)):
            raise TrainingStopped(
                f"the loss is no longer a number at step {self.state.progress.step}; what was last saved is in "
                f"{self.run.path}. A lower --learning-rate or --precision float32 may help"
            )
        optimiser.step()
        self.state.average.update_parameters(self.state.model)
