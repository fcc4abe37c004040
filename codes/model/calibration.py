"""Logits to a decision: a temperature for each sketch, and two thresholds; fitted once, they travel with the router.

A router tells apart more kinds of sketch than it may have decoders for: those without one, and sketches of nothing in
particular, are its *background*. The probability of the offered categories together is what the background leaves.
This module knows how logits are read; it knows neither networks nor how the numbers are fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

MAX_LOG_INVERSE_TEMPERATURE = 2.0  # logits are multiplied by at most e^2 and at least e^-2
TYPICAL_LENGTH = 20.0  # rows


@dataclass(frozen=True)
class Calibration:
    """Turn logits into a decision.

    The logits of a sketch are multiplied by one inverse temperature (Guo et al. 2017, section 4.2). Its logarithm is
    ``log_inverse_temperature + logit_weights . logits + probability_weights . p + length_weights . p log(n / 20)``,
    with ``p`` the softmax of the logits as they are and ``n`` the rows of the sketch. How sure a router may be depends
    on what it takes a sketch for and on how much of it is drawn.

    Attributes:
        log_inverse_temperature: of a sketch for which the other terms are 0.
        logit_weights: one for each label, in their order. Labels that are taught afterwards come later and have none.
        probability_weights: one for each of the same labels.
        length_weights: one for each of the same labels.
        known: a sketch is ``unknown`` where its in-distribution score is below this; 95 % of the validation sketches
            are above.
        sure: a known sketch is ``unsure`` where its best category has a probability below this.
    """

    log_inverse_temperature: float = 0.0
    logit_weights: Sequence[float] = ()
    probability_weights: Sequence[float] = ()
    length_weights: Sequence[float] = ()
    known: float = -3.0
    sure: float = 0.5

    def scaled(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits ``[N, labels]`` of sketches of ``lengths [N]`` rows, divided by their temperatures."""
        if not self.logit_weights:
            return apply_inverse_temperature(logits, torch.full((len(logits),), self.log_inverse_temperature))
        weights = torch.tensor(
            [*self.logit_weights, *self.probability_weights, *self.length_weights], dtype=logits.dtype
        )
        features = calibration_features(logits[:, : len(self.logit_weights)], lengths)
        return apply_inverse_temperature(logits, self.log_inverse_temperature + features @ weights)

    @property
    def is_valid(self) -> bool:
        """Return true if every number is finite and every label has one of each weight."""
        weights = (self.logit_weights, self.probability_weights, self.length_weights)
        numbers = [
            self.log_inverse_temperature,
            *(number for each in weights for number in each),
            self.known,
            self.sure,
        ]
        return len({len(each) for each in weights}) == 1 and all(
            type(each) in (int, float) and bool(np.isfinite(each)) for each in numbers
        )


def calibration_features(logits: Tensor, lengths: Tensor) -> Tensor:
    """Return logits, probabilities, and probabilities times log length: ``[N, L]`` and ``[N]`` to ``[N, 3 L]``."""
    probabilities = F.softmax(logits, dim=-1)
    log_length = (lengths / TYPICAL_LENGTH).log().unsqueeze(1)
    return torch.cat([logits, probabilities, probabilities * log_length], dim=1)


def apply_inverse_temperature(logits: Tensor, log_inverse_temperature: Tensor) -> Tensor:
    """Multiply each row of ``logits [N, L]`` by e to its ``log_inverse_temperature [N]``, kept within bounds."""
    bounded = log_inverse_temperature.clamp(-MAX_LOG_INVERSE_TEMPERATURE, MAX_LOG_INVERSE_TEMPERATURE)
    return logits * bounded.exp().unsqueeze(1)


def in_distribution_scores(logits: Tensor, offered_labels: list[int]) -> Tensor:
    """Return the log probability that a sketch is of any offered category, ``[N]``."""
    return torch.logsumexp(F.log_softmax(logits, dim=-1)[:, offered_labels], dim=-1)
