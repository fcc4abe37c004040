"""Losses and validation measures: models and batches in, sums over counts out. Knows no files and no optimiser.

A measure is always a sum and a count, never an average of averages: one batch of eight is two batches of four.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from codes.data.batches import Batch
from codes.model.mixture import PointDistribution
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE
from codes.strokes.stroke3 import DOWN, END, OFFSET, PEN
from codes.training.config import DecoderTrainConfig, TrainConfig

ROUTER_FRACTIONS = (0.25, 0.5, 0.75, 1.0)  # of each sketch, that a router sees when it is validated and calibrated


@dataclass(frozen=True)
class Measure:
    """Hold a sum, and how many it is over."""

    total: Tensor
    count: Tensor

    def __add__(self, other: Measure) -> Measure:
        return Measure(self.total + other.total, self.count + other.count)


Measures = dict[str, Measure]


class Objective(Protocol):
    """Give a run its loss, and the measures by which people follow it and the best weights are chosen."""

    selection_measure: str
    """The measure whose lowest value selects the best weights."""

    selection_meaning: str
    """What that value is, in its unit, for people."""

    def loss(self, batch: Batch, step: int, rng: torch.Generator) -> tuple[Tensor, Measures]:
        """Return the loss at this step, and the measures that it is made of."""
        ...

    def measure(self, batch: Batch) -> Measures:
        """Return what validation adds up; deterministic."""
        ...


class MeasureSums:
    """Add measures up. ``totals`` has a sum and a count for each, as plain floats, so that they can be saved."""

    def __init__(self, totals: dict[str, list[float]] | None = None) -> None:
        self.totals = totals or {}

    def add(self, measures: Measures) -> None:
        """Add one batch."""
        for name, measure in measures.items():
            total, count = self.totals.setdefault(name, [0.0, 0.0])
            self.totals[name] = [total + float(measure.total.detach()), count + float(measure.count)]

    def averages(self) -> dict[str, float]:
        """Return each sum over its count; a measure that counted nothing is left out."""
        return {name: total / count for name, (total, count) in self.totals.items() if count}


@torch.no_grad()
def evaluate(objective: Objective, batches: Iterable[Batch], device: torch.device) -> dict[str, float]:
    """Average the objective's measures over all batches."""
    sums = MeasureSums()
    for batch in batches:
        sums.add(objective.measure(batch.to(device)))
    return sums.averages()


def cut_lengths(lengths: Tensor, config: TrainConfig, rng: torch.Generator) -> Tensor:
    """Draw how many rows the encoder sees, ``[B]``: of a share ``mask`` of the sketches a uniform share, else all."""
    chance, share = torch.rand(2, len(lengths), generator=rng, device=lengths.device)
    kept = (lengths * (config.shortest + (1 - config.shortest) * share)).round().long()
    return torch.where(chance < config.mask, kept.clamp(min=1), lengths)


def prefix_lengths(lengths: Tensor, fraction: float) -> Tensor:
    """Return the rows of each sketch's prefix, at least one; rounded as the prefix rules do, half to even."""
    return (lengths.double() * fraction).round().long().clamp(min=1)


@dataclass(frozen=True)
class PointNats:
    """Hold what each point of a batch costs: ``offset`` and ``pen [B, T + 1]``, the last of a sketch being its end."""

    offset: Tensor
    pen: Tensor

    @classmethod
    def of(cls, distribution: PointDistribution, batch: Batch) -> PointNats:
        """Return the negative log-likelihood of the batch, zero past each sketch's end.

        A row costs its offset and its pen; after the last row the end-of-sketch costs its pen.
        """
        end = F.one_hot(torch.full((len(batch), 1), END - DOWN, device=batch.points.device), 3)
        pen = torch.cat([batch.points[..., PEN], end.to(batch.points.dtype)], dim=1)
        offsets = F.pad(batch.points[..., OFFSET], (0, 0, 0, 1))
        rows = torch.arange(offsets.shape[1], device=offsets.device)
        lengths = batch.lengths.unsqueeze(1)
        return cls(
            offset=torch.where(rows < lengths, -distribution.log_prob_offset(offsets), 0.0),
            pen=torch.where(rows <= lengths, -distribution.log_prob_pen(pen), 0.0),
        )

    def after(self, prefix: Tensor) -> PointNats:
        """Keep only what stands after the first ``prefix [B]`` rows."""
        later = torch.arange(self.pen.shape[1], device=self.pen.device) >= prefix.unsqueeze(1)
        return PointNats(self.offset * later, self.pen * later)

    def moving(self, batch: Batch) -> PointNats:
        """Keep only the offsets that move the pen, and every pen state.

        A dot is a row that moves nothing, and the density of standing still has no bound: what a few sketches full of
        dots cost can outweigh all others.
        """
        moves = F.pad((batch.points[..., OFFSET] != 0).any(dim=-1), (0, 1))
        return PointNats(self.offset * moves, self.pen)

    def as_measure(self, points: Tensor) -> Measure:
        """Return the sum of all costs, over this count of points."""
        return Measure(self.offset.sum() + self.pen.sum(), points)


