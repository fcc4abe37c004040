"""Fits what turns a router's logits into a decision, on ``valid``; see :mod:`codes.model.calibration`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from codes.data.batches import Batch
from codes.model.calibration import Calibration, apply_inverse_temperature, calibration_features, in_distribution_scores
from codes.model.router import RouterNet

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
ACCEPTED = 0.95
DECAY = 0.003  # of the squared weights of the features, beside nats a prefix
UNIT = 5.0  # of the logits, while these weights are fitted
ITERATIONS = 100


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


def calibrate(shown: Shown, offered_labels: list[int]) -> Calibration:
    """Fit on sketches of the categories on offer; ``offered_labels`` are their label numbers."""
    place = {label: index for index, label in enumerate(offered_labels)}
    known = shown.where(torch.tensor([int(label) in place for label in shown.labels]))
    targets = torch.tensor([place[int(label)] for label in known.labels])
    fitted = fit_temperature(known, offered_labels, targets)
    scores = in_distribution_scores(fitted.scaled(known.logits, known.lengths), offered_labels)
    return replace(fitted, known=float(torch.quantile(scores, 1 - ACCEPTED)))


def fit_temperature(shown: Shown, offered_labels: list[int], targets: Tensor) -> Calibration:
    """Fit the temperature by least cross-entropy among the offered categories, with L-BFGS.

    ``targets [N]`` are places in ``offered_labels``. All labels have a say in the temperature, the background too.
    """
    labels = shown.logits.shape[1]
    units = torch.tensor([UNIT, 1.0, 1.0]).repeat_interleave(labels)
    inputs = calibration_features(shown.logits, shown.lengths) / units
    weights = torch.zeros(inputs.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        read = apply_inverse_temperature(shown.logits[:, offered_labels], bias + inputs @ weights)
        total = F.cross_entropy(read, targets) + DECAY * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(cost)  # type: ignore[no-untyped-call]
    logit_weights, probability_weights, length_weights = (weights.detach() / units).view(3, labels).tolist()
    return Calibration(float(bias.detach()), logit_weights, probability_weights, length_weights)
