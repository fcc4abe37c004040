"""The distribution of the next point, against torch.distributions and against its own samples."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from codes.model.mixture import (
    PointDistribution,
    apply_temperature,
    draw_noise,
    greedy_noise,
    noise_parts,
    outputs_for,
)
from tests.support.worlds import generator

MIXTURES = 3
PARTS = 100  # of a cell's side, in a sum that stands for an integral


def distribution(*shape: int, seed: int = 0, size: float = 1.0) -> PointDistribution:
    outputs = torch.randn(*shape, outputs_for(MIXTURES), generator=generator(seed)) * size
    return PointDistribution.from_outputs(outputs)


def made_of(
    weights: torch.Tensor, mean: torch.Tensor, log_sd: torch.Tensor, atanh_rho: torch.Tensor, pen: torch.Tensor
) -> PointDistribution:
    """Return the distribution of these parts, named as the properties of the class."""
    mixture = torch.cat([weights.unsqueeze(-2), mean.mT, log_sd.mT, atanh_rho.unsqueeze(-2)], dim=-2)
    return PointDistribution(torch.cat([pen, mixture.flatten(-2)], dim=-1))


def oracle(ours: PointDistribution) -> MixtureSameFamily:
    """Return the same mixture in float64, written with covariances."""
    weights, mean, sd = ours.weights.double().softmax(dim=-1), ours.mean.double(), ours.log_sd.double().exp()
    rho = torch.tanh(ours.atanh_rho.double())
    across = rho * sd[..., 0] * sd[..., 1]
    variance = sd.square()
    covariance = torch.stack(
        [torch.stack([variance[..., 0], across], dim=-1), torch.stack([across, variance[..., 1]], dim=-1)], dim=-2
    )
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(mean, covariance))


def samples(ours: PointDistribution, count: int, seed: int = 1, temperature: float = 1.0) -> torch.Tensor:
    """Draw samples ``[count, 5]`` of one distribution."""
    noise = draw_noise(count, ours.weights.shape[-1], [generator(seed)])[0]
    return PointDistribution(ours.outputs.expand(count, -1)).sample(apply_temperature(noise, temperatures(temperature)))


def temperatures(temperature: float) -> torch.Tensor:
    """Return one temperature for all."""
    return torch.tensor(temperature, dtype=torch.float64)


def wide() -> PointDistribution:
    """Return two well separated components with correlation."""
    return made_of(
        weights=torch.tensor([0.3, 0.7]).log(),
        mean=torch.tensor([[-4.0, 1.0], [5.0, -2.0]]),
        log_sd=torch.tensor([[0.5, 0.2], [0.8, 1.5]]).log(),
        atanh_rho=torch.tensor([1.2, -0.6]),
        pen=torch.tensor([0.6, 0.3, 0.1]).log(),
    )


@pytest.mark.parametrize("size", [0.3, 1.0, 2.0])
def test_log_density_is_that_of_torch_distributions(size):
    ours = distribution(40, 5, size=size)
    offsets = torch.randn(40, 5, 2, generator=generator(7)) * 2
    expected = oracle(ours).log_prob(offsets.double())
    torch.testing.assert_close(ours.log_prob_offset(offsets).double(), expected, rtol=2e-4, atol=2e-4)


def test_the_density_adds_up_to_one():
    ours = distribution(seed=4, size=0.5)
    axis = torch.linspace(-15, 15, 601)
    grid = torch.cartesian_prod(axis, axis)
    mass = ours.log_prob_offset(grid).double().exp().sum() * (30 / 600) ** 2
    assert float(mass) == pytest.approx(1.0, abs=1e-3)


def test_samples_have_the_moments_of_the_density():
    ours = wide()
    offsets = samples(ours, 60_000)[:, :2].double()
    reference = oracle(ours)
    weights, means = reference.mixture_distribution.probs, reference.component_distribution.mean
    spread = reference.component_distribution.covariance_matrix
    away = means - reference.mean
    covariance = (weights[:, None, None] * (spread + away[:, :, None] * away[:, None, :])).sum(dim=0)
    torch.testing.assert_close(offsets.mean(dim=0), reference.mean, rtol=0, atol=0.1)
    torch.testing.assert_close(torch.cov(offsets.T), covariance, rtol=0.03, atol=0.1)


def test_samples_fall_where_the_density_says():
    """A chi-square test over a grid: the shares of samples against the integral of ``log_prob_offset``."""
    ours = wide()
    offsets = samples(ours, 40_000).numpy()[:, :2]
    edges = [np.array([-9.0, -5, -4.5, -4, -3.5, -3, 4, 5, 6, 9]), np.array([-9.0, -4, -2, -1, 0.5, 1, 1.5, 6])]
    observed = np.histogram2d(offsets[:, 0], offsets[:, 1], bins=edges)[0].ravel()
    fine = [np.concatenate([np.linspace(a, b, PARTS, endpoint=False) + (b - a) / (2 * PARTS) for a, b in pairwise(e)])
            for e in edges]  # fmt: skip
    grid = torch.from_numpy(np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1))
    areas = np.outer(*(np.repeat(np.diff(e) / PARTS, PARTS) for e in edges))
    mass = ours.log_prob_offset(grid).exp().numpy() * areas
    expected = mass.reshape(len(edges[0]) - 1, PARTS, -1, PARTS).sum(axis=(1, 3)).ravel() * 40_000
    enough = expected > 10
    observed = np.append(observed[enough], 40_000 - observed[enough].sum())
    expected = np.append(expected[enough], 40_000 - expected[enough].sum())
    assert enough.sum() > 15
    assert chisquare(observed, expected).pvalue > 1e-3


def test_pens_and_components_are_drawn_as_often_as_they_weigh():
    """Half-precision weights once summed below 1: "error sampling pi index"."""
    points = samples(wide(), 50_000)
    assert points[:, 2:].mean(dim=0).tolist() == pytest.approx([0.6, 0.3, 0.1], abs=0.01)
    assert (points[:, 2:].sum(dim=-1) == 1).all()
    assert float((points[:, 0] < 0).float().mean()) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_outputs_in_half_precision_can_be_sampled(dtype):
    outputs = (torch.randn(5000, outputs_for(20), generator=generator()) * 3).to(dtype)
    ours = PointDistribution.from_outputs(outputs)
    assert ours.weights.dtype == torch.float32
    points = ours.sample(draw_noise(5000, 20, [generator()])[0])
    assert points.isfinite().all()
    assert (points[:, 2:].sum(dim=-1) == 1).all()


def test_one_certain_component_is_always_drawn():
    weights = torch.full((20,), -math.inf)
    weights[13] = 0.0
    mean = torch.arange(20.0).unsqueeze(-1).expand(20, 2)
    certain = made_of(weights, mean, torch.full((20, 2), -20.0), torch.zeros(20), torch.zeros(3).log_softmax(0))
    torch.testing.assert_close(samples(certain, 500)[:, :2], torch.full((500, 2), 13.0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.01, 0.1, 0.4, 1.0, 1.7])
def test_a_temperature_divides_logits_and_multiplies_the_variance(temperature):
    """Of the pen's logits it is the eighth root: with the paper's law drawings hardly ever ended (docs/log.md)."""
    ours, noise = distribution(2000), draw_noise(2000, MIXTURES, [generator(9)])[0]
    pen = ours.pen / min(temperature**0.125, 20 * temperature)
    sharp = made_of(
        ours.weights / temperature, ours.mean, ours.log_sd + 0.5 * math.log(temperature), ours.atanh_rho, pen
    )
    torch.testing.assert_close(
        ours.sample(apply_temperature(noise, temperatures(temperature))), sharp.sample(noise), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("temperature", [1e-8, 1e-30, 1e-300, 0.0])
def test_the_coldest_is_the_likeliest_and_no_temperature_overflows(temperature):
    ours = wide()
    points = samples(ours, 200, temperature=temperature)
    assert points.isfinite().all()
    torch.testing.assert_close(points[:, :2], ours.mean[1].expand(200, 2), rtol=0, atol=0.3)
    assert points[:, 2:].tolist() == [[1.0, 0.0, 0.0]] * 200


def test_at_temperature_0_no_noise_is_left_not_even_an_infinite_one():
    noise = torch.full((2, sum(noise_parts(MIXTURES))), -math.inf)
    cold = apply_temperature(noise, torch.tensor([0.0, 0.0], dtype=torch.float64))
    assert torch.equal(cold[0], greedy_noise(MIXTURES)) and cold.isfinite().all()


@pytest.mark.parametrize("atanh_rho", [30.0, -30.0, 12.0, 0.0])
@pytest.mark.parametrize("log_sd", [-12.0, 0.0, 12.0])
def test_extreme_outputs_stay_finite_without_clamps(atanh_rho, log_sd):
    """The density was once computed in linear space with ``nan_to_num`` and 1e-5."""
    outputs = torch.zeros(4, outputs_for(MIXTURES), requires_grad=True)
    parts = PointDistribution.from_outputs(outputs + 0.0)
    ours = made_of(parts.weights, parts.mean, parts.log_sd + log_sd, parts.atanh_rho + atanh_rho, parts.pen)
    offsets = torch.tensor([[0.0, 0], [1e-6, -1e-6], [0.5, 0.25], [3.0, 3.0]])
    density = ours.log_prob_offset(offsets)
    assert density.isfinite().all()
    density.sum().backward()
    assert outputs.grad.isfinite().all()
    assert ours.sample(draw_noise(4, MIXTURES, [generator()])[0]).isfinite().all()


@pytest.mark.parametrize("atanh_rho", [-9.0, 9.0])
def test_the_density_of_strong_correlation_is_exact_on_its_ridge(atanh_rho):
    ours = made_of(torch.zeros(1), torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([atanh_rho]), torch.zeros(3))
    expected = math.log(math.cosh(atanh_rho)) - math.log(2 * math.pi) - 0.5
    offset = torch.tensor([1.0, math.tanh(atanh_rho)], dtype=torch.float64)
    assert float(ours.log_prob_offset(offset)) == pytest.approx(expected, abs=1e-4)


def test_a_nan_is_not_hidden():
    outputs = torch.zeros(3, outputs_for(MIXTURES))
    outputs[1] = math.nan
    ours = PointDistribution.from_outputs(outputs)
    assert ours.log_prob_offset(torch.zeros(3, 2)).isnan().tolist() == [False, True, False]
    assert ours.log_prob_pen(torch.eye(3)).isnan().tolist() == [False, True, False]
    offsets = torch.tensor([[0.0, 0], [0, 0], [math.nan, 0]])
    assert ours.log_prob_offset(offsets).isnan().tolist() == [False, True, True]


def test_pen_log_probability():
    states = torch.eye(3)
    expected = Categorical(logits=wide().pen).log_prob(torch.arange(3))
    torch.testing.assert_close(wide().log_prob_pen(states), expected)


def test_a_distribution_is_immutable_and_a_sample_is_a_function_of_its_noise():
    ours = distribution(4)
    with pytest.raises(FrozenInstanceError):
        ours.outputs = ours.outputs
    noise = draw_noise(4, MIXTURES, [generator(3)])[0]
    before, kept = ours.outputs.clone(), noise.clone()
    assert torch.equal(ours.sample(noise), ours.sample(noise))
    ours.sample(apply_temperature(noise, temperatures(0.3)))
    assert torch.equal(ours.outputs, before)
    assert torch.equal(noise, kept)


def test_noise_is_gumbel_logistic_uniform_and_normal_in_its_columns():
    noise = draw_noise(40_000, MIXTURES, [generator(11)])[0]
    weights, pen, logistic, choice, inverse_temperature, normal = torch.split(noise, noise_parts(MIXTURES), dim=-1)
    gumbel = torch.cat([weights, pen], dim=-1)
    assert gumbel.mean(dim=0).tolist() == pytest.approx([0.57722] * (MIXTURES + 3), abs=0.03)
    assert gumbel.var(dim=0).tolist() == pytest.approx([math.pi**2 / 6] * (MIXTURES + 3), rel=0.05)
    assert float((logistic < 1).float().mean()) == pytest.approx(1 / (1 + math.exp(-1)), abs=0.01)
    assert np.histogram(choice, bins=10, range=(0, 1))[0] / 40_000 == pytest.approx([0.1] * 10, abs=0.01)
    assert (inverse_temperature == 1).all()
    assert normal.mean(dim=0).tolist() == pytest.approx([0, 0], abs=0.02)
    torch.testing.assert_close(torch.cov(normal.T), torch.eye(2), rtol=0.03, atol=0.02)
    assert float((normal.abs() < 1).float().mean()) == pytest.approx(0.6827, abs=0.01)


def test_noise_of_more_steps_begins_with_that_of_fewer():
    """So ``max_points`` cuts a drawing off and changes nothing before."""
    assert torch.equal(draw_noise(500, 20, [generator(1)])[0][:7], draw_noise(7, 20, [generator(1)])[0])


def test_each_may_have_a_temperature_of_its_own():
    noise, temperatures = draw_noise(3, 4, [generator(5)])[0], torch.tensor([0.1, 0.4, 1.0], dtype=torch.float64)
    for row, temperature in enumerate(temperatures):
        assert torch.equal(apply_temperature(noise, temperatures)[row], apply_temperature(noise[row], temperature))
