"""The variational autoencoder of a category: encoder, latent code, decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.config import VAEConfig
from codes.model.decoder import Decoder
from codes.model.encoder import Encoder
from codes.model.latent import LatentHead, Posterior
from codes.model.mixture import PointDistribution


class SketchVAE(nn.Module):
    """Sketch-RNN (Ha and Eck 2017, section 3.2)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder)
        self.latent = LatentHead(config.encoder.features, config.decoder.latent)
        self.decoder = Decoder(config.decoder)

    def encode(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Posterior:
        """What z a sketch, or the first ``lengths [B]`` rows of it, speaks for."""
        posterior: Posterior = self.latent(self.encoder(points, lengths, rng))
        return posterior

    def predict(
        self, points: Tensor, lengths: Tensor, z: Tensor, rng: torch.Generator | None = None
    ) -> PointDistribution:
        """Teacher forcing over whole sketches, see :meth:`Decoder.predict`; ``[B, T + 1]``."""
        return self.decoder.predict(points, lengths, z, rng)
