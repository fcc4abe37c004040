"""The variational autoencoder of a category: encoder, latent code, decoder.

Knows how the three are joined and what a posterior is; knows no losses, no files and no devices.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from codes.model.config import VAEConfig
from codes.model.decoder import Decoder
from codes.model.encoder import Encoder
from codes.model.mixture import PointDistribution


class Posterior(NamedTuple):
    """Hold a diagonal Gaussian over z for each sketch; ``mean`` and ``log_var`` are ``[B, Z]``."""

    mean: Tensor
    log_var: Tensor

    def rsample(self, rng: torch.Generator) -> Tensor:
        """Draw z ``[B, Z]`` as ``mean + sd * noise``, differentiable in both."""
        noise = torch.randn(self.mean.shape, generator=rng, device=self.mean.device)
        return self.mean + torch.exp(0.5 * self.log_var) * noise

    def kl(self) -> Tensor:
        """Return the divergence from the standard normal in nats, averaged over the Z numbers; ``[B]``.

        (Ha and Eck 2017, equation 10.)
        """
        return -0.5 * (1 + self.log_var - self.mean.square() - self.log_var.exp()).mean(dim=-1)


class LatentHead(nn.Module):
    """Map features to the mean and the log variance of z, each linearly."""

    def __init__(self, features: int, latent: int) -> None:
        super().__init__()
        self.mean = nn.Linear(features, latent)
        self.log_var = nn.Linear(features, latent)
        for layer in (self.mean, self.log_var):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Posterior:
        """Map features ``[B, F]`` to a posterior over z, float32."""
        return Posterior(self.mean(features).float(), self.log_var(features).float())


class SketchVAE(nn.Module):
    """Encode sketches and draw them: a Sketch-RNN (Ha and Eck 2017, section 3.2)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder)
        self.latent = LatentHead(config.encoder.features, config.decoder.latent)
        self.decoder = Decoder(config.decoder)

    def encode(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Posterior:
        """Return the posterior of z given the first ``lengths [B]`` rows of ``points [B, T, 5]``."""
        posterior: Posterior = self.latent(self.encoder(points, lengths, rng))
        return posterior

    def forward(
        self, points: Tensor, lengths: Tensor, z: Tensor, rng: torch.Generator | None = None
    ) -> PointDistribution:
        """Predict whole sketches with teacher forcing, ``[B, T + 1]``; see :meth:`Decoder.forward`."""
        predicted: PointDistribution = self.decoder(points, lengths, z, rng)
        return predicted
