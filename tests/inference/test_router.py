"""Routes: the same every time, adding up to 1, decided by two thresholds before anything is drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from codes.inference.completer import Completer
from codes.inference.router import ROUTER_BATCH
from tests.support.worlds import BACKGROUND, CATEGORIES, SCALE, prefixes, sketch_of, tiny_bundle


def test_the_same_sketch_gets_the_same_answer(completer, bundle):
    """z was once sampled with noise when classifying."""
    for sketch in prefixes(3):
        first = completer.classify(sketch)
        torch.rand(3)
        completer.models.router.net.train()
        assert completer.classify(sketch) == first
        assert Completer(bundle).classify(sketch) == first


def test_probabilities_add_up_to_one_likeliest_first(completer):
    for route in completer.classify_many(prefixes(12)):
        chances = list(route.probabilities.values())
        assert set(route.probabilities) == set(CATEGORIES)
        assert sum(chances) == pytest.approx(1.0, abs=1e-5)
        assert chances == sorted(chances, reverse=True)
        assert route.category == next(iter(route.probabilities))
        assert route.probability == chances[0]
        assert route.known_score < 0


def test_a_route_is_the_softmax_of_the_calibrated_logits(completer, bundle):
    net, config = bundle.router()
    sketch = sketch_of("square", 3)
    rows = torch.from_numpy(np.array(sketch.points)).float()
    rows[:, :2] /= SCALE
    stroke5 = torch.cat([rows[:, :2], 1 - rows[:, 2:], rows[:, 2:], torch.zeros(len(rows), 1)], dim=1)
    chances = (net(stroke5[None], torch.tensor([len(rows)]))[0] / 1.5).softmax(dim=-1)
    named = dict(zip(config.categories, chances.tolist(), strict=True))
    route = completer.classify(sketch)
    known = 1 - named[BACKGROUND]
    assert route.known_score == pytest.approx(math.log(known), abs=1e-5)
    for category in CATEGORIES:
        assert route.probabilities[category] == pytest.approx(named[category] / known, abs=1e-5)


def test_a_sketch_is_classified_the_same_alone_and_among_many(completer):
    """A class once depended on the longest sketch in the batch."""
    sketches = prefixes(ROUTER_BATCH + 9)
    together = completer.classify_many(sketches)
    for number in (0, 5, ROUTER_BATCH - 1, ROUTER_BATCH, ROUTER_BATCH + 8):
        alone = completer.classify(sketches[number])
        assert together[number].probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert together[number].known_score == pytest.approx(alone.known_score, abs=1e-5)
    assert len({route.category for route in together}) > 1
    assert completer.classify_many([]) == []


def test_decisions_follow_the_thresholds(tmp_path, completer):
    sketch = sketch_of("zigzag", 2)
    route = completer.classify(sketch)
    score, sure = route.known_score, route.probability
    nearly = 1e-3
    expected = {
        (score - nearly, sure - nearly): "known",
        (score - nearly, sure + nearly): "unsure",
        (score + nearly, sure - nearly): "unknown",
        (score + nearly, sure + nearly): "unknown",
    }
    for number, ((known, confident), decision) in enumerate(expected.items()):
        calibration = {"log_inverse_temperature": -math.log(1.5), "known": known, "sure": confident}
        settled = Completer(tiny_bundle(tmp_path / str(number), calibration))
        assert settled.classify(sketch).decision == decision


def test_a_drawing_is_the_same_in_any_unit_and_any_place(completer):
    """Each person's drawing was once divided by its own deviation."""
    sketch = replace(sketch_of("circle", 1), drawn=True)
    larger = replace(sketch, points=sketch.points * [7.5, 7.5, 1], unit=7.5, origin=(300.0, -20.0))
    mine, theirs = completer.classify(sketch), completer.classify(larger)
    assert mine.probabilities == pytest.approx(theirs.probabilities, abs=1e-5)
    shrunk = replace(sketch, points=sketch.points * [0.3, 0.3, 1])
    assert completer.classify(shrunk).probabilities != pytest.approx(mine.probabilities, abs=1e-4)
