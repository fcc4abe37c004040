"""How like the known a sketch is."""

from __future__ import annotations

import math

import pytest
import torch

from codes.model.calibration import SHARPEST, Calibration, known_scores
from tests.helpers import generator


def test_a_known_score_is_the_log_of_the_chance_of_all_on_offer():
    logits = torch.randn(6, 5, generator=generator()) * 3
    chances = logits.softmax(dim=-1)[:, [1, 4]].sum(dim=-1)
    torch.testing.assert_close(known_scores(logits, [1, 4]), chances.log())


def test_with_everything_on_offer_everything_is_known():
    logits = torch.randn(6, 5, generator=generator()) * 3
    assert known_scores(logits, [0, 1, 2, 3, 4]).tolist() == pytest.approx([0.0] * 6, abs=1e-5)


def test_hopeless_logits_give_a_number():
    assert known_scores(torch.tensor([[500.0, -500.0, -500.0]]), [1, 2]).isfinite().all()


def test_how_sharp_logits_are_is_linear_in_the_logarithm_of_rows_and_in_the_logits():
    calibration = Calibration(sharpness=0.5, by_rows=-0.25, by_logits=(0.1, -0.2))
    logits = torch.tensor([[1.0, 2.0, 9.0], [-3.0, 1.0, 9.0]])  # the third label was taught afterwards
    expected = [math.exp(0.5 - 0.25 * math.log(rows) + said) for rows, said in ((1, -0.3), (40, -0.5))]
    scaled = calibration.scaled(logits, torch.tensor([1, 40]))
    torch.testing.assert_close(scaled, logits * torch.tensor(expected).unsqueeze(1))


def test_without_a_fit_logits_stay_what_they_are():
    logits = torch.randn(4, 3, generator=generator())
    assert torch.equal(Calibration().scaled(logits, torch.tensor([1, 2, 3, 400])), logits)


def test_the_order_of_labels_never_changes_and_nothing_gets_out_of_bounds():
    """However strange the logits, they are multiplied by one positive number a sketch."""
    logits = torch.randn(50, 5, generator=generator()) * 100
    scaled = Calibration(by_logits=(3.0, -2.0, 1.0)).scaled(logits, torch.full((50,), 9))
    assert torch.equal(scaled.argsort(dim=1), logits.argsort(dim=1))
    factors = scaled / logits
    assert factors.min() >= math.exp(-SHARPEST) - 1e-4
    assert factors.max() <= math.exp(SHARPEST) + 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"sharpness": float("nan")},
        {"by_rows": float("inf")},
        {"by_logits": [0.1, float("nan")]},
        {"by_logits": ["1"]},
        {"known": None},
        {"sure": "often"},
        {"sharpness": True},
    ],
)
def test_a_calibration_that_makes_no_sense_is_told(changes):
    assert not Calibration(**changes).sensible
    assert Calibration(by_logits=[1, -2.5]).sensible
    assert Calibration().sensible
