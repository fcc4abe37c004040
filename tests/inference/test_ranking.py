"""Of several candidates the best liked is kept, and nothing else about a drawing changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from codes.checkpoints.bundle import write_critic
from codes.checkpoints.part import PartConfig
from codes.errors import BadFile, BadOption
from codes.inference import ranking, scheduler
from codes.inference.completer import Completer
from codes.inference.decoding import Continuation
from codes.inference.options import Route, SamplingOptions
from codes.inference.ranking import (
    CRITIC_WEIGHT,
    FIRST_ROUND,
    GOOD_ENOUGH,
    Candidate,
    CriticScorer,
    candidate_score,
    router_score,
)
from codes.inference.router import model_input
from codes.inference.variations import Variation
from codes.model.config import CriticConfig
from codes.model.critic import Critic
from codes.strokes.ink import STROKE_FEATURES, SUMMARY_FEATURES, AddedInk, added_ink
from codes.strokes.stroke3 import Stroke3, from_polylines, sketch_from_polylines
from tests.support.worlds import SCALE, prefixes, stirred, tiny_bundle


def route(category: str, probability: float, score: float) -> Route:
    return Route(category, {category: probability, "other": 1 - probability}, "known", score)


def candidate(score: float, ended: bool = True, points: int = 2) -> Candidate:
    return Candidate(Continuation(np.zeros((points, 3)), ended, 0.0), score)


def best(*candidates: Candidate) -> Candidate:
    return max(candidates, key=lambda each: each.rank)


def test_likeness_is_the_log_probability_among_everything_it_may_be():
    assert router_score("cat", route("cat", 0.25, math.log(0.5))) == pytest.approx(math.log(0.125))


def test_to_be_known_at_all_counts_as_much():
    known, strange = route("cat", 0.5, -0.1), route("cat", 0.9, -3.0)
    assert router_score("cat", known) > router_score("cat", strange)


def test_the_critic_has_a_say():
    """It decides among those the router likes nearly alike."""
    alike, surer = route("cat", 0.9, 0.0), route("cat", 0.99, 0.0)
    assert candidate_score("cat", alike, 1.0) > candidate_score("cat", alike, 0.0)
    assert candidate_score("cat", alike, 0.1) < candidate_score("cat", surer, 0.0)
    assert candidate_score("cat", alike, -3.0) == pytest.approx(router_score("cat", alike) - 3 * CRITIC_WEIGHT)


def test_an_impossible_one_is_never_liked_best():
    impossible, possible = candidate(candidate_score("cat", route("cat", 0.0, 0.0), 50.0)), candidate(-40.0)
    assert best(impossible, possible) is possible


def test_one_that_was_cut_off_or_adds_nothing_is_the_last_choice():
    """A sketch that is recognised already would otherwise be left as it is."""
    for worse in (candidate(0.0, ended=False), candidate(0.0, points=0)):
        better = candidate(-9.0)
        assert best(worse, better) is better
        assert not worse.good_enough


def test_a_candidate_is_good_enough_from_a_score_on():
    assert candidate(GOOD_ENOUGH).good_enough and not candidate(GOOD_ENOUGH - 0.01).good_enough


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


def watched(monkeypatch) -> list[tuple]:
    """Note what is chosen among: pairs of a variation and the candidates of one of its rounds."""
    rounds, consider = [], Variation.consider
    monkeypatch.setattr(
        Variation, "consider", lambda self, some: (rounds.append((self, some)), consider(self, some))[1]
    )
    return rounds


def test_the_completer_keeps_the_favourites(chooser, monkeypatch):
    """The best of all that were made, in the place where it belongs."""
    completer, rounds = chooser, watched(monkeypatch)
    options = SamplingOptions(variations=2, temperature=1.0, max_points=30, category="square", candidates=5)
    made = completer.complete_many(prefixes(4), options)
    assert len(rounds) == 8
    places = set()
    for variation, some in rounds:
        sketches = [variation.finished(each.drawn) for each in some]
        look = next(completer.models.router.encode(sketches))
        ink = added_ink(sketches, [len(variation.prefix)] * 5)
        odds = completer.models.critic.log_odds(look.features, ink, ["square"] * 5)
        assert any(odds) == completer.bundle.has_critic
        routes = completer.models.router.decide(look)
        scores = [candidate_score("square", seen, said) for seen, said in zip(routes, odds, strict=True)]
        np.testing.assert_allclose([each.score for each in some], scores, rtol=1e-3, atol=1e-3)
        favourite = best(*some)
        assert variation.best is favourite
        number = next(i for i, sketch in enumerate(prefixes(4)) if np.array_equal(sketch.points, variation.prefix))
        kept = made[number][variation.key.variation].sketch
        np.testing.assert_allclose(kept.points, variation.finished(favourite.drawn), rtol=1e-6)
        places.add([each is favourite for each in some].index(True))
    assert len(places) > 1


@pytest.mark.parametrize("good", [True, False])
def test_more_candidates_are_made_only_where_none_of_the_first_is_good_enough(completer, monkeypatch, good):
    rounds = watched(monkeypatch)
    monkeypatch.setattr(ranking, "GOOD_ENOUGH", -1e9 if good else 1e9)
    options = SamplingOptions(variations=2, category="square", max_points=20, candidates=FIRST_ROUND + 3)
    completer.complete(prefixes(1)[0], options)
    sizes = [len(some) for _, some in rounds]
    assert sizes == ([FIRST_ROUND] * 2 if good else [FIRST_ROUND] * 2 + [3, 3])
    for variation in {each for each, _ in rounds}:
        every = [one for each, some in rounds if each is variation for one in some]
        inked = [one.drawn.points.tobytes() for one in every if len(one.drawn.points)]
        assert len(set(inked)) == len(inked) > 1
        assert variation.best is best(*every)


def test_the_first_candidates_are_the_same_however_many_there_may_be(completer, monkeypatch):
    rounds = watched(monkeypatch)
    for count in (3, 5):
        completer.complete(prefixes(1)[0], category="square", max_points=20, candidates=count)
    (_, few), (_, many) = rounds
    for mine, theirs in zip(few, many, strict=False):
        np.testing.assert_allclose(mine.drawn.points, theirs.drawn.points, rtol=1e-4, atol=1e-4)


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


def test_a_hand_drawn_beginning_is_simplified_once_and_what_was_added_to_it_is_not(completer, monkeypatch):
    """The decoder saw it so, and nobody simplified what the decoder drew."""
    rounds, simplified = watched(monkeypatch), []
    monkeypatch.setattr(scheduler, "model_input", lambda each: (simplified.append(each), model_input(each))[1])
    curve = np.column_stack([np.arange(0, 300, 1.0), 40 * np.sin(np.arange(0, 300, 1.0) / 30)])
    begun = sketch_from_polylines([curve], drawn=True, unit=2.0)
    completer.complete(begun, category="square", variations=2, candidates=3, max_points=9)
    assert simplified == [begun]
    for variation, some in rounds:
        np.testing.assert_array_equal(variation.prefix, model_input(begun))
        for each in some:
            sketch, rows = variation.finished(each.drawn), len(variation.prefix)
            np.testing.assert_array_equal(sketch[:rows], variation.prefix)
            scale = variation.decoder.config.scale
            np.testing.assert_allclose(sketch[rows:], each.drawn.points * [scale, scale, 1])


def test_many_candidates_of_many_variations_are_drawn(completer):
    many = SamplingOptions(variations=40, candidates=9, category="square", max_points=2)
    assert len(completer.complete(prefixes(1)[0], many)) == 40


def test_more_drawings_than_anybody_waits_for_are_refused_where_candidates_are_drawn(completer):
    sketch, many = prefixes(1)[0], {"variations": 200, "category": "square", "max_points": 1}
    with pytest.raises(BadOption, match="200 variations of 24 candidates each are more than 4096 drawings"):
        completer.complete(sketch, **many)
    assert len(completer.complete(sketch, candidates=1, **many)) == 200
    assert len({each.variation for each in completer.stream(sketch, candidates=1, **many)}) == 200
    with pytest.raises(BadOption, match="200 variations of 24 candidates each are more than 4096 drawings"):
        completer.stream(sketch, **many)


def test_a_drawing_that_stays_on_the_page_goes_before_one_that_leaves_it():
    rows = np.zeros((3, 3))
    ended, cut_off = Continuation(rows, True, 0.0), Continuation(rows, False, 0.0)
    leaves, stays = Candidate(ended, -1.0, on_page=False), Candidate(ended, -2.5)
    assert stays.rank > leaves.rank > Candidate(cut_off, 5.0).rank
    assert Candidate(ended, 1.0, on_page=False).rank > stays.rank, "unless it is better by far"
    assert not Candidate(ended, 1.0, on_page=False).good_enough
    assert Candidate(ended, 1.0).good_enough
