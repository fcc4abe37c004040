"""The posterior of z: its divergence, its samples, and that mean and deviation are not confused."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from codes.model.vae import LatentHead, Posterior
from tests.support.worlds import batch_of, generator


def test_the_divergence_is_that_of_torch_distributions():
    mean, log_var = torch.randn(2, 5, 7, generator=generator(), dtype=torch.float64)
    expected = kl_divergence(Normal(mean, (0.5 * log_var).exp()), Normal(torch.zeros(5, 7), torch.ones(5, 7)))
    torch.testing.assert_close(Posterior(mean, log_var).kl(), expected.mean(dim=-1))


def test_the_divergence_of_the_prior_is_zero():
    assert Posterior(torch.zeros(2, 3), torch.zeros(2, 3)).kl().tolist() == [0.0, 0.0]


def test_samples_have_the_mean_and_the_deviation_they_name():
    """Sampling once fed sigma to the decoder as z: a tuple unpacked in the wrong order."""
    mean, log_var = torch.tensor([[3.0, -2.0]]), torch.tensor([[-2.0, 1.0]])
    posterior = Posterior(mean.expand(40_000, 2), log_var.expand(40_000, 2))
    z = posterior.rsample(generator())
    assert z.mean(dim=0).tolist() == pytest.approx(mean[0].tolist(), abs=0.05)
    assert z.var(dim=0).tolist() == pytest.approx(log_var[0].exp().tolist(), rel=0.05)


def test_samples_are_a_function_of_their_generator_and_carry_gradients():
    mean, log_var = torch.zeros(3, 2, requires_grad=True), torch.zeros(3, 2, requires_grad=True)
    once, again = (Posterior(mean, log_var).rsample(generator(2)) for _ in range(2))
    assert torch.equal(once, again)
    once.sum().backward()
    assert mean.grad.tolist() == [[1.0, 1.0]] * 3
    torch.testing.assert_close(log_var.grad, 0.5 * again.detach())


def test_the_head_names_its_two_results():
    head = LatentHead(6, 4)
    with torch.no_grad():
        head.mean.bias.fill_(5.0)
        head.log_var.bias.fill_(-3.0)
    posterior = head(torch.zeros(2, 6))
    assert posterior.mean.unique().tolist() == [5.0]
    assert posterior.log_var.unique().tolist() == [-3.0]


def test_a_sketch_and_its_prefix_have_posteriors_of_their_own(vae):
    batch = batch_of(4)
    half = (batch.lengths // 2).clamp(min=1)
    whole, begun = vae.encode(batch.points, batch.lengths), vae.encode(batch.points, half)
    assert whole.mean.shape == whole.log_var.shape == (4, 4)
    assert not torch.allclose(whole.mean, begun.mean)
    for mode in (True, False):
        again = vae.train(mode).encode(batch.points, batch.lengths)
        assert torch.equal(again.mean, whole.mean)
        assert torch.equal(again.log_var, whole.log_var)


def test_prediction_begins_before_the_first_point_and_ends_after_the_last(vae):
    batch = batch_of(3)
    z = vae.encode(batch.points, batch.lengths).mean
    predicted = vae(batch.points, batch.lengths, z)
    assert predicted.pen.shape == (3, batch.points.shape[1] + 1, 3)
    moved = batch.points.clone()
    moved[:, 4:] += 1.0
    again = vae(moved, batch.lengths, z)
    assert torch.equal(again.mean[:, :5], predicted.mean[:, :5])
    assert not torch.allclose(again.mean[:, 5], predicted.mean[:, 5])
