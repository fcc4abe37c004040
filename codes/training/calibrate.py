"""Fits what turns a router's logits into a decision, on ``valid``; see :mod:`codes.model.calibration`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from codes.data.batches import Batch
from codes.model.calibration import Calibration, known_scores
from codes.model.classifier import RouterNet

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
ACCEPTED = 0.95
GROUPS = 10
ENOUGH = 40  # prefixes that a temperature is fitted on


@dataclass(frozen=True)
class Shown:
    """Prefixes that a router was shown: ``logits [N, labels]``, ``labels [N]``, and ``lengths [N]`` in rows."""

    logits: Tensor
    labels: Tensor
    lengths: Tensor

    def where(self, chosen: Tensor) -> Shown:
        """Some of them."""
        return Shown(self.logits[chosen], self.labels[chosen], self.lengths[chosen])


@torch.no_grad()
def logits_of_prefixes(net: RouterNet, batches: Iterable[Batch]) -> Shown:
    """Every sketch at each of the fractions."""
    parts = []
    for batch in batches:
        for fraction in FRACTIONS:
            kept = (batch.lengths * fraction).round().long().clamp(min=1)
            parts.append((net(batch.points, kept), batch.labels, kept))
    return Shown(*(torch.cat(part) for part in zip(*parts, strict=True)))


def calibrate(shown: Shown, offered: list[int]) -> Calibration:
    """Fit on sketches of the categories on offer; ``offered`` are their label numbers."""
    place = {label: index for index, label in enumerate(offered)}
    known = shown.where(torch.tensor([int(label) in place for label in shown.labels]))
    targets = torch.tensor([place[int(label)] for label in known.labels])
    fitted = fit_temperatures(Shown(known.logits[:, offered], targets, known.lengths))
    scores = known_scores(fitted.scaled(known.logits, known.lengths), offered)
    return replace(fitted, known=float(torch.quantile(scores, 1 - ACCEPTED)))


def fit_temperatures(shown: Shown) -> Calibration:
    """A temperature for the rows in the middle of each of some groups of like length and like size."""
    groups = shown.lengths.argsort(stable=True).tensor_split(min(GROUPS, max(1, len(shown.lengths) // ENOUGH)))
    fitted: dict[float, float] = {}
    for group in groups:
        part = shown.where(group)
        fitted[float(part.lengths.float().log().mean().exp())] = fit_temperature(part.logits, part.labels)
    return Calibration(temperatures=tuple(fitted.values()), rows=tuple(fitted))


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature at which the router is on average as sure of its choice as it is right, by bisection.

    That is what a calibration error asks for; the temperature of least cross-entropy (Guo et al. 2017, section 4.2) is
    led by the worst mistakes, and left it 1 to 2 % too unsure (docs/log.md).
    """
    right = float((logits.argmax(dim=-1) == targets).double().mean())
    low, high = np.log(0.1), np.log(10.0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        sure = float(F.softmax(logits / float(np.exp(middle)), dim=-1).amax(dim=-1).double().mean())
        low, high = (middle, high) if sure > right else (low, middle)
    return float(np.exp(0.5 * (low + high)))


def expected_calibration_error(probabilities: NDArray[np.float64], hits: NDArray[np.bool_], bins: int = 15) -> float:
    """Distance of confidence from accuracy, over equal-width bins of the top probability, weighted by their counts."""
    top = probabilities.max(axis=1)
    bin_of = np.minimum((top * bins).astype(int), bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    gaps = np.bincount(bin_of, weights=top - hits, minlength=bins)
    return float(np.abs(gaps).sum() / counts.sum())
