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
USUAL_ROWS = 20.0


@dataclass(frozen=True)
class Calibration:
    """How logits become a decision.

    Logits are multiplied by one factor a sketch, the inverse of a temperature (Guo et al. 2017, section 4.2). Its
    logarithm is ``sharpness + by_logits . logits + by_chances . p + by_rows . p log(rows / 20)``, with the chances p
    that the logits say as they are: how sure a router may be depends on what it takes a sketch for and how much of it
    it was shown, and half a sketch of one thing says more than half a sketch of another.

    Attributes:
        sharpness: of a sketch whose logits are 0, as far as nothing else is said.
        by_logits: what each logit adds, in the order of the labels; later labels, taught afterwards, add nothing and
            have no chance.
        by_chances: what the chance of each label adds.
        by_rows: and how much more of that where there are e times as many rows.
        known: a sketch is ``unknown`` where its known score is below this; 95 % of validation sketches are above.
        sure: a known sketch is ``unsure`` where its best category has a probability below this.
    """

    sharpness: float = 0.0
    by_logits: Sequence[float] = ()
    by_chances: Sequence[float] = ()
    by_rows: Sequence[float] = ()
    known: float = -3.0
    sure: float = 0.5

    def scaled(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """The logits ``[N, labels]`` of sketches of ``lengths [N]`` rows, as sharp as they are to be read."""
        if not self.by_logits:
            return sharpened(logits, torch.full((len(logits),), self.sharpness))
        weights = torch.tensor([*self.by_logits, *self.by_chances, *self.by_rows], dtype=logits.dtype)
        return sharpened(logits, self.sharpness + evidence(logits[:, : len(self.by_logits)], lengths) @ weights)

    @property
    def sensible(self) -> bool:
        """Whether every number is one."""
        numbers = [self.sharpness, *self.by_logits, *self.by_chances, *self.by_rows, self.known, self.sure]
        alike = len(self.by_logits) == len(self.by_chances) == len(self.by_rows)
        return alike and all(type(each) in (int, float) and bool(np.isfinite(each)) for each in numbers)


def evidence(logits: Tensor, lengths: Tensor) -> Tensor:
    """What says how sure a router may be: logits, chances, chances by rows; ``[N, L]`` to ``[N, 3 L]``."""
    chances = F.softmax(logits, dim=-1)
    more = (lengths / USUAL_ROWS).log().unsqueeze(1)
    return torch.cat([logits, chances, chances * more], dim=1)


def sharpened(logits: Tensor, sharpness: Tensor) -> Tensor:
    """Logits ``[N, L]``, each row multiplied by e to its ``sharpness [N]``, within bounds."""
    return logits * sharpness.clamp(-SHARPEST, SHARPEST).exp().unsqueeze(1)


def known_scores(logits: Tensor, offered: list[int]) -> Tensor:
    """Log probability that a sketch is of a category on offer, ``[N]``; higher where it is more like what is known."""
    return torch.logsumexp(F.log_softmax(logits, dim=-1)[:, offered], dim=-1)
