"""How like the known a sketch is."""

from __future__ import annotations

import pytest
import torch

from codes.model.calibration import known_scores
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
