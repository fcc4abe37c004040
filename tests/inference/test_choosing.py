"""Of several candidates the router's favourite is kept, and nothing else about a drawing changes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from codes.errors import BadOption
from codes.inference.choosing import SAY, chosen, likeness, liking
from codes.inference.options import Completion, Route, SamplingOptions
from tests.helpers import prefixes, sketch_of


def route(category: str, probability: float, score: float) -> Route:
    return Route(category, {category: probability, "other": 1 - probability}, "known", score)


def completion(number: int, ended: bool = True) -> Completion:
    return Completion(sketch_of(seed=number), "cat", 0.5, route("cat", 0.5, 0.0), ended, float(number))


def test_likeness_is_the_log_probability_among_everything_it_may_be():
    assert likeness(completion(0), route("cat", 0.25, math.log(0.5))) == pytest.approx(math.log(0.125))


def test_of_those_the_router_likes_alike_the_decoder_chooses():
    """By nats a point, whatever the number of points; and only where the router has little to say."""
    plain = [replace(completion(0), log_likelihood=nats) for nats in (-9.0, -5.0)]
    alike = [route("cat", 0.9, -0.1)] * 2
    assert chosen(plain, alike, 2) == [plain[1]]
    assert chosen(plain, [route("cat", 0.9, -0.1), route("cat", 0.8, -0.1)], 2) == [plain[0]]
    long = replace(plain[0], sketch=replace(plain[0].sketch, prefix_rows=0))
    rows = len(long.sketch)
    assert liking(long, alike[0]) == pytest.approx(likeness(long, alike[0]) - SAY * 9 / (rows + 1))
    whole = replace(long, sketch=replace(long.sketch, prefix_rows=rows))
    assert liking(whole, alike[0]) == pytest.approx(likeness(whole, alike[0]) - SAY * 9)


def test_an_impossible_one_is_never_liked_best():
    made = [completion(0), completion(1)]
    assert chosen(made, [route("cat", 0.0, 0.0), route("cat", 1e-9, -20.0)], 2) == [made[1]]


def test_the_best_of_each_few_is_kept():
    made = [completion(i) for i in range(6)]
    routes = [route("cat", probability, 0.0) for probability in (0.1, 0.9, 0.3, 0.2, 0.1, 0.15)]
    assert chosen(made, routes, 3) == [made[1], made[3]]


def test_to_be_known_at_all_counts_as_much():
    made = [completion(0), completion(1)]
    assert chosen(made, [route("cat", 0.9, -3.0), route("cat", 0.5, -0.1)], 2) == [made[1]]


def test_one_that_was_cut_off_is_the_last_choice():
    made = [completion(0, ended=False), completion(1)]
    assert chosen(made, [route("cat", 0.99, 0.0), route("cat", 0.01, -5.0)], 2) == [made[1]]


def test_the_completer_keeps_the_routers_favourites(completer):
    options = SamplingOptions(variations=2, temperature=1.0, max_points=30, category="square", candidates=1)
    sketches = prefixes(4)
    best = completer.complete_many(sketches, SamplingOptions(**{**vars(options), "candidates": 5}))
    every = completer.complete_many(sketches, SamplingOptions(**{**vars(options), "variations": 10}))
    for few, many in zip(best, every, strict=True):
        routes = completer.classify_many([each.sketch for each in many])
        for number, kept in enumerate(few):
            group = slice(5 * number, 5 * number + 5)
            rated = [
                (each.ended and each.adds, liking(each, seen))
                for each, seen in zip(many[group], routes[group], strict=True)
            ]
            favourite = many[group][rated.index(max(rated))]
            np.testing.assert_array_equal(kept.sketch.points, favourite.sketch.points)
    assert any(few[0].log_likelihood != many[0].log_likelihood for few, many in zip(best, every, strict=True))


def test_many_candidates_of_many_variations_are_drawn(completer):
    many = SamplingOptions(variations=40, candidates=9, category="square", max_points=2)
    assert len(completer.complete(prefixes(1)[0], many)) == 40


def test_more_drawings_than_anybody_waits_for_are_refused_where_candidates_are_drawn(completer):
    sketch, many = prefixes(1)[0], {"variations": 200, "category": "square", "max_points": 1}
    with pytest.raises(BadOption, match="200 variations of 24 candidates each are more than 4096 drawings"):
        completer.complete(sketch, **many)
    assert len(completer.complete(sketch, candidates=1, **many)) == 200
    assert len({each.variation for each in completer.stream(sketch, **many)}) == 200


def test_a_stream_shows_what_comes(completer):
    sketch = prefixes(1)[0]
    several, one = (list(completer.stream(sketch, candidates=count, draw_unknown=True)) for count in (5, 1))
    assert several == one


def test_one_that_adds_nothing_is_the_last_choice_too():
    whole = sketch_of()
    idle = Completion(replace(whole, prefix_rows=len(whole)), "cat", 0.9, route("cat", 0.9, 0.0), True, 0.0)
    busy = Completion(replace(whole, prefix_rows=len(whole) - 1), "cat", 0.9, route("cat", 0.9, 0.0), True, 0.0)
    assert (idle.adds, busy.adds) == (False, True)
    assert chosen([idle, busy], [route("cat", 0.99, 0.0), route("cat", 0.2, -1.0)], 2) == [busy]
