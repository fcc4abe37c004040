"""Prefixes to routes: what each is, how sure that is, and whether it is anything known. Deterministic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from codes.checkpoints.part import PartConfig
from codes.data.batches import Batch, collate
from codes.inference.options import Decision, Route
from codes.model.calibration import Calibration, in_distribution_scores
from codes.model.router import RouterNet

Pixels = NDArray[np.float64]
TOGETHER = 256


@dataclass(frozen=True)
class RouterFeatures:
    """What the shared encoder makes of sketches: ``features [N, F]``, and how many rows they have, ``lengths [N]``."""

    features: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)


class Router:
    """The shared encoder and classifier of a bundle, with its calibration."""

    def __init__(self, net: RouterNet, config: PartConfig, categories: Sequence[str]) -> None:
        self.net = net
        self.normaliser = config.normaliser
        self.calibration = Calibration(**config.calibration)
        self.categories = tuple(categories)
        self.offered_labels = [config.categories.index(category) for category in categories]

    def routes(self, prefixes: Sequence[Pixels]) -> list[Route]:
        """A route for each prefix, given as stroke-3 rows ``[n, 3]`` in QuickDraw pixels."""
        return [route for look in self.encode(prefixes) for route in self.decide(look)]

    def encode(self, prefixes: Sequence[Pixels]) -> Iterator[RouterFeatures]:
        """What the shared encoder makes of them, :data:`TOGETHER` at a time and in order."""
        return (self._look(prefixes[start : start + TOGETHER]) for start in range(0, len(prefixes), TOGETHER))

    @torch.no_grad()
    def _look(self, prefixes: Sequence[Pixels]) -> RouterFeatures:
        batch: Batch = collate([self.normaliser.apply(rows) for rows in prefixes], [0] * len(prefixes))
        return RouterFeatures(self.net.features(batch.points, batch.lengths), batch.lengths)

    @torch.no_grad()
    def decide(self, look: RouterFeatures) -> list[Route]:
        """What follows from a look."""
        logits = self.calibration.scaled(self.net.classifier(look.features).float(), look.lengths)
        scores = in_distribution_scores(logits, self.offered_labels)
        chances = F.softmax(logits[:, self.offered_labels], dim=-1)
        return [self._route(row, float(score)) for row, score in zip(chances, scores, strict=True)]

    def _route(self, chances: Tensor, score: float) -> Route:
        order = chances.argsort(descending=True, stable=True).tolist()
        probabilities = {self.categories[i]: float(chances[i]) for i in order}
        category = self.categories[order[0]]
        return Route(category, probabilities, self._decision(probabilities[category], score), score)

    def _decision(self, probability: float, score: float) -> Decision:
        if score < self.calibration.known:
            return "unknown"
        return "known" if probability >= self.calibration.sure else "unsure"
