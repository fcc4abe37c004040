"""Logits to a decision: the temperature and the thresholds that are fitted once and travel with the router.

A router tells apart more kinds of sketch than it may have decoders for: those without one, and sketches of nothing in
particular, are its *background*. The chance that a sketch is of a category on offer is what the background leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Calibration:
    """How logits become a decision.

    Attributes:
        temperature: logits are divided by it (Guo et al. 2017, section 4.2).
        known: a sketch is ``unknown`` where its known score is below this; 95 % of validation sketches are above.
        sure: a known sketch is ``unsure`` where its best category has a probability below this.
    """

    temperature: float = 1.0
    known: float = -3.0
    sure: float = 0.5


def known_scores(logits: Tensor, offered: list[int]) -> Tensor:
    """Log probability that a sketch is of a category on offer, ``[N]``; higher where it is more like what is known."""
    return torch.logsumexp(F.log_softmax(logits, dim=-1)[:, offered], dim=-1)
