"""Fit a router's calibration on validation sketches; :mod:`codes.model.calibration` says what it does with logits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from codes.data.batches import Batch
from codes.model.calibration import Calibration, apply_inverse_temperature, calibration_features, in_distribution_scores
from codes.model.router import RouterNet
from codes.training.objectives import ROUTER_FRACTIONS, prefix_lengths

ACCEPTED_SHARE = 0.95  # of known validation sketches that are not "unknown"
RIDGE = 0.003  # weight of the squared weights beside the mean cross-entropy in nats
LOGIT_UNIT = 5.0  # logits are divided by this while the weights are fitted, so that the ridge treats features alike
ITERATIONS = 100


@dataclass(frozen=True)
class PrefixLogits:
    """Hold a router's logits of prefixes: ``logits [N, labels]``, ``labels [N]``, and ``lengths [N]`` in rows."""

    logits: Tensor
    labels: Tensor
    lengths: Tensor

    def select(self, chosen: Tensor) -> PrefixLogits:
        """Return those that an index or a mask chooses."""
        return PrefixLogits(self.logits[chosen], self.labels[chosen], self.lengths[chosen])


@torch.no_grad()
def prefix_logits(net: RouterNet, batches: Iterable[Batch]) -> PrefixLogits:
    """Run the router on every sketch at each of :data:`codes.training.objectives.ROUTER_FRACTIONS`."""
    parts = []
    for batch in batches:
        for fraction in ROUTER_FRACTIONS:
            kept = prefix_lengths(batch.lengths, fraction)
            parts.append((net(batch.points, kept), batch.labels, kept))
    return PrefixLogits(*(torch.cat(part) for part in zip(*parts, strict=True)))


def calibrate(prefixes: PrefixLogits, offered_labels: list[int]) -> Calibration:
    """Fit temperature and refusal threshold on the prefixes whose labels are on offer."""
    position = {label: index for index, label in enumerate(offered_labels)}
    known = prefixes.select(torch.tensor([int(label) in position for label in prefixes.labels]))
    targets = torch.tensor([position[int(label)] for label in known.labels])
    fitted = fit_temperature(known, offered_labels, targets)
    scores = in_distribution_scores(fitted.scaled(known.logits, known.lengths), offered_labels)
    return replace(fitted, known=float(torch.quantile(scores, 1 - ACCEPTED_SHARE)))


def fit_temperature(prefixes: PrefixLogits, offered_labels: list[int], targets: Tensor) -> Calibration:
    """Fit the temperature by least cross-entropy among the offered categories, with a ridge, by L-BFGS.

    Args:
        prefixes: sketches of offered categories.
        offered_labels: the labels of the categories on offer.
        targets: ``[N]``, the position of each sketch's category in ``offered_labels``.
    """
    labels = prefixes.logits.shape[1]  # background labels take part: they too say how sure the router may be
    units = torch.tensor([LOGIT_UNIT, 1.0, 1.0]).repeat_interleave(labels)
    inputs = calibration_features(prefixes.logits, prefixes.lengths) / units
    weights = torch.zeros(inputs.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        scaled = apply_inverse_temperature(prefixes.logits[:, offered_labels], bias + inputs @ weights)
        total = F.cross_entropy(scaled, targets) + RIDGE * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(cost)  # type: ignore[no-untyped-call]
    logit_weights, probability_weights, length_weights = (weights.detach() / units).view(3, labels).tolist()
    return Calibration(float(bias.detach()), logit_weights, probability_weights, length_weights)
