"""Calibration finds what it should, against slow or known answers."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from codes.building.calibration_fit import (
    PrefixLogits,
    calibrate,
    fit_temperature,
    prefix_logits,
)
from codes.model.calibration import calibration_features, in_distribution_scores
from tests.support.worlds import batch_of, generator


def overconfident(count: int, times: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are calibrated when divided by ``times``, with their labels."""
    logits = torch.randn(count, 4, generator=generator(1)) * 2
    labels = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator(2)).squeeze(1)
    return logits * times, labels


EVERY = [0, 1, 2, 3]


def factors(prefixes: PrefixLogits) -> torch.Tensor:
    """What the fitted calibration multiplies the logits of each sketch by."""
    scaled = fit_temperature(prefixes, EVERY, prefixes.labels).scaled(prefixes.logits, prefixes.lengths)
    return (scaled / prefixes.logits)[:, 0]


@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(times):
    logits, labels = overconfident(20_000, times)
    found = factors(PrefixLogits(logits, labels, torch.full((20_000,), 30)))
    assert found.mean().item() == pytest.approx(1 / times, rel=0.06)
    assert found.std().item() < 0.1 / times


def test_always_right_makes_logits_sharper_and_always_wrong_flatter():
    logits = torch.randn(50, 4, generator=generator(5))
    rows = torch.full((50,), 30)
    assert factors(PrefixLogits(logits, logits.argmax(dim=-1), rows)).mean() > 3
    assert factors(PrefixLogits(logits, logits.argmin(dim=-1), rows)).mean() < 0.2


def prefixes_of(count: int, few: float, many: float) -> PrefixLogits:
    """Sketches of 5 rows that are overconfident by one factor, and of 80 rows by another."""
    short, long = (overconfident(count, times) for times in (few, many))
    lengths = torch.tensor([5, 80]).repeat_interleave(count)
    return PrefixLogits(*(torch.cat(pair) for pair in zip(short, long, strict=True)), lengths)


def test_the_temperature_depends_on_how_much_was_seen():
    found = factors(prefixes_of(20_000, 2.0, 0.8))
    assert found[:20_000].mean().item() == pytest.approx(1 / 2.0, rel=0.15)
    assert found[20_000:].mean().item() == pytest.approx(1 / 0.8, rel=0.15)


def test_the_temperature_depends_on_what_a_sketch_is_taken_for():
    """Overconfident wherever the first label is likely, the background of no category on offer."""
    logits = torch.randn(20_000, 4, generator=generator(1)) * 2
    doubtful = logits[:, 0] > 0
    honest = torch.where(doubtful.unsqueeze(1), logits[:, 1:] / 2, logits[:, 1:])
    labels = torch.multinomial(honest.softmax(dim=-1), 1, generator=generator(2)).squeeze(1)
    prefixes = PrefixLogits(logits, labels + 1, torch.full((20_000,), 30))
    fitted = fit_temperature(prefixes, [1, 2, 3], labels)
    found = (fitted.scaled(logits, prefixes.lengths) / logits)[:, 1]
    assert found[doubtful].mean() < 0.8 * found[~doubtful].mean()


def test_the_temperature_depends_on_both_together():
    logits = torch.randn(40_000, 4, generator=generator(1)) * 3
    first, lengths = logits[:, :2].sum(dim=1) > logits[:, 2:].sum(dim=1), torch.tensor([5, 80]).repeat(20_000)
    doubtful = first == (lengths == 5)  # few rows of the first two, many of the others
    honest = torch.where(doubtful.unsqueeze(1), logits / 3, logits)
    labels = torch.multinomial(honest.softmax(dim=-1), 1, generator=generator(2)).squeeze(1)
    found = factors(PrefixLogits(logits, labels, lengths))
    for group in (first, ~first):
        assert found[group & doubtful].mean() < 0.7 * found[group & ~doubtful].mean()


def test_a_label_that_was_taught_afterwards_changes_no_other():
    prefixes = prefixes_of(500, 2.0, 0.8)
    fitted = fit_temperature(prefixes, EVERY, prefixes.labels)
    wider = torch.cat([prefixes.logits, torch.full((1000, 1), 7.0)], dim=1)
    assert torch.equal(fitted.scaled(wider, prefixes.lengths)[:, :4], fitted.scaled(prefixes.logits, prefixes.lengths))


def test_the_fit_is_where_cross_entropy_and_ridge_balance():
    """At the least of their sum the slope of the cross-entropy is minus that of the ridge, for every weight."""
    logits, labels = overconfident(300, 2.0)
    prefixes = PrefixLogits(logits, labels, torch.linspace(5, 80, 300).round().long())
    fitted = fit_temperature(prefixes, EVERY, labels)
    weights = torch.tensor([fitted.logit_weights, fitted.probability_weights, fitted.length_weights]).flatten()
    weights.requires_grad_(True)
    factors = (fitted.log_inverse_temperature + calibration_features(logits, prefixes.lengths) @ weights).exp()
    F.cross_entropy(logits * factors.unsqueeze(1), labels).backward()
    units = torch.tensor([5.0, 1.0, 1.0]).repeat_interleave(4)
    expected = -2 * 0.003 * weights.detach() * units**2
    torch.testing.assert_close(weights.grad, expected, atol=2e-4, rtol=0.02)
    assert expected.abs().max() > 0.002


def test_nineteen_in_twenty_known_sketches_are_accepted():
    prefixes = prefixes_of(2000, 1.5, 0.8)
    settled = calibrate(prefixes, [0, 2])
    offered = prefixes.select((prefixes.labels == 0) | (prefixes.labels == 2))
    scores = in_distribution_scores(settled.scaled(offered.logits, offered.lengths), [0, 2])
    assert float((scores >= settled.known).float().mean()) == pytest.approx(0.95, abs=0.01)


def test_every_sketch_is_classified_at_four_fractions(router_net):
    batch = batch_of(5)
    prefixes = prefix_logits(router_net, [batch])
    assert prefixes.logits.shape == (20, 3)
    assert prefixes.labels.tolist() == batch.labels.tolist() * 4
    for i, fraction in enumerate((0.25, 0.5, 0.75, 1.0)):
        kept = torch.tensor([max(1, round(fraction * n)) for n in batch.lengths.tolist()])
        assert torch.equal(prefixes.lengths[5 * i : 5 * i + 5], kept)
        torch.testing.assert_close(prefixes.logits[5 * i : 5 * i + 5], router_net(batch.points, kept))
