"""Averages over a whole split: sums over counts, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from codes.data.batches import Batch
from codes.training.objectives import Measures, Objective


class Tally:
    """Adds measures up; totals and counts are plain floats, so that they can be saved."""

    def __init__(self, sums: dict[str, list[float]] | None = None) -> None:
        self.sums = sums or {}

    def add(self, measures: Measures) -> None:
        """Take in one batch."""
        for name, measure in measures.items():
            total, count = self.sums.setdefault(name, [0.0, 0.0])
            self.sums[name] = [total + float(measure.total.detach()), count + float(measure.count)]

    def averages(self) -> dict[str, float]:
        """Each sum over its count; a measure that counted nothing is left out."""
        return {name: total / count for name, (total, count) in self.sums.items() if count}


@torch.no_grad()
def evaluate(objective: Objective, batches: Iterable[Batch], device: torch.device) -> dict[str, float]:
    """The objective's measures over all batches."""
    tally = Tally()
    for batch in batches:
        tally.add(objective.measure(batch.to(device)))
    return tally.averages()
