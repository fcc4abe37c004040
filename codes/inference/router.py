"""Sketches to routes: what each is, how sure that is, and whether it is anything known. Deterministic.

Knows the router's network and its calibration; knows no decoders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from codes.checkpoints.bundle import check_category
from codes.checkpoints.part import PartConfig
from codes.data.batches import collate
from codes.inference.options import Decision, Route, check_names
from codes.model.calibration import Calibration, in_distribution_scores
from codes.model.router import RouterNet
from codes.strokes.geometry import in_quickdraw_pixels
from codes.strokes.stroke3 import Sketch

Pixels = NDArray[np.float64]
ROUTER_BATCH = 256  # sketches
LIKE_LENGTHS = 64  # sketches of a batch that are read together


def model_input(sketch: Sketch) -> Pixels:
    """Return a sketch as models see it: stroke-3 ``[n, 3]`` in QuickDraw pixels, simplified as the training data is."""
    return in_quickdraw_pixels(sketch).points


@dataclass(frozen=True)
class RouterFeatures:
    """Hold the shared encoder's output.

    Attributes:
        features: ``[N, F]``.
        lengths: ``[N]`` rows of each sketch.
    """

    features: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)


class Router:
    """Classify sketches with the shared encoder and classifier of a bundle, calibrated."""

    def __init__(self, net: RouterNet, config: PartConfig, categories: Sequence[str]) -> None:
        self.net = net
        self.normaliser = config.normaliser
        self.calibration = Calibration(**config.calibration)
        self.categories = tuple(categories)
        self.offered_labels = [config.categories.index(category) for category in categories]

    def classify(self, sketches: Sequence[Sketch], only: Sequence[str] = ()) -> list[Route]:
        """Return a route for each sketch, which may be ``only`` one of these categories if there are any."""
        encoded = self.encode([model_input(sketch) for sketch in sketches])
        return [self.among(route, only) for features in encoded for route in self.decide(features)]

    def among(self, route: Route, only: Sequence[str]) -> Route:
        """Return the route of a sketch that is one of these categories, if there are any.

        Whether it is anything known at all was decided before; that it can be no other only makes it surer.

        Raises:
            ModelNotFound: a name is none of the categories.
            BadOption: it is no list.
        """
        if not only:
            return route
        check_names(only)
        wanted = set(only)
        for name in only:
            if name not in route.probabilities:
                check_category(name, self.categories)
        kept = {name: each for name, each in route.probabilities.items() if name in wanted}
        total = sum(kept.values())
        probabilities = {name: each / total if total else 1 / len(kept) for name, each in kept.items()}
        category = next(iter(probabilities))
        decision = self._decision(probabilities[category], route.known_score)
        return Route(category, probabilities, decision, route.known_score)

    def encode(self, prefixes: Sequence[Pixels]) -> Iterator[RouterFeatures]:
        """Yield the features of model inputs ``[n, 3]``, :data:`ROUTER_BATCH` at a time and in order."""
        return (self._encode(prefixes[start : start + ROUTER_BATCH]) for start in range(0, len(prefixes), ROUTER_BATCH))

    @torch.no_grad()
    def _encode(self, prefixes: Sequence[Pixels]) -> RouterFeatures:
        """Return the features; sketches of like length are read together, so that little time is spent on padding."""
        batch = collate([self.normaliser.apply(rows) for rows in prefixes], [0] * len(prefixes))
        order = batch.lengths.argsort()
        parts = [batch.select(rows) for rows in torch.split(order, LIKE_LENGTHS)]
        features = [self.net.features(part.points[:, : int(part.lengths.max())], part.lengths) for part in parts]
        return RouterFeatures(torch.cat(features)[order.argsort()], batch.lengths)

    @torch.no_grad()
    def decide(self, encoded: RouterFeatures) -> list[Route]:
        """Return the route that follows from each sketch's features."""
        logits = self.calibration.scaled(self.net.classifier(encoded.features).float(), encoded.lengths)
        scores = in_distribution_scores(logits, self.offered_labels)
        probabilities = F.softmax(logits[:, self.offered_labels], dim=-1)
        return [self._route(row, float(score)) for row, score in zip(probabilities, scores, strict=True)]

    def _route(self, row: Tensor, score: float) -> Route:
        order = row.argsort(descending=True, stable=True).tolist()
        probabilities = {self.categories[i]: float(row[i]) for i in order}
        category = self.categories[order[0]]
        return Route(category, probabilities, self._decision(probabilities[category], score), score)

    def _decision(self, probability: float, score: float) -> Decision:
        if score < self.calibration.known:
            return "unknown"
        return "known" if probability >= self.calibration.sure else "unsure"
