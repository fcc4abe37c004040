"""The router: a shared encoder of strokes and of their picture, and a classifier over its features.

Knows labels by number; knows neither their names nor how logits become a decision (:mod:`codes.model.calibration`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.config import RouterConfig
from codes.model.encoder import Encoder
from codes.model.image_encoder import ImageEncoder
from codes.model.lstm import drop


class Classifier(nn.Module):
    """Map features to logits with two fully connected layers and a ReLU between them."""

    def __init__(self, features: int, hidden: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.inner = nn.Linear(features, hidden)
        self.outer = nn.Linear(hidden, labels)

    def hidden(self, features: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Return the units of the hidden layer, ``[B, hidden]``, for features ``[B, F]``."""
        return torch.relu(self.inner(drop(features, self.dropout, rng)))

    def forward(self, features: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map features ``[B, F]`` to logits ``[B, labels]``."""
        logits: Tensor = self.outer(drop(self.hidden(features, rng), self.dropout, rng))
        return logits


class RouterNet(nn.Module):
    """Classify sketches and prefixes of all categories."""

    def __init__(self, config: RouterConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder)
        self.raster = ImageEncoder(config.raster)
        self.classifier = Classifier(config.features, config.hidden, config.labels, config.dropout)

    def forward(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Return logits ``[B, labels]``, float32, of the first ``lengths [B]`` rows of ``points [B, T, 5]``."""
        logits: Tensor = self.classifier(self.features(points, lengths, rng), rng)
        return logits.float()

    def features(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Return the features of the strokes and of their picture, ``[B, F]``."""
        return torch.cat([self.encoder(points, lengths, rng), self.raster(points, lengths)], dim=-1)
