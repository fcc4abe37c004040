"""Of several candidates the best liked is kept, and nothing else about a drawing changes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from codes.checkpoints.bundle import write_critic
from codes.checkpoints.part import PartConfig
from codes.errors import BadFile, BadOption
from codes.inference.completer import Completer
from codes.inference.options import Completion, Route, SamplingOptions
from codes.inference.ranking import CRITIC_WEIGHT, CriticScorer, best_candidates, candidate_score, router_score
from codes.model.config import CriticConfig
from codes.model.critic import Critic
from tests.support.worlds import SCALE, prefixes, sketch_of, stirred, tiny_bundle


def route(category: str, probability: float, score: float) -> Route:
    return Route(category, {category: probability, "other": 1 - probability}, "known", score)


def completion(number: int, ended: bool = True) -> Completion:
    return Completion(sketch_of(seed=number), "cat", 0.5, route("cat", 0.5, 0.0), ended, float(number))


def test_likeness_is_the_log_probability_among_everything_it_may_be():
    assert router_score(completion(0), route("cat", 0.25, math.log(0.5))) == pytest.approx(math.log(0.125))


def test_to_be_known_at_all_counts_as_much():
    known, strange = route("cat", 0.5, -0.1), route("cat", 0.9, -3.0)
    assert router_score(completion(0), known) > router_score(completion(0), strange)


def test_the_critic_has_a_say():
    """It decides among those the router likes nearly alike."""
    alike, surer = route("cat", 0.9, 0.0), route("cat", 0.99, 0.0)
    assert candidate_score(completion(0), alike, 1.0) > candidate_score(completion(0), alike, 0.0)
    assert candidate_score(completion(0), alike, 0.1) < candidate_score(completion(0), surer, 0.0)
    assert candidate_score(completion(0), alike, -3.0) == pytest.approx(
        router_score(completion(0), alike) - 3 * CRITIC_WEIGHT
    )


def test_an_impossible_one_is_never_liked_best():
    impossible = candidate_score(completion(0), route("cat", 0.0, 0.0), 50.0)
    assert best_candidates([completion(0), completion(1)], [impossible, -40.0], 2)[0].log_likelihood == 1.0


def test_the_best_of_each_few_is_kept():
    made = [completion(i) for i in range(6)]
    assert best_candidates(made, [0.1, 0.9, 0.3, 0.2, 0.1, 0.15], 3) == [made[1], made[3]]


def test_one_that_was_cut_off_is_the_last_choice():
    made = [completion(0, ended=False), completion(1)]
    assert best_candidates(made, [0.0, -9.0], 2) == [made[1]]


def critic_of(rows: list[list[float]], biases: list[float]) -> Critic:
    """Says what these rows say: of two opinions the one is twice as strong, the other none."""
    critic = Critic(CriticConfig(features=len(rows[0]), categories=len(rows), hidden=3))
    critic.rows.load_state_dict({"weight": 2 * torch.tensor(rows), "bias": 2 * torch.tensor(biases)})
    return critic.requires_grad_(False)


def test_a_sketch_is_rated_by_the_row_of_what_it_was_finished_as():
    critic_scorer = CriticScorer(critic_of([[1.0, 0.0], [0.0, -2.0]], [0.0, 0.5]), ["cat", "dog"])
    features = torch.tensor([[3.0, 4.0], [3.0, 4.0], [1.0, 0.0]])
    assert critic_scorer.log_odds(features, ["dog", "cat", "dog"]) == [-7.5, 3.0, 0.5]


def test_of_what_it_has_no_row_for_a_critic_says_nothing():
    """A category that was taught afterwards, and every category of a bundle without a critic."""
    features = torch.ones(2, 2)
    assert CriticScorer(critic_of([[1.0, 1.0]], [1.0]), ["cat"]).log_odds(features, ["snail", "cat"]) == [0.0, 3.0]
    assert CriticScorer(None, ()).log_odds(features, ["snail", "cat"]) == [0.0, 0.0]


@pytest.fixture(params=[False, True], ids=["router alone", "with a critic"])
def chooser(request, completer, tmp_path) -> Completer:
    """A completer of a bundle without a critic, or with one that nobody could overlook."""
    if not request.param:
        return completer
    bundle = tiny_bundle(tmp_path / "criticised")
    features = completer.models.router.net.config.features
    critic = Critic(CriticConfig(features=features, categories=2))
    stirred(critic, seed=3, size=30.0)
    config = PartConfig("critic", critic.config.to_dict(), SCALE, ["zigzag", "square"])
    return Completer(write_critic(bundle, critic, config))


def test_the_completer_keeps_the_favourites(chooser):
    completer = chooser
    options = SamplingOptions(variations=2, temperature=1.0, max_points=30, category="square", candidates=1)
    sketches = prefixes(4)
    best = completer.complete_many(sketches, SamplingOptions(**{**vars(options), "candidates": 5}))
    every = completer.complete_many(sketches, SamplingOptions(**{**vars(options), "variations": 10}))
    for few, many in zip(best, every, strict=True):
        look = next(completer.models.router.encode([each.sketch.points for each in many]))
        odds = completer.models.critic.log_odds(look.features, [each.category for each in many])
        assert any(odds) == completer.bundle.has_critic
        routes = completer.models.router.decide(look)
        for number, kept in enumerate(few):
            group = slice(5 * number, 5 * number + 5)
            rated = [
                (each.ended and each.adds, candidate_score(each, seen, said))
                for each, seen, said in zip(many[group], routes[group], odds[group], strict=True)
            ]
            favourite = many[group][rated.index(max(rated))]
            np.testing.assert_array_equal(kept.sketch.points, favourite.sketch.points)
    assert any(few[0].log_likelihood != many[0].log_likelihood for few, many in zip(best, every, strict=True))


def test_a_critic_of_another_router_is_refused(tmp_path):
    critic = Critic(CriticConfig(features=7, categories=1))
    config = PartConfig("critic", critic.config.to_dict(), SCALE, ["square"])
    completer = Completer(write_critic(tiny_bundle(tmp_path / "odd"), critic, config))
    with pytest.raises(BadFile, match="its critic was made for another router"):
        completer.complete(prefixes(1)[0], category="square", max_points=2)


def test_many_candidates_of_many_variations_are_drawn(completer):
    many = SamplingOptions(variations=40, candidates=9, category="square", max_points=2)
    assert len(completer.complete(prefixes(1)[0], many)) == 40


def test_more_drawings_than_anybody_waits_for_are_refused_where_candidates_are_drawn(completer):
    sketch, many = prefixes(1)[0], {"variations": 200, "category": "square", "max_points": 1}
    with pytest.raises(BadOption, match="200 variations of 24 candidates each are more than 4096 drawings"):
        completer.complete(sketch, **many)
    assert len(completer.complete(sketch, candidates=1, **many)) == 200
    assert len({each.variation for each in completer.stream(sketch, **many)}) == 200


def test_one_that_adds_nothing_is_the_last_choice_too():
    whole = sketch_of()
    idle = Completion(replace(whole, prefix_rows=len(whole)), "cat", 0.9, route("cat", 0.9, 0.0), True, 0.0)
    busy = Completion(replace(whole, prefix_rows=len(whole) - 1), "cat", 0.9, route("cat", 0.9, 0.0), True, 0.0)
    assert (idle.adds, busy.adds) == (False, True)
    assert best_candidates([idle, busy], [0.0, -2.0], 2) == [busy]
