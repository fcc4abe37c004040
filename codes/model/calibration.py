"""Logits to a decision: the temperatures and the thresholds that are fitted once and travel with the router.

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


@dataclass(frozen=True)
class Calibration:
    """How logits become a decision.

    Attributes:
        temperatures: logits are divided by them (Guo et al. 2017, section 4.2): one for each of ``rows``.
        rows: numbers of rows, ascending. How sure a router may be depends on how much it was shown, and rows are
            what is known of that; between two of them the temperature is a line, both in logarithms.
        known: a sketch is ``unknown`` where its known score is below this; 95 % of validation sketches are above.
        sure: a known sketch is ``unsure`` where its best category has a probability below this.
    """

    temperatures: Sequence[float] = (1.0,)
    rows: Sequence[float] = (1.0,)
    known: float = -3.0
    sure: float = 0.5

    def scaled(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """The logits ``[N, labels]`` of sketches of ``lengths [N]`` rows, over the temperature of each."""
        at = np.interp(np.log(lengths.numpy()), np.log(self.rows), np.log(self.temperatures))
        return logits / torch.from_numpy(np.exp(at)).to(logits.dtype).unsqueeze(1)

    @property
    def sensible(self) -> bool:
        """Whether there is a positive temperature for each of some ascending numbers of rows."""
        numbers = np.array([*self.temperatures, *self.rows], dtype=np.float64)
        ascending = bool((np.diff(self.rows) > 0).all())
        alike = len(self.temperatures) == len(self.rows) > 0
        return alike and ascending and bool(np.isfinite(numbers).all()) and bool((numbers > 0).all())


def known_scores(logits: Tensor, offered: list[int]) -> Tensor:
    """Log probability that a sketch is of a category on offer, ``[N]``; higher where it is more like what is known."""
    return torch.logsumexp(F.log_softmax(logits, dim=-1)[:, offered], dim=-1)
