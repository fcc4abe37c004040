"""Calibration finds what it should, against slow or known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from codes.model.calibration import known_scores
from codes.training.calibrate import (
    Shown,
    calibrate,
    expected_calibration_error,
    fit_temperature,
    fit_temperatures,
    logits_of_prefixes,
)
from tests.helpers import batch_of, generator


def overconfident(count: int, times: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are right about their chances when divided by ``times``."""
    logits = torch.randn(count, 4, generator=generator(1)) * 2
    labels = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator(2)).squeeze(1)
    return logits * times, labels


@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(times):
    logits, labels = overconfident(20_000, times)
    assert fit_temperature(logits, labels) == pytest.approx(times, rel=0.06)


def test_at_the_temperature_it_is_as_sure_as_it_is_right():
    logits, labels = overconfident(500, 2.0)
    chances = F.softmax(logits / fit_temperature(logits, labels), dim=-1)
    right = (logits.argmax(dim=-1) == labels).float().mean()
    torch.testing.assert_close(chances.amax(dim=-1).mean(), right, atol=1e-4, rtol=0)


def test_one_that_is_always_right_may_be_sure_and_one_that_never_is_may_not():
    logits = torch.randn(50, 4, generator=generator(5))
    assert fit_temperature(logits, logits.argmax(dim=-1)) == pytest.approx(0.1)
    assert fit_temperature(logits, logits.argmin(dim=-1)) == pytest.approx(10.0)


def shown_of(count: int, few: float, many: float) -> Shown:
    """Sketches of 5 rows that are overconfident by one factor, and of 80 rows by another."""
    short, long = (overconfident(count, times) for times in (few, many))
    lengths = torch.tensor([5, 80]).repeat_interleave(count)
    return Shown(*(torch.cat(pair) for pair in zip(short, long, strict=True)), lengths)


def test_each_amount_seen_has_its_own_temperature():
    fitted = fit_temperatures(shown_of(20_000, 3.0, 0.5))
    assert fitted.sensible
    scaled = fitted.scaled(torch.ones(3, 1), torch.tensor([1, 5, 300])).squeeze(1)
    assert scaled.tolist() == pytest.approx([1 / 3, 1 / 3, 2.0], rel=0.1)
    between = float(fitted.scaled(torch.ones(1, 1), torch.tensor([20])))
    assert 1 / 3 < between < 2.0


def test_few_sketches_get_one_temperature():
    logits, labels = overconfident(30, 2.0)
    fitted = fit_temperatures(Shown(logits, labels, torch.arange(1, 31)))
    assert list(fitted.temperatures) == [pytest.approx(fit_temperature(logits, labels))]


def test_nineteen_in_twenty_known_sketches_are_accepted():
    shown = shown_of(2000, 1.5, 0.8)
    settled = calibrate(shown, [0, 2])
    mine = shown.where((shown.labels == 0) | (shown.labels == 2))
    scores = known_scores(settled.scaled(mine.logits, mine.lengths), [0, 2])
    assert float((scores >= settled.known).float().mean()) == pytest.approx(0.95, abs=0.01)


def test_the_calibration_error_is_that_of_a_slow_loop():
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([0.5] * 5, size=3000)
    chances[0] = [1, 0, 0, 0, 0]
    hits = rng.random(3000) < 0.6
    expected = 0.0
    top = chances.max(axis=1)
    for i in range(15):
        inside = (top >= i / 15) & ((top < (i + 1) / 15) | (i == 14))
        if inside.any():
            expected += inside.mean() * abs(top[inside].mean() - hits[inside].mean())
    assert expected_calibration_error(chances, hits) == pytest.approx(expected)
    assert expected_calibration_error(np.eye(3), np.ones(3, dtype=bool)) == 0.0


def test_prefixes_are_shown_at_four_fractions(router_net):
    batch = batch_of(5)
    shown = logits_of_prefixes(router_net, [batch])
    assert shown.logits.shape == (20, 3)
    assert shown.labels.tolist() == batch.labels.tolist() * 4
    for i, fraction in enumerate((0.25, 0.5, 0.75, 1.0)):
        kept = torch.tensor([max(1, round(fraction * n)) for n in batch.lengths.tolist()])
        assert torch.equal(shown.lengths[5 * i : 5 * i + 5], kept)
        torch.testing.assert_close(shown.logits[5 * i : 5 * i + 5], router_net(batch.points, kept))
