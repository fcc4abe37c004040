"""What is minimised and what is measured: models and batches in, sums over counts out.

A measure is always a sum and a count, never an average of averages: one batch of eight is two batches of four.
"""

from __future__ import annotations

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
from codes.model.vae import Posterior, SketchVAE
from codes.training.config import TrainConfig, kl_weight


@dataclass(frozen=True)
class Measure:
    """A sum, and how many it is over."""

    total: Tensor
    count: Tensor

    def __add__(self, other: Measure) -> Measure:
        return Measure(self.total + other.total, self.count + other.count)


Measures = dict[str, Measure]


class Objective(Protocol):
    """What a run trains: a loss for the optimiser, and measures for people and for choosing the best weights."""

    chosen_by: str

    def loss(self, batch: Batch, step: int, rng: torch.Generator) -> tuple[Tensor, Measures]:
        """The number to go down at this step, and what it is made of."""
        ...

    def measure(self, batch: Batch) -> Measures:
        """What validation adds up; deterministic."""
        ...


def cut_lengths(lengths: Tensor, config: TrainConfig, rng: torch.Generator) -> Tensor:
    """Rows that the encoder sees: for a share ``mask`` of the sketches, a uniform share of them, at least one row."""
    chance, share = torch.rand(2, len(lengths), generator=rng, device=lengths.device)
    kept = (lengths * (config.shortest + (1 - config.shortest) * share)).round().long()
    return torch.where(chance < config.mask, kept.clamp(min=1), lengths)


def half_lengths(lengths: Tensor) -> Tensor:
    """The 50 % prefix of every sketch, at least one row (the rounding of the prefix law: half to even)."""
    return (lengths * 0.5).round().long().clamp(min=1)


@dataclass(frozen=True)
class PointNats:
    """What each point of a batch costs; ``offset`` and ``pen`` are ``[B, T + 1]``, the last of a sketch is its end."""

    offset: Tensor
    pen: Tensor

    @classmethod
    def of(cls, distribution: PointDistribution, batch: Batch) -> PointNats:
        """Nats of the batch under what was predicted; zero past each sketch's end.

        A row costs its offset and its pen; after the last row the end-of-sketch costs its pen.
        """
        end = F.one_hot(torch.full((len(batch), 1), 2, device=batch.points.device), 3)
        pen = torch.cat([batch.points[..., 2:], end.to(batch.points.dtype)], dim=1)
        offsets = F.pad(batch.points[..., :2], (0, 0, 0, 1))
        rows = torch.arange(offsets.shape[1], device=offsets.device)
        lengths = batch.lengths.unsqueeze(1)
        return cls(
            offset=torch.where(rows < lengths, -distribution.log_prob_offset(offsets), 0.0),
            pen=torch.where(rows <= lengths, -distribution.log_prob_pen(pen), 0.0),
        )

    def after(self, prefix: Tensor) -> PointNats:
        """Only what stands after the first ``prefix [B]`` rows."""
        later = torch.arange(self.pen.shape[1], device=self.pen.device) >= prefix.unsqueeze(1)
        return PointNats(self.offset * later, self.pen * later)

    def moving(self, batch: Batch) -> PointNats:
        """Only offsets that move the pen, and every pen state.

        A dot is a row that moves nothing, and the density of standing still has no bound: what a few sketches full of
        dots cost can outweigh all others.
        """
        moves = F.pad((batch.points[..., :2] != 0).any(dim=-1), (0, 1))
        return PointNats(self.offset * moves, self.pen)

    def over(self, points: Tensor) -> Measure:
        """All of it, over so many points."""
        return Measure(self.offset.sum() + self.pen.sum(), points)


class DecoderObjective:
    """Train a VAE to draw: the encoder sees a whole or a cut sketch, the decoder is to draw all of it.

    Because z is often inferred from a prefix in training, z from a prefix means something when a sketch is completed.
    """

    chosen_by = "moved"

    def __init__(self, model: SketchVAE, config: TrainConfig) -> None:
        self.model = model
        self.config = config

    def loss(self, batch: Batch, step: int, rng: torch.Generator) -> tuple[Tensor, Measures]:
        """Nats a point, and the weighted KL divergence above its tolerance."""
        seen = cut_lengths(batch.lengths, self.config, rng)
        posterior = self.model.encode(batch.points, seen, rng)
        nats = PointNats.of(self.model(batch.points, batch.lengths, posterior.rsample(rng), rng), batch)
        points = batch.lengths.sum()
        divergence = posterior.kl()
        excess = divergence.mean().clamp(min=self.config.kl_tolerance)
        loss = (nats.offset.sum() + nats.pen.sum()) / points + kl_weight(self.config, step) * excess
        return loss, _draw_measures(nats, points, divergence)

    def measure(self, batch: Batch) -> Measures:
        """Nats a point of whole sketches, and of what follows a 50 % prefix with z from that prefix.

        ``continuation`` is all of the latter, ``moved`` leaves out the offsets that move nothing.
        """
        whole = self.model.encode(batch.points, batch.lengths)
        nats = PointNats.of(self.model(batch.points, batch.lengths, whole.mean), batch)
        measures = _draw_measures(nats, batch.lengths.sum(), whole.kl())
        prefix = half_lengths(batch.lengths)
        later = self._continuation(batch, prefix, self.model.encode(batch.points, prefix))
        remaining = (batch.lengths - prefix).sum()
        return {**measures, "continuation": later.over(remaining), "moved": later.moving(batch).over(remaining)}

    def _continuation(self, batch: Batch, prefix: Tensor, posterior: Posterior) -> PointNats:
        return PointNats.of(self.model(batch.points, batch.lengths, posterior.mean), batch).after(prefix)


def _draw_measures(nats: PointNats, points: Tensor, divergence: Tensor) -> Measures:
    return {
        "offset": Measure(nats.offset.sum(), points),
        "pen": Measure(nats.pen.sum(), points),
        "kl": Measure(divergence.sum(), torch.tensor(len(divergence))),
    }


class RouterObjective:
    """Train the shared encoder and its classifier on incomplete sketches."""

    chosen_by = "loss"
    fractions = (0.25, 0.5, 0.75, 1.0)

    def __init__(self, model: RouterNet, config: TrainConfig) -> None:
        self.model = model
        self.config = config

    def loss(self, batch: Batch, step: int, rng: torch.Generator) -> tuple[Tensor, Measures]:
        """Cross-entropy of the category, each sketch cut anew."""
        logits = self.model(batch.points, cut_lengths(batch.lengths, self.config, rng), rng)
        costs = F.cross_entropy(logits, batch.labels, reduction="none")
        return costs.mean(), self._measures(costs, logits, batch)

    def measure(self, batch: Batch) -> Measures:
        """Cross-entropy and hits, each sketch at four fractions."""
        measures = [self._at(batch, fraction) for fraction in self.fractions]
        return {name: reduce(add, (measure[name] for measure in measures)) for name in measures[0]}

    def _at(self, batch: Batch, fraction: float) -> Measures:
        kept = (batch.lengths * fraction).round().long().clamp(min=1)
        logits = self.model(batch.points, kept)
        return self._measures(F.cross_entropy(logits, batch.labels, reduction="none"), logits, batch)

    def _measures(self, costs: Tensor, logits: Tensor, batch: Batch) -> Measures:
        count = torch.tensor(len(batch))
        hits = (logits.argmax(dim=-1) == batch.labels).sum()
        return {"loss": Measure(costs.sum(), count), "accuracy": Measure(hits, count)}
