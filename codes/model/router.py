"""Features to logits, and the router that joins them to the shared encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.config import RouterConfig
from codes.model.encoder import Encoder
from codes.model.image_encoder import ImageEncoder
from codes.model.lstm import drop


class Classifier(nn.Module):
    """Two fully connected layers with an activation between them."""

    def __init__(self, features: int, hidden: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.inner = nn.Linear(features, hidden)
        self.outer = nn.Linear(hidden, labels)

    def hidden(self, features: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """``[B, F]`` to what the logits are made of, ``[B, hidden]``."""
        return torch.relu(self.inner(drop(features, self.dropout, rng)))

    def forward(self, features: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """``[B, F]`` to logits ``[B, labels]``."""
        logits: Tensor = self.outer(drop(self.hidden(features, rng), self.dropout, rng))
        return logits


class RouterNet(nn.Module):
    """The shared encoder of all categories, of strokes and of their picture, with its classifier."""

    def __init__(self, config: RouterConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder)
        self.raster = ImageEncoder(config.raster)
        self.classifier = Classifier(config.features, config.hidden, config.labels, config.dropout)

    def forward(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """The first ``lengths [B]`` rows of ``points [B, T, 5]`` to logits ``[B, labels]``, float32."""
        logits: Tensor = self.classifier(self.features(points, lengths, rng), rng)
        return logits.float()

    def features(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """What the strokes and their picture say, ``[B, F]``."""
        return torch.cat([self.encoder(points, lengths, rng), self.raster(points, lengths)], dim=-1)
