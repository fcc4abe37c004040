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
from codes.inference.ranking import (
    CRITIC_WEIGHT,
    CriticScorer,
    best_candidates,
    candidate_score,
    completions_in_pixels,
    router_score,
)
from codes.inference.router import model_input
from codes.model.config import CriticConfig
from codes.model.critic import Critic
from codes.sketch.ink import STROKE_FEATURES, SUMMARY_FEATURES, AddedInk, added_ink
from codes.sketch.stroke3 import Stroke3, from_polylines, sketch_from_polylines
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


def ink_of(count: int) -> AddedInk:
    """A square, to which one stroke is added; the same and nothing; the same and two strokes."""
    square = [(0, 0), (90, 0), (90, 90), (0, 90), (0, 0)]
    sketches = [rows_of(square, [(20, 20), (40, 40)]), rows_of(square), rows_of(square, [(9, 9)], [(99, 9), (0, 9)])]
    return added_ink(sketches[:count], [4] * count)


def rows_of(*strokes: list[tuple[int, int]]) -> Stroke3:
    return from_polylines([np.array(each, float) for each in strokes])[0]


def seeing_config(features: int, categories: int) -> CriticConfig:
    return CriticConfig(
        features, categories, stroke_features=STROKE_FEATURES, summary_features=SUMMARY_FEATURES, ink_hidden=5
    )


def test_a_sketch_is_rated_by_the_row_of_what_it_was_finished_as():
    critic_scorer = CriticScorer(critic_of([[1.0, 0.0], [0.0, -2.0]], [0.0, 0.5]), ["cat", "dog"])
    features = torch.tensor([[3.0, 4.0], [3.0, 4.0], [1.0, 0.0]])
    assert critic_scorer.log_odds(features, ink_of(3), ["dog", "cat", "dog"]) == [-7.5, 3.0, 0.5]
    assert critic_scorer.partial_log_odds(ink_of(3), ["dog", "cat", "dog"]) == [0.0, 0.0, 0.0]


def test_the_ink_is_rated_as_that_of_what_it_is_finished_as():
    critic = stirred(Critic(seeing_config(2, categories=2)), seed=4)
    scorer, ink, features = CriticScorer(critic, ["cat", "dog"]), ink_of(3), torch.zeros(3, 2)
    strokes, counts, summaries = (torch.from_numpy(each) for each in (ink.strokes, ink.counts, ink.summaries))
    labels = torch.tensor([1, 0, 1])
    partial = critic.ink.partial(strokes, counts, labels)
    finished = partial + critic.ink.whole(summaries, labels) + critic(features)[range(3), labels]
    assert counts.tolist() == [1, 0, 2]
    assert float(partial[1]) == 0.0
    assert float(partial[2]) == pytest.approx(float(critic.ink.strokes(strokes[1:], labels[[2, 2]]).sum()), abs=1e-4)
    assert scorer.partial_log_odds(ink, ["dog", "cat", "dog"]) == pytest.approx(partial.tolist(), abs=1e-5)
    assert scorer.log_odds(features, ink, ["dog", "cat", "dog"]) == pytest.approx(finished.tolist(), abs=1e-5)
    assert scorer.log_odds(features, ink, ["snail", "cat", "dog"])[0] == 0.0
    assert scorer.partial_log_odds(ink, ["dog", "cat", "snail"])[2] == 0.0


def test_of_what_it_has_no_row_for_a_critic_says_nothing():
    """A category that was taught afterwards, and every category of a bundle without a critic."""
    features = torch.ones(2, 2)
    scorer = CriticScorer(critic_of([[1.0, 1.0]], [1.0]), ["cat"])
    assert scorer.log_odds(features, ink_of(2), ["snail", "cat"]) == [0.0, 3.0]
    assert CriticScorer(None, ()).log_odds(features, ink_of(2), ["snail", "cat"]) == [0.0, 0.0]
    assert CriticScorer(None, ()).partial_log_odds(ink_of(2), ["snail", "cat"]) == [0.0, 0.0]


@pytest.fixture(params=[False, True], ids=["router alone", "with a critic"])
def chooser(request, completer, tmp_path) -> Completer:
    """A completer of a bundle without a critic, or with one that nobody could overlook."""
    if not request.param:
        return completer
    bundle = tiny_bundle(tmp_path / "criticised")
    features = completer.models.router.net.config.features
    critic = Critic(seeing_config(features, categories=2))
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
        rows, cuts = [each.sketch.points for each in many], [each.sketch.prefix_rows for each in many]
        odds = completer.models.critic.log_odds(look.features, added_ink(rows, cuts), [each.category for each in many])
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


def test_a_critic_that_measures_ink_in_another_way_is_refused(tmp_path):
    bundle = tiny_bundle(tmp_path / "odd")
    config = CriticConfig(bundle.router()[0].config.features, 1, stroke_features=9, summary_features=8)
    part = PartConfig("critic", config.to_dict(), SCALE, ["square"])
    completer = Completer(write_critic(bundle, Critic(config), part))
    with pytest.raises(BadFile, match="its critic was made for other features of added strokes"):
        completer.complete(prefixes(1)[0], category="square", max_points=2)


def test_a_hand_drawn_beginning_is_simplified_once_and_what_was_added_to_it_is_not():
    """The decoder saw it so, and nobody simplified what the decoder drew."""
    curve = np.column_stack([np.arange(0, 300, 1.0), 40 * np.sin(np.arange(0, 300, 1.0) / 30)])
    begun = sketch_from_polylines([curve], drawn=True, unit=2.0)
    added = np.array([[10.0, 2.0, 0.0], [10.0, 2.1, 0.0], [10.0, 1.9, 1.0]])
    done = [replace(begun, points=np.vstack([begun.points, added * [k, k, 1]]), prefix_rows=299) for k in (1, 2)]
    (first, second), (cut, same) = completions_in_pixels(done)
    assert cut == same == len(model_input(begun)) < 50
    np.testing.assert_array_equal(first[:cut], model_input(begun))
    np.testing.assert_array_equal(second[:cut], first[:cut])
    np.testing.assert_allclose(first[cut:], added / [2, 2, 1])
    np.testing.assert_allclose(second[cut:], added)


def test_beginnings_of_another_unit_and_drawings_from_nothing_are_kept_apart():
    whole = replace(sketch_of(), prefix_rows=4)
    (one, other, free), cuts = completions_in_pixels(
        [whole, replace(whole, unit=3.0), replace(whole, prefix_rows=None)]
    )
    assert cuts == [4, 4, 0]
    np.testing.assert_allclose(other[:, :2] * 3, one[:, :2])
    np.testing.assert_array_equal(free, one)


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
