"""Features to logits, and the router that joins them to the shared encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.cells import drop
from codes.model.config import RouterConfig
from codes.model.encoder import Encoder
from codes.model.raster import RasterEncoder


class Classifier(nn.Module):
    """Two fully connected layers with an activation between them."""

    def __init__(self, config: RouterConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.inner = nn.Linear(config.encoder.features + config.raster.features, config.hidden)
        self.outer = nn.Linear(config.hidden, config.labels)

    def forward(self, features: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """``[B, F]`` to logits ``[B, labels]``."""
        hidden = torch.relu(self.inner(drop(features, self.dropout, rng)))
        logits: Tensor = self.outer(drop(hidden, self.dropout, rng))
        return logits


class RouterNet(nn.Module):
    """The shared encoder of all categories, of strokes and of their picture, with its classifier."""

    def __init__(self, config: RouterConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder)
        self.raster = RasterEncoder(config.raster)
        self.classifier = Classifier(config)

    def forward(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """The first ``lengths [B]`` rows of ``points [B, T, 5]`` to logits ``[B, labels]``, float32."""
        features = [self.encoder(points, lengths, rng), self.raster(points, lengths)]
        logits: Tensor = self.classifier(torch.cat(features, dim=-1), rng)
        return logits.float()
