"""Fits what turns a router's logits into a decision, on ``valid``; see :mod:`codes.model.calibration`."""

from __future__ import annotations

from collections.abc import Iterable

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


@torch.no_grad()
def logits_of_prefixes(net: RouterNet, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """Logits ``[N, labels]`` and labels ``[N]`` of every sketch at each of the fractions."""
    logits, labels = [], []
    for batch in batches:
        for fraction in FRACTIONS:
            kept = (batch.lengths * fraction).round().long().clamp(min=1)
            logits.append(net(batch.points, kept))
            labels.append(batch.labels)
    return torch.cat(logits), torch.cat(labels)


def calibrate(logits: Tensor, labels: Tensor, offered: list[int]) -> Calibration:
    """Fit on sketches of the categories on offer; ``offered`` are their label numbers."""
    place = {label: index for index, label in enumerate(offered)}
    known = torch.tensor([int(label) in place for label in labels])
    logits = logits[known]
    targets = torch.tensor([place[int(label)] for label in labels[known]])
    temperature = fit_temperature(logits[:, offered], targets)
    scores = known_scores(logits / temperature, offered)
    return Calibration(temperature, known=float(torch.quantile(scores, 1 - ACCEPTED)))


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature of least cross-entropy, by bisection of its derivative in ``log t``; each class weighs alike."""
    counts = torch.bincount(targets, minlength=logits.shape[1]).clamp(min=1)
    weights = (1.0 / counts)[targets]

    def slope(log_t: float) -> float:
        scaled = logits / float(np.exp(log_t))
        expected = (F.softmax(scaled, dim=-1) * scaled).sum(dim=-1)
        actual = scaled.gather(1, targets.unsqueeze(1)).squeeze(1)
        return float((weights * (actual - expected)).sum())

    low, high = np.log(0.1), np.log(10.0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return float(np.exp(0.5 * (low + high)))


def expected_calibration_error(probabilities: NDArray[np.float64], hits: NDArray[np.bool_], bins: int = 15) -> float:
    """Distance of confidence from accuracy, over equal-width bins of the top probability, weighted by their counts."""
    top = probabilities.max(axis=1)
    bin_of = np.minimum((top * bins).astype(int), bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    gaps = np.bincount(bin_of, weights=top - hits, minlength=bins)
    return float(np.abs(gaps).sum() / counts.sum())
