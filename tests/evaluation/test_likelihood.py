"""Nats per point, against a slow way to them."""

from __future__ import annotations

import math

import pytest
import torch

from codes.checkpoints.part import PartConfig
from codes.data.batches import collate
from codes.evaluation import prefixes
from codes.evaluation.likelihood import decoder_quality
from codes.training.objectives import PointNats
from tests.support.worlds import SCALE, TINY_VAE, doodles, stirred_vae

DRAW = PartConfig("decoder", TINY_VAE.to_dict(), SCALE, ["circle"])


@pytest.mark.parametrize("fraction", [0.25, 0.35, 0.5, 1.0])
def test_nats_a_point_are_all_nats_over_all_rows(fraction, monkeypatch):
    """One sketch at a time, cut by Python's own rounding; in batches of four."""
    monkeypatch.setattr(prefixes, "BATCH_SIZE", 4)
    vae, sketches = stirred_vae(), doodles(11, seed=5)
    names = ("whole", "without_latent", "continuation", "continuation_zero")
    offset, pen, rows = (dict.fromkeys(names, 0.0) for _ in range(3))
    divergence = 0.0
    for sketch in sketches:
        batch = collate([DRAW.normaliser.apply(sketch)], [0])
        prefix = max(1, round(fraction * len(sketch)))
        posterior = vae.encode(batch.points, batch.lengths)
        begun = vae.encode(batch.points, torch.tensor([prefix])).mean
        codes = (posterior.mean, torch.zeros(1, 4), begun, torch.zeros(1, 4))
        for name, z, start in zip(names, codes, (0, 0, prefix, prefix), strict=True):
            nats = PointNats.of(vae(batch.points, batch.lengths, z), batch)
            offset[name] += float(nats.offset[0, start:].sum())
            pen[name] += float(nats.pen[0, start:].sum())
            rows[name] += len(sketch) - start
        divergence += 4 * float(posterior.kl())
    measured = decoder_quality(vae, DRAW, sketches, fraction)
    assert measured.sketches == 11
    assert measured.kl == pytest.approx(divergence / rows["whole"], rel=1e-4)
    for name in names:
        found, count = getattr(measured, name), max(1, rows[name])
        assert found.points == rows[name]
        assert found.offset == pytest.approx(offset[name] / count, rel=1e-4, abs=1e-6)
        assert found.pen == pytest.approx(pen[name] / count, rel=1e-4)
        assert found.total == pytest.approx(found.offset + found.pen)
        assert found.offset_pixels == pytest.approx(found.offset + math.log(SCALE**2))
        assert found.pixels == pytest.approx(found.offset_pixels + found.pen)
