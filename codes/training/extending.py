"""One more category for a router that is trained: a row more in its last layer, and nothing else is changed.

The logits of all that it knew stay what they were, so among the old categories it decides as before; a sketch is lost
to the new one only where the new row outweighs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from codes.data.batches import Batch
from codes.model.classifier import RouterNet
from codes.training.config import TrainConfig
from codes.training.objectives import cut_lengths

DECAY = 1e-2  # of the new row's weights
ITERATIONS = 100


@dataclass(frozen=True)
class Examples:
    """What a new row is fitted on: ``hidden [N, H]``, the old ``logits [N, L]``, and ``labels [N]`` of all L + 1."""

    hidden: Tensor
    logits: Tensor
    labels: Tensor


@torch.no_grad()
def examples(net: RouterNet, batches: Iterable[Batch], config: TrainConfig) -> Examples:
    """Sketches as the router is shown them in training: augmented, and a share of them cut short."""
    parts = []
    for number, batch in enumerate(batches):
        seen = cut_lengths(batch.lengths, config, torch.Generator().manual_seed(config.seed + number))
        hidden = net.classifier.hidden(net.features(batch.points, seen))
        parts.append((hidden, net.classifier.outer(hidden), batch.labels))
    return Examples(*(torch.cat(part) for part in zip(*parts, strict=True)))


def extended(net: RouterNet, shown: Examples) -> RouterNet:
    """The router with one label more, fitted on the examples; every label that occurs among them weighs alike."""
    row, bias = _fit_row(shown)
    wider = RouterNet(replace(net.config, labels=net.config.labels + 1))
    tensors = dict(net.state_dict())
    tensors["classifier.outer.weight"] = torch.cat([tensors["classifier.outer.weight"], row.unsqueeze(0)])
    tensors["classifier.outer.bias"] = torch.cat([tensors["classifier.outer.bias"], bias])
    wider.load_state_dict(tensors)
    return wider.requires_grad_(False)


def _fit_row(shown: Examples) -> tuple[Tensor, Tensor]:
    """Logistic regression of one row beside fixed logits, by L-BFGS; convex, so it does not matter where it begins."""
    row = torch.zeros(shown.hidden.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    counts = torch.bincount(shown.labels, minlength=shown.logits.shape[1] + 1).clamp(min=1)
    weights = 1.0 / counts
    optimiser = torch.optim.LBFGS([row, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        logits = torch.cat([shown.logits, (shown.hidden @ row + bias).unsqueeze(1)], dim=1)
        total = F.cross_entropy(logits, shown.labels, weight=weights, reduction="sum") + DECAY * row.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(cost)  # type: ignore[no-untyped-call]
    return row.detach(), bias.detach()
