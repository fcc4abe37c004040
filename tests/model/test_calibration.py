"""Calibration: temperatures, in-distribution scores, and numbers that make no sense."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from codes.model.calibration import MAX_LOG_INVERSE_TEMPERATURE, TYPICAL_LENGTH, Calibration, in_distribution_scores
from tests.support.worlds import generator


def test_an_in_distribution_score_is_the_log_probability_of_all_offered_categories():
    logits = torch.randn(6, 5, generator=generator()) * 3
    chances = logits.softmax(dim=-1)[:, [1, 4]].sum(dim=-1)
    torch.testing.assert_close(in_distribution_scores(logits, [1, 4]), chances.log())


def test_with_every_label_offered_every_score_is_zero():
    logits = torch.randn(6, 5, generator=generator()) * 3
    assert in_distribution_scores(logits, [0, 1, 2, 3, 4]).tolist() == pytest.approx([0.0] * 6, abs=1e-5)


def test_extreme_logits_give_a_finite_score():
    assert in_distribution_scores(torch.tensor([[500.0, -500.0, -500.0]]), [1, 2]).isfinite().all()


def test_the_temperature_depends_on_logits_probabilities_and_length():
    calibration = Calibration(
        log_inverse_temperature=0.5,
        logit_weights=(0.1, -0.2),
        probability_weights=(0.3, -0.4),
        length_weights=(0.2, 0.6),
    )
    logits = torch.tensor([[1.0, 2.0, 9.0], [-3.0, 1.0, 9.0]])  # the third label was taught afterwards
    expected = []
    for (first, second, _), rows in zip(logits.tolist(), (1, 40), strict=True):
        chance = 1 / (1 + math.exp(second - first))
        said = 0.1 * first - 0.2 * second + 0.3 * chance - 0.4 * (1 - chance)
        expected.append(math.exp(0.5 + said + (0.2 * chance + 0.6 * (1 - chance)) * math.log(rows / TYPICAL_LENGTH)))
    scaled = calibration.scaled(logits, torch.tensor([1, 40]))
    torch.testing.assert_close(scaled, logits * torch.tensor(expected).unsqueeze(1))


def test_without_a_fit_logits_stay_as_they_are():
    logits = torch.randn(4, 3, generator=generator())
    assert torch.equal(Calibration().scaled(logits, torch.tensor([1, 2, 3, 400])), logits)


def test_the_order_of_labels_never_changes_and_factors_stay_within_bounds():
    """However large the logits, those of a sketch are multiplied by one positive number."""
    logits = torch.randn(50, 5, generator=generator()) * 100
    scaled = calibration_by((3.0, -2.0, 1.0)).scaled(logits, torch.full((50,), 9))
    assert torch.equal(scaled.argsort(dim=1), logits.argsort(dim=1))
    factors = scaled / logits
    assert factors.min() >= math.exp(-MAX_LOG_INVERSE_TEMPERATURE) - 1e-4
    assert factors.max() <= math.exp(MAX_LOG_INVERSE_TEMPERATURE) + 1e-3


def calibration_by(numbers: Sequence[Any]) -> Calibration:
    """Return a calibration with the same numbers for all three weights."""
    return Calibration(logit_weights=numbers, probability_weights=numbers, length_weights=numbers)


@pytest.mark.parametrize("part", ["logit_weights", "probability_weights", "length_weights"])
def test_every_label_has_one_finite_number_of_each_weight(part):
    assert calibration_by([1, -2.5]).is_valid
    for odd in ([1, float("nan")], [1, float("inf")], [1, "1"], [1, True], [1], [1, 2, 3]):
        assert not replace(calibration_by([1, -2.5]), **{part: odd}).is_valid


@pytest.mark.parametrize(
    "changes",
    [
        {"log_inverse_temperature": float("nan")},
        {"logit_weights": [0.1]},
        {"known": None},
        {"sure": "often"},
        {"log_inverse_temperature": True},
    ],
)
def test_a_calibration_with_numbers_that_make_no_sense_is_not_sensible(changes):
    assert not Calibration(**changes).is_valid
    assert Calibration().is_valid
