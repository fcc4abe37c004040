"""Requests through the scheduler: classified together, begun at once, chosen among, and dropped, without a thread."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from codes.inference.completer import Completer
from codes.inference.decoding import Drawings
from codes.inference.options import SamplingOptions
from codes.inference.ranking import FIRST_ROUND
from codes.inference.requests import Classified, Completed, PointsDrawn, Refused, SketchRequest, Started, Stopped
from codes.inference.router import Router
from codes.inference.scheduler import Scheduler
from codes.inference.variations import Variation
from tests.support.worlds import CATEGORIES, prefixes, tiny_bundle


def options(category: str | None = None, **changes) -> SamplingOptions:
    return SamplingOptions(**{"category": category, "candidates": 1, "max_points": 20, **changes})


class Asked:
    """A request and the events that it was told."""

    def __init__(self, sketch, options, **fields):
        self.events = []
        self.request = SketchRequest(sketch, options, self.events.append, **fields)

    @property
    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


@pytest.fixture
def scheduler(completer) -> Scheduler:
    return Scheduler(completer.models, completer.models.decoders.load)


def until_over(scheduler: Scheduler) -> int:
    """Run until no request is open; return how many steps that took."""
    steps = 0
    while scheduler.requests:
        scheduler.run_once()
        steps += 1
        assert steps < 1000
    return steps


def test_events_come_in_order(scheduler):
    asked = Asked(prefixes(1)[0], options(variations=3))
    scheduler.submit(asked.request)
    until_over(scheduler)
    points = [kind for kind in asked.kinds if kind is PointsDrawn]
    assert asked.kinds == [Classified, Started, *points, Completed]
    assert len(points) > 1
    assert asked.events[1].categories == [asked.events[0].route.category] * 3


def test_what_waits_is_classified_in_one_batch_and_stepped_together(scheduler, monkeypatch):
    batches, steps = [], []
    classify, step = Router.classify, Drawings.step
    monkeypatch.setattr(Router, "classify", lambda self, many: (batches.append(len(many)), classify(self, many))[1])
    monkeypatch.setattr(Drawings, "step", lambda self: (steps.append(len(self)), step(self))[1])
    for sketch in prefixes(5):
        scheduler.submit(Asked(sketch, options("circle", variations=3)).request)
    until_over(scheduler)
    assert batches == [5]
    assert steps[0] == 15 and len(steps) <= 21


def test_a_newcomer_gets_its_first_point_in_its_first_turn(scheduler):
    """Also while others are under way, in the same batch and in another."""
    for category in ("circle", "square"):
        scheduler.submit(Asked(prefixes(1)[0], options(category, variations=4)).request)
    scheduler.run_once()
    scheduler.run_once()
    for category in ("circle", "zigzag"):
        scheduler.submit((asked := Asked(prefixes(2)[1], options(category))).request)
        scheduler.run_once()
        assert asked.kinds[:3] == [Classified, Started, PointsDrawn]


def test_batches_with_newcomers_are_stepped_before_all_others(scheduler):
    """Those who wait for their first point are served first; the others have something to look at."""
    order = []

    def telling(name):
        return lambda event: order.append(name) if isinstance(event, PointsDrawn) else None

    for category in CATEGORIES[:2]:
        scheduler.submit(SketchRequest(prefixes(1)[0], options(category, variations=6), telling(category)))
    scheduler.run_once()
    order.clear()
    scheduler.submit(SketchRequest(prefixes(1)[0], options(CATEGORIES[2]), telling("newcomer")))
    scheduler.run_once()
    assert order[0] == "newcomer" and len(order) == 3


def test_a_newcomer_joins_an_older_batch_before_that_is_stepped(scheduler):
    order = []
    for category in ("circle", "square"):
        scheduler.submit(SketchRequest(prefixes(1)[0], options(category), lambda event: None))
    scheduler.run_once()
    record = lambda name: lambda event: order.append(name) if isinstance(event, PointsDrawn) else None  # noqa: E731
    scheduler.submit(SketchRequest(prefixes(1)[0], options("square"), record("square")))
    scheduler.run_once()
    assert order == ["square"]


def test_a_request_waits_until_its_decoder_is_there(completer):
    decoders: dict[str, Future] = {category: Future() for category in CATEGORIES}
    scheduler = Scheduler(completer.models, decoders.__getitem__)
    waiting = Asked(prefixes(1)[0], options("circle"))
    scheduler.submit(waiting.request)
    scheduler.run_once()
    assert waiting.kinds == [Classified, Started] and not scheduler.has_work
    decoders["circle"].set_result(completer.models.decoders.get("circle"))
    assert scheduler.has_work
    until_over(scheduler)
    assert waiting.kinds[-1] is Completed


def test_a_request_that_is_cancelled_is_told_and_drawn_no_more(scheduler):
    asked, other = (Asked(prefixes(1)[0], options("circle", variations=2)) for _ in range(2))
    scheduler.submit(asked.request)
    scheduler.submit(other.request)
    scheduler.run_once()
    asked.request.cancelled = True
    scheduler.run_once()
    assert asked.kinds[-1] is Stopped
    told = len(asked.events)
    until_over(scheduler)
    assert len(asked.events) == told and other.kinds[-1] is Completed
    assert scheduler.n_drawings == 0 and not scheduler.has_work


def test_one_that_is_cancelled_before_its_first_turn_is_never_classified(scheduler, monkeypatch):
    monkeypatch.setattr(Router, "classify", lambda self, many: pytest.fail("classified"))
    asked = Asked(prefixes(1)[0], options())
    asked.request.cancelled = True
    scheduler.submit(asked.request)
    until_over(scheduler)
    assert asked.kinds == [Stopped]


def test_a_sketch_that_was_classified_before_is_not_classified_again(scheduler, completer, monkeypatch):
    route = completer.classify(prefixes(1)[0])
    monkeypatch.setattr(Router, "classify", lambda self, many: pytest.fail("classified"))
    asked = Asked(prefixes(1)[0], options(), route=route)
    scheduler.submit(asked.request)
    until_over(scheduler)
    assert asked.kinds[0] is Started and asked.events[-1].completions[0].route is route


def test_only_requests_that_stream_are_told_points(scheduler):
    silent, streaming = (Asked(prefixes(1)[0], options("circle"), streams=streams) for streams in (False, True))
    scheduler.submit(silent.request)
    scheduler.submit(streaming.request)
    until_over(scheduler)
    assert PointsDrawn not in silent.kinds and PointsDrawn in streaming.kinds
    one, other = (each.events[-1].completions[0] for each in (silent, streaming))
    np.testing.assert_allclose(one.sketch.points, other.sketch.points, rtol=1e-3, atol=1e-3)


def streamed_rows(asked: Asked, variation: int) -> list[tuple[float, float, bool]]:
    """Every point that was told of a variation, which must have come to its end once."""
    rows = [row for event in asked.events if isinstance(event, PointsDrawn) for row in event.rows]
    own = [row for row in rows if row.variation == variation]
    assert [row.end for row in own] == [False] * (len(own) - 1) + [True]
    return [row[1:4] for row in own[:-1]]


def opening_rows(rows: list[tuple[float, float, bool]]) -> int:
    return next((number for number, row in enumerate(rows, 1) if row[2]), len(rows))


@pytest.mark.parametrize("candidates", [3, FIRST_ROUND + 4])
def test_only_chosen_ink_is_shown(scheduler, candidates):
    """Its first stroke as it is drawn, the rest at once; and what was shown is what is handed over."""
    asked = Asked(prefixes(1)[0], options("circle", variations=6, candidates=candidates, max_points=40))
    scheduler.submit(asked.request)
    until_over(scheduler)
    assert asked.events[1].candidates == [candidates] * 6
    several = 0
    for variation, completion in enumerate(asked.events[-1].completions):
        rows, sketch = streamed_rows(asked, variation), completion.sketch
        added = sketch.points[sketch.prefix_rows :]
        if completion.ended and rows:
            rows[-1] = (*rows[-1][:2], True)
        np.testing.assert_allclose(np.reshape(rows, (-1, 3)), added, rtol=1e-3, atol=1e-3)
        several += opening_rows(rows) < len(rows)
    assert several > 0


def test_of_all_continuations_of_the_first_stroke_the_best_is_shown(scheduler, monkeypatch):
    rounds, consider = [], Variation.consider
    monkeypatch.setattr(
        Variation, "consider", lambda self, some: (rounds.append((self, some)), consider(self, some))[1]
    )
    asked = Asked(prefixes(1)[0], options("circle", variations=6, candidates=5, max_points=40))
    scheduler.submit(asked.request)
    until_over(scheduler)
    chosen = [(variation, some) for variation, some in rounds if len(variation.opening)]
    assert chosen
    for variation, some in chosen:
        assert len(some) == 5
        count = len(variation.opening)
        assert variation.opening.points[:, 2].tolist() == [0.0] * (count - 1) + [1.0]
        assert all(np.array_equal(each.drawn.points[:count], variation.opening.points) for each in some)
        assert len({each.drawn.points.tobytes() for each in some}) > 1
        assert variation.best.rank == max(each.rank for each in some)


def test_what_streams_is_the_same_alone_and_among_others(completer):
    """Chosen at pen-ups or not, joined by others at any time."""
    changes = [{"candidates": 4}, {"candidates": 1}, {"candidates": 3, "seed": 5, "temperature": 0.9}]

    def ask(number: int) -> Asked:
        return Asked(prefixes(3)[number], options("circle", variations=3, max_points=30, **changes[number]))

    def run(asked: list[Asked], between: int) -> list[list]:
        scheduler = Scheduler(completer.models, completer.models.decoders.load)
        for each in asked:
            scheduler.submit(each.request)
            for _ in range(between):
                scheduler.run_once()
        until_over(scheduler)
        return [[streamed_rows(each, variation) for variation in range(3)] for each in asked]

    alone = [run([ask(number)], 0)[0] for number in range(3)]
    for between in (0, 2, 7):
        for mine, theirs in zip(run([ask(number) for number in range(3)], between), alone, strict=True):
            for one, other in zip(mine, theirs, strict=True):
                np.testing.assert_allclose(np.reshape(one, (-1, 3)), np.reshape(other, (-1, 3)), rtol=1e-3, atol=1e-3)


def test_categories_that_share_weights_are_drawn_in_one_batch_and_each_as_it_is_alone(tmp_path):
    """Among decoders that are differences from a common one; of whole ones each has a batch."""
    shared = Completer(tiny_bundle(tmp_path / "shared", rank=2))
    scheduler = Scheduler(shared.models, shared.models.decoders.load)
    asked = [Asked(prefixes(1)[0], options(category, variations=3, max_points=40)) for category in CATEGORIES]
    for each in asked:
        scheduler.submit(each.request)
    scheduler.run_once()
    (batch,) = scheduler._batches.values()
    assert len({each.decoder.category for each in batch.variations()}) > 1
    until_over(scheduler)
    for category, each in zip(CATEGORIES, asked, strict=True):
        alone = shared.complete(prefixes(1)[0], options(category, variations=3, max_points=40))
        for ours, theirs in zip(each.events[-1].completions, alone, strict=True):
            assert ours.category == category
            np.testing.assert_allclose(ours.sketch.points, theirs.sketch.points, rtol=1e-3, atol=1e-2)


def test_a_request_may_be_cancelled_between_its_first_stroke_and_the_rest(scheduler):
    asked = Asked(prefixes(1)[0], options("circle", variations=6, candidates=5, max_points=200))
    scheduler.submit(asked.request)
    while not any(each.chooses for batch in scheduler._batches.values() for each in batch.variations()):
        scheduler.run_once()
    asked.request.cancelled = True
    scheduler.run_once()
    assert asked.kinds[-1] is Stopped and scheduler.n_drawings == 0
    scheduler.run_once()
    assert not scheduler.has_work


def test_in_a_crowd_only_first_variations_are_chosen(completer):
    """What is not is drawn as where nothing is chosen; and it is told."""
    scheduler = Scheduler(completer.models, completer.models.decoders.load, crowded=5)
    first, second, silent = (
        Asked(prefixes(1)[0], options("circle", variations=6, candidates=4, max_points=40), streams=streams)
        for streams in (True, True, False)
    )
    scheduler.submit(first.request)
    scheduler.run_once()
    scheduler.submit(second.request)
    scheduler.submit(silent.request)
    until_over(scheduler)
    assert first.events[1].candidates == silent.events[1].candidates == [4] * 6
    assert second.events[1].candidates == [4, 1, 1, 1, 1, 1]
    plain = Asked(prefixes(1)[0], options("circle", variations=6, max_points=40))
    scheduler.submit(plain.request)
    until_over(scheduler)
    expected = [streamed_rows(first, 0), *(streamed_rows(plain, variation) for variation in range(1, 6))]
    for variation, rows in enumerate(expected):
        mine = streamed_rows(second, variation)
        np.testing.assert_allclose(np.reshape(mine, (-1, 3)), np.reshape(rows, (-1, 3)), rtol=1e-3, atol=1e-3)


def test_candidates_of_several_requests_are_ranked_together_once_nothing_is_drawn(completer, monkeypatch):
    encoded, encode = [], Router.encode
    scheduler = Scheduler(completer.models, completer.models.decoders.load, ranking_batch=1000)
    asked = [
        Asked(sketch, options("circle", candidates=3, variations=2), route=completer.classify(sketch), streams=False)
        for sketch in prefixes(3)
    ]
    monkeypatch.setattr(Router, "encode", lambda self, many: (encoded.append(len(many)), encode(self, many))[1])
    for each in asked:
        scheduler.submit(each.request)
    until_over(scheduler)
    assert encoded == [18]
    assert [len(each.events[-1].completions) for each in asked] == [2, 2, 2]


def test_what_goes_wrong_is_told_to_those_it_concerns_and_the_others_go_on(scheduler, completer, monkeypatch):
    join, broken = Drawings.join, completer.models.decoders.get("square").stepper.weights
    monkeypatch.setattr(Drawings, "join", lambda self, new: 1 / 0 if self.weights is broken else join(self, new))
    asked = [Asked(prefixes(1)[0], options(category)) for category in ("square", "circle", "cow")]
    for each in asked:
        scheduler.submit(each.request)
    until_over(scheduler)
    assert [each.kinds[-1] for each in asked] == [Refused, Completed, Refused]
    assert isinstance(asked[0].events[-1].cause, ZeroDivisionError)
    assert "no category 'cow'" in str(asked[2].events[-1].error) and asked[2].events[-1].cause is None


def test_a_mistake_of_ours_reaches_a_caller_of_the_completer_as_it_is(bundle, monkeypatch):
    monkeypatch.setattr(Drawings, "step", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Completer(bundle).complete(prefixes(1)[0])
    with pytest.raises(ZeroDivisionError):
        list(Completer(bundle).stream(prefixes(1)[0]))