class DecoderObjective:
    """Train a VAE: the encoder sees a whole sketch or a prefix, and the decoder is to draw the whole.

    Because z is often inferred from a prefix in training, z from a prefix means something when a sketch is completed.
    """

    selection_measure = "moved"
    selection_meaning = (
        "nats per point of the second half of each sketch, given the first, but for points that do not move"
    )

    def __init__(self, model: SketchVAE, config: DecoderTrainConfig) -> None:
        self.model = model
        self.config = config

    def loss(self, batch: Batch, step: int, rng: torch.Generator) -> tuple[Tensor, Measures]:
        """Return nats per point, plus the weighted KL divergence above its tolerance."""
        seen = cut_lengths(batch.lengths, self.config, rng)
        posterior = self.model.encode(batch.points, seen, rng)
        nats = PointNats.of(self.model(batch.points, batch.lengths, posterior.rsample(rng), rng), batch)
        points = batch.lengths.sum()
        divergence = posterior.kl()
        excess = divergence.mean().clamp(min=self.config.kl_tolerance)
        loss = (nats.offset.sum() + nats.pen.sum()) / points + self.config.kl_weight_at(step) * excess
        return loss, _whole_measures(nats, points, divergence)

    def measure(self, batch: Batch) -> Measures:
        """Measure nats per point of whole sketches, and of what follows a 50 % prefix with z from that prefix.

        ``continuation`` is all of the latter, ``moved`` leaves out the offsets that move nothing.
        """
        whole = self.model.encode(batch.points, batch.lengths)
        nats = PointNats.of(self.model(batch.points, batch.lengths, whole.mean), batch)
        measures = _whole_measures(nats, batch.lengths.sum(), whole.kl())
        prefix = prefix_lengths(batch.lengths, 0.5)
        z = self.model.encode(batch.points, prefix).mean
        later = PointNats.of(self.model(batch.points, batch.lengths, z), batch).after(prefix)
        remaining = (batch.lengths - prefix).sum()
        return {
            **measures,
            "continuation": later.as_measure(remaining),
            "moved": later.moving(batch).as_measure(remaining),
        }


def _whole_measures(nats: PointNats, points: Tensor, divergence: Tensor) -> Measures:
    return {
        "offset": Measure(nats.offset.sum(), points),
        "pen": Measure(nats.pen.sum(), points),
        "kl": Measure(divergence.sum(), torch.tensor(len(divergence))),
    }


class RouterObjective:
    """Train the shared encoder and its classifier on incomplete sketches."""

    selection_measure = "loss"
    selection_meaning = "cross-entropy in nats per sketch, seen at 25, 50, 75 and 100 % of its points"

    def __init__(self, model: RouterNet, config: TrainConfig) -> None:
        self.model = model
        self.config = config

    def loss(self, batch: Batch, step: int, rng: torch.Generator) -> tuple[Tensor, Measures]:
        """Return the cross-entropy of the category, each sketch cut anew."""
        logits = self.model(batch.points, cut_lengths(batch.lengths, self.config, rng), rng)
        costs = F.cross_entropy(logits, batch.labels, reduction="none")
        return costs.mean(), self._measures(costs, logits, batch)

    def measure(self, batch: Batch) -> Measures:
        """Measure cross-entropy and accuracy, each sketch at each of :data:`ROUTER_FRACTIONS`."""
        measures = []
        for fraction in ROUTER_FRACTIONS:
            logits = self.model(batch.points, prefix_lengths(batch.lengths, fraction))
            measures.append(self._measures(F.cross_entropy(logits, batch.labels, reduction="none"), logits, batch))
        return {name: reduce(add, (each[name] for each in measures)) for name in measures[0]}

    def _measures(self, costs: Tensor, logits: Tensor, batch: Batch) -> Measures:
        count = torch.tensor(len(batch))
        hits = (logits.argmax(dim=-1) == batch.labels).sum()
        return {"loss": Measure(costs.sum(), count), "accuracy": Measure(hits, count)}
