"""How like the known a sketch is."""

from __future__ import annotations

import pytest
import torch

from codes.model.calibration import Calibration, known_scores
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


def test_a_temperature_between_two_lies_on_a_line_of_logarithms():
    calibration = Calibration(temperatures=(1.0, 4.0), rows=(10, 40))
    scaled = calibration.scaled(torch.full((4, 2), 8.0), torch.tensor([3, 10, 20, 400]))
    assert scaled[:, 0].tolist() == pytest.approx([8.0, 8.0, 4.0, 2.0])


@pytest.mark.parametrize(
    ("temperatures", "rows"),
    [((), ()), ((1.0,), (1, 2)), ((1.0, 1.0), (5, 5)), ((1.0, 2.0), (9, 3)), ((0.0,), (1,)), ((float("nan"),), (1,))],
)
def test_temperatures_that_make_no_sense_are_told(temperatures, rows):
    assert not Calibration(temperatures, rows).sensible
    assert Calibration().sensible
