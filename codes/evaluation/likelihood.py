"""Nats per point of trained decoders, on sketches that they never saw. Knows nothing of routers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import log

import torch
from torch import Tensor

from codes.checkpoints.part import PartConfig
from codes.evaluation.prefixes import batches_by_length
from codes.model.vae import SketchVAE
from codes.strokes.stroke3 import AnyStroke3
from codes.training.objectives import PointNats, prefix_lengths


@dataclass(frozen=True)
class Nats:
    """Hold nats per point, and over how many points they were taken.

    Attributes:
        total: offset and pen.
        offset: of the offsets in model units.
        offset_pixels: of the offsets in QuickDraw pixels; comparable between models of different scales.
        pen: of the pen states.
        points: rows counted.
    """

    total: float
    offset: float
    offset_pixels: float
    pen: float
    points: int

    @property
    def pixels(self) -> float:
        """Return the nats of offsets in pixels and of pen states together."""
        return self.offset_pixels + self.pen


@dataclass(frozen=True)
class DecoderQuality:
    """Say how likely test sketches are under a category's VAE.

    Attributes:
        sketches: how many it was tested on.
        whole: entire sketches, z inferred from each; the KL divergence comes on top.
        kl: nats per point that z costs; ``whole.total + kl`` is an upper bound on the negative log-likelihood.
        without_latent: entire sketches with z = 0.
        continuation: what follows the prefix, z inferred from the prefix.
        continuation_zero: what follows the prefix, with z = 0.
    """

    sketches: int
    whole: Nats
    kl: float
    without_latent: Nats
    continuation: Nats
    continuation_zero: Nats

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self)


@torch.no_grad()
def decoder_quality(
    vae: SketchVAE, config: PartConfig, sketches: Sequence[AnyStroke3], fraction: float
) -> DecoderQuality:
    """Measure how likely sketches are under a category's VAE.

    Args:
        vae: the model.
        config: of its part; has the scale of its units.
        sketches: stroke-3 in QuickDraw pixels.
        fraction: share of the points that prefixes have.
    """
    whole, zero, after, after_zero = (_NatSums() for _ in range(4))
    divergence = 0.0
    for batch in batches_by_length(config.normaliser, sketches):
        prefix = prefix_lengths(batch.lengths, fraction)
        rest = batch.lengths - prefix
        posterior = vae.encode(batch.points, batch.lengths)
        from_prefix = vae.encode(batch.points, prefix).mean
        unguided = PointNats.of(vae(batch.points, batch.lengths, torch.zeros_like(posterior.mean)), batch)
        whole.add(PointNats.of(vae(batch.points, batch.lengths, posterior.mean), batch), batch.lengths)
        zero.add(unguided, batch.lengths)
        after.add(PointNats.of(vae(batch.points, batch.lengths, from_prefix), batch).after(prefix), rest)
        after_zero.add(unguided.after(prefix), rest)
        divergence += float(posterior.kl().sum()) * posterior.mean.shape[1]
    parts = [sums.nats(config.scale) for sums in (whole, zero, after, after_zero)]
    return DecoderQuality(len(sketches), parts[0], divergence / max(1, whole.points), *parts[1:])


class _NatSums:
    """Add up nats and points."""

    def __init__(self) -> None:
        self.offset = self.pen = 0.0
        self.points = 0

    def add(self, nats: PointNats, points: Tensor) -> None:
        self.offset += float(nats.offset.sum())
        self.pen += float(nats.pen.sum())
        self.points += int(points.sum())

    def nats(self, scale: float) -> Nats:
        count = max(1, self.points)
        offset, pen = self.offset / count, self.pen / count
        return Nats(offset + pen, offset, offset + 2 * log(scale), pen, self.points)
