"""The usual way is a faithful Sketch-RNN, by independent formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import distributions

from benchmarks.speed.reference import (
    ReferenceRouter,
    ReferenceTraining,
    ReferenceVAE,
    continue_sketch,
    mixture_log_density,
    padded,
    reconstruction,
    sample_point,
)
from tests.benchmarks.speed.conftest import TINY_SIZES, tiny_corpus


def test_the_references_density_is_the_mixtures():
    """Against torch's own distributions."""
    torch.manual_seed(0)
    mixture, offset = torch.randn(3, 4, 12, dtype=torch.float64), torch.randn(3, 4, 2, dtype=torch.float64)
    weights, mean_x, mean_y, log_x, log_y, raw = mixture.chunk(6, dim=-1)
    rho, sd_x, sd_y = torch.tanh(raw) * 0.999, log_x.exp(), log_y.exp()
    rows = [torch.stack([sd_x**2, rho * sd_x * sd_y], -1), torch.stack([rho * sd_x * sd_y, sd_y**2], -1)]
    parts = distributions.MultivariateNormal(torch.stack([mean_x, mean_y], -1), torch.stack(rows, -2))
    expected = distributions.MixtureSameFamily(distributions.Categorical(logits=weights), parts).log_prob(offset)
    torch.testing.assert_close(mixture_log_density(mixture, offset), expected)


def test_the_reference_counts_offsets_of_rows_alone_and_pens_of_the_padding_too():
    torch.manual_seed(0)
    points, lengths = padded(tiny_corpus().sketches, TINY_SIZES.rows)
    targets, outputs = points[:, 1:], torch.randn(4, TINY_SIZES.rows, 15)
    whole = reconstruction(outputs, targets, lengths)
    nowhere = torch.where(targets[..., 4:] == 1, 9.0, targets[..., :2])
    torch.testing.assert_close(reconstruction(outputs, torch.cat([nowhere, targets[..., 2:]], -1), lengths), whole)
    other = outputs.clone()
    other[:, 25:, 2] += 3.0
    assert not torch.isclose(reconstruction(other, targets, lengths), whole)


def test_padding_begins_with_the_start_row_and_ends_with_ends():
    points, lengths = padded(tiny_corpus().sketches, TINY_SIZES.rows)
    assert points.shape == (4, TINY_SIZES.rows + 1, 5)
    assert points[0, 0].tolist() == [0, 0, 1, 0, 0]
    assert lengths.tolist() == [5, 12, 30, 20]
    assert points[0, 6:, 4].all() and not points[0, :6, 4].any()
    assert (points[..., 2:].sum(-1) == 1).all()


@pytest.mark.parametrize("kind", ["vae", "router"])
def test_the_reference_learns(kind):
    torch.manual_seed(0)
    model = ReferenceVAE(TINY_SIZES) if kind == "vae" else ReferenceRouter(TINY_SIZES, 2)
    training = ReferenceTraining(model, tiny_corpus())
    training.optimiser.param_groups[0]["lr"] = 0.02
    losses = [training.step() for _ in range(40)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_the_reference_samples_from_its_mixture_at_a_temperature():
    """Both components and the correlation; the variance is the temperature's share of it."""
    rng = np.random.default_rng(0)
    outputs = np.array([0, 0, -50, 0, -50, 1, 0, -2, 0, 0, 0, math.log(2), 0, 0.5, 0], dtype=np.float32)
    points = np.array([sample_point(outputs, 0.25, rng) for _ in range(4000)])
    assert np.allclose(points[:, :2].mean(axis=0), [1, -2], atol=0.06)
    assert np.allclose(np.cov(points[:, :2].T), 0.25 * np.array([[1, 0.923], [0.923, 4]]), atol=0.06)
    assert abs(points[:, 2].mean() - 0.5) < 0.04 and not points[:, 4].any()


def test_the_reference_stops_where_the_sketch_ends():
    model = ReferenceVAE(TINY_SIZES).requires_grad_(False)
    model.decoder.output.bias[2] = 50.0
    drawn = continue_sketch(model, tiny_corpus().sketches[1], 9, 0.4, np.random.default_rng(0))
    assert len(drawn) == 1 and drawn[0, 4] == 1
