"""A critic tells what people finished from what decoders did, as far as there is something to tell."""

from __future__ import annotations

import pytest
import torch

from codes.training.criticising import Practice, fit_critic
from tests.helpers import generator


def drawn(count: int, centre: float, seed: int, spread: float = 1.0) -> torch.Tensor:
    """``[count, 6]`` features: the first tells, the last never changes."""
    features = torch.randn(count, 6, generator=generator(seed)) * spread
    features[:, 0] += centre
    features[:, 5] = 0.1
    return features


CAT = Practice(drawn(1500, 1.0, 4), drawn(3000, -1.0, 5))
DOG = Practice(drawn(1500, -1.0, 6), drawn(3000, 1.0, 7))  # the other way round


def test_what_people_do_more_often_has_odds_above_nothing():
    critic = fit_critic({"cat": Practice(drawn(300, 1.0, 0), drawn(900, -1.0, 1))})
    people, decoder = critic(drawn(300, 1.0, 2))[:, 0], critic(drawn(300, -1.0, 3))[:, 0]
    assert (people > 0).float().mean() > 0.75
    assert (decoder < 0).float().mean() > 0.75
    assert float(critic.rows.weight[0, 5]) == pytest.approx(0.0, abs=1e-6)
    assert critic.rows.weight[0].abs().argmax() == 0


def test_three_drawings_for_each_of_a_person_do_not_make_a_decoder_likelier():
    critic = fit_critic({"cat": Practice(drawn(300, 0.5, 0), drawn(900, -0.5, 1))})
    middle = torch.cat([drawn(2000, 0.5, 4), drawn(2000, -0.5, 5)])
    assert float(critic(middle).mean()) == pytest.approx(0.0, abs=0.05)


def test_units_of_a_feature_do_not_matter():
    theirs, ours = drawn(200, 1.0, 0), drawn(200, -1.0, 1)
    scaled = torch.tensor([1000.0, 1.0, 0.001, 1.0, 1.0, 1.0])
    plain = fit_critic({"cat": Practice(theirs, ours)}).rows(theirs)
    other = fit_critic({"cat": Practice(theirs * scaled, ours * scaled)}).rows(theirs * scaled)
    torch.testing.assert_close(plain, other, atol=1e-3, rtol=1e-3)


def test_its_opinion_is_the_mean_of_that_of_the_category_and_of_all():
    critic = fit_critic({"cat": CAT, "dog": DOG})
    seen = drawn(50, 0.5, 2)
    one, other = critic.rows(seen), critic.shared(seen)
    torch.testing.assert_close(critic(seen), (one + other) / 2)
    assert (one - other).abs().mean() > 0.05
    for opinion in (one, other):
        assert float(opinion[:, 0].mean()) > 0.2 > -0.2 > float(opinion[:, 1].mean())


def test_every_category_has_a_row_of_its_own():
    one, two = Practice(drawn(200, 1.0, 0), drawn(200, -1.0, 1)), Practice(drawn(200, -1.0, 2), drawn(200, 1.0, 3))
    critic = fit_critic({"cat": one, "dog": two})
    torch.testing.assert_close(critic.rows.weight[0], fit_critic({"cat": one}).rows.weight[0])
    assert float(critic.rows.weight[0, 0]) > 0 > float(critic.rows.weight[1, 0])


def test_few_sketches_say_little():
    """Of ten drawings a person's hand cannot be known; the critic then hardly moves a choice."""
    few = fit_critic({"cat": Practice(drawn(10, 1.0, 0), drawn(40, -1.0, 1))})
    many = fit_critic({"cat": Practice(drawn(500, 1.0, 0), drawn(2000, -1.0, 1))})
    seen = drawn(100, 1.0, 2)
    assert float(few(seen).abs().mean()) < 0.3 * float(many(seen).abs().mean())
