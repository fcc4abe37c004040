"""Logits to a decision: how sharp they are to be read, and the thresholds, fitted once and travelling with the router.

A router tells apart more kinds of sketch than it may have decoders for: those without one, and sketches of nothing in
particular, are its *background*. The chance that a sketch is of a category on offer is what the background leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SHARPEST = 2.0  # e to this, and to minus this, are the most and the least that logits are multiplied by


@dataclass(frozen=True)
class Calibration:
    """How logits become a decision.

    Logits are multiplied by one factor a sketch, the inverse of a temperature (Guo et al. 2017, section 4.2). Its
    logarithm is ``sharpness + by_rows log(rows) + by_logits . logits``: how sure a router may be depends on how much it
    was shown, and on what it takes a sketch for: half a sketch of one thing says more than half a sketch of another.

    Attributes:
        sharpness: of a sketch of one row whose logits are 0.
        by_rows: what the logarithm of the number of rows adds.
        by_logits: what each logit adds, in the order of the labels; later labels, taught afterwards, add nothing.
        known: a sketch is ``unknown`` where its known score is below this; 95 % of validation sketches are above.
        sure: a known sketch is ``unsure`` where its best category has a probability below this.
    """

    sharpness: float = 0.0
    by_rows: float = 0.0
    by_logits: Sequence[float] = ()
    known: float = -3.0
    sure: float = 0.5

    def scaled(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """The logits ``[N, labels]`` of sketches of ``lengths [N]`` rows, as sharp as they are to be read."""
        return sharpened(logits, self.sharpness + self.by_rows * lengths.log() + self._said_by(logits))

    def _said_by(self, logits: Tensor) -> Tensor:
        by_logits = torch.tensor(self.by_logits, dtype=logits.dtype)
        return logits[:, : len(by_logits)] @ by_logits

    @property
    def sensible(self) -> bool:
        """Whether every number is one."""
        numbers = [self.sharpness, self.by_rows, *self.by_logits, self.known, self.sure]
        return all(type(each) in (int, float) and bool(np.isfinite(each)) for each in numbers)


def sharpened(logits: Tensor, sharpness: Tensor) -> Tensor:
    """Logits ``[N, L]``, each row multiplied by e to its ``sharpness [N]``, within bounds."""
    return logits * sharpness.clamp(-SHARPEST, SHARPEST).exp().unsqueeze(1)


def known_scores(logits: Tensor, offered: list[int]) -> Tensor:
    """Log probability that a sketch is of a category on offer, ``[N]``; higher where it is more like what is known."""
    return torch.logsumexp(F.log_softmax(logits, dim=-1)[:, offered], dim=-1)
