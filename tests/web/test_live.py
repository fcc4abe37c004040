"""A canvas and its socket: every ask ends in exactly one way, and what is drawn is what the Completer draws."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from threading import Semaphore

import numpy as np
import pytest

from codes.checkpoints.bundle import Bundle
from codes.formats.polyline_json import sketch_from_record
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.inference.requests import OUR_MISTAKE, SketchRequest
from codes.inference.scheduler import Scheduler
from codes.inference.variations import DecoderBatch
from codes.web.protocol import CANDIDATES
from tests.support.asks import answers_to, ask, canvas, drawn, sketch_record, types, wait_for
from tests.support.worlds import CATEGORIES, prefixes, tiny_bundle


@pytest.fixture
def gate(monkeypatch) -> Semaphore:
    """Points are drawn only as it lets them: ``gate.release(n)`` is n steps, so slow that others are heard between."""
    gate = Semaphore(0)
    step = DecoderBatch.step
    monkeypatch.setattr(DecoderBatch, "step", lambda self: (gate.acquire(timeout=60), time.sleep(0.005), step(self))[2])
    return gate


def expected(bundle: Bundle, sketch, **options):
    """What a scheduler draws alone of a sketch that came as JSON."""
    completer, events = Completer(bundle), []
    scheduler = Scheduler(completer.models, completer.models.decoders.load)
    asked = SamplingOptions(candidates=CANDIDATES, **options)
    scheduler.submit(SketchRequest(sketch_from_record(sketch_record(sketch)), asked, events.append))
    while scheduler.requests:
        scheduler.run_once()
    return events[-1].completions


def assert_same(heard, completions):
    """Rows, ends and likelihoods are those of ``completions``."""
    rows, done = drawn(heard), heard[-1]["drawings"]
    assert [each["variation"] for each in done] == list(range(len(completions)))
    for each, completion in zip(done, completions, strict=True):
        assert (each["category"], each["ended"]) == (completion.category, completion.ended)
        assert each["log_likelihood"] == pytest.approx(completion.log_likelihood, rel=1e-3, abs=1e-2)
        theirs = completion.sketch.points[completion.sketch.prefix_rows :]
        ours = rows[each["variation"]]
        if completion.ended and len(ours):
            ours[-1, 2] = 1
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_an_ask_is_answered_in_order(client):
    with canvas(client) as socket:
        socket.send_json(ask(7, prefixes(1)[0], draw=3))
        heard = answers_to(7, socket)
    assert types(heard) == ["route", "drawing", "ink", "done"]
    route, drawing = heard[0], heard[1]
    assert next(iter(route["probabilities"])) == route["category"]
    assert sum(route["probabilities"].values()) == pytest.approx(1)
    assert drawing["categories"] == [route["category"]] * 3
    assert drawing["candidates"] == [CANDIDATES] * 3


@pytest.mark.parametrize(
    "options", [{"draw": 1}, {"draw": 4, "seed": 5, "temperature": 1.0}, {"draw": 2, "max_points": 3}]
)
def test_streamed_points_equal_those_of_the_completer(client, bundle, options):
    for sketch in prefixes(3):
        with canvas(client) as socket:
            socket.send_json(ask(1, sketch, **options))
            heard = answers_to(1, socket)
        changed = {**options, "variations": options["draw"]}
        del changed["draw"]
        assert_same(heard, expected(bundle, sketch, **changed))


def test_variations_run_on_through_the_categories(client, bundle):
    sketch = prefixes(1)[0]
    with canvas(client) as socket:
        socket.send_json(ask(1, sketch, draw=2, top=3))
        heard = answers_to(1, socket)
    order = list(heard[0]["probabilities"])
    assert heard[1]["categories"] == [name for name in order for _ in range(2)]
    assert_same(heard, expected(bundle, sketch, variations=2, top=3))


@pytest.mark.parametrize("draw", [0, 2])
def test_only_what_is_allowed_is_recognised_and_drawn(client, bundle, draw):
    """Where nothing is to be drawn, too; a name that is not known is refused, and the next ask is answered."""
    sketch, allowed = prefixes(1)[0], ["circle", "square"]
    whole = Completer(bundle).classify(sketch)
    assert whole.category not in allowed
    expected_route = Completer(bundle).classify(sketch_from_record(sketch_record(sketch)), allowed)
    with canvas(client) as socket:
        socket.send_json(ask(1, sketch, draw=draw, only=["square", "cow"]))
        assert "no category 'cow'" in answers_to(1, socket)[-1]["error"]
        socket.send_json(ask(2, sketch, draw=draw, only=allowed, draw_unknown=True))
        heard = answers_to(2, socket)
    assert heard[0]["probabilities"] == pytest.approx(expected_route.probabilities)
    assert list(heard[0]["probabilities"]) == list(expected_route.probabilities)
    assert {each["category"] for each in heard[-1]["drawings"]} == ({expected_route.category} if draw else set())


def test_drawings_of_many_canvases_are_those_of_each_alone(serving, bundle, monkeypatch):
    """They join while others are under way, with other seeds, temperatures and lengths."""
    under_way, step = [], DecoderBatch.step

    def slowly(batch):
        time.sleep(0.02)
        under_way.append(len({each.owner for each in batch.variations()}))
        return step(batch)

    monkeypatch.setattr(DecoderBatch, "step", slowly)
    client = serving(Completer(bundle))
    sketches = prefixes(6)
    asked = [
        {"draw": 1 + i % 3, "seed": i, "temperature": 0.3 + 0.2 * i, "max_points": 5 + 30 * (i % 2)} for i in range(6)
    ]
    with ExitStack() as stack:
        sockets = [stack.enter_context(canvas(client)) for _ in sketches]
        for number, (socket, sketch, options) in enumerate(zip(sockets, sketches, asked, strict=True)):
            socket.send_json(ask(number, sketch, category="square", **options))
            assert socket.receive_json()["type"] == "route"
            assert socket.receive_json()["type"] == "drawing"
        for number, (socket, sketch, options) in enumerate(zip(sockets, sketches, asked, strict=True)):
            heard = [{"rows": []}, *answers_to(number, socket)]
            changed = {**options, "variations": options["draw"], "category": "square"}
            del changed["draw"]
            assert_same(heard, expected(bundle, sketch, **changed))
    assert max(under_way) > 1


def test_a_new_ask_stops_the_old_one_at_the_next_point(serving, endless, gate):
    client = serving(endless)
    with canvas(client) as socket:
        socket.send_json(ask(1, prefixes(1)[0], draw=9, max_points=200))
        assert [socket.receive_json()["type"] for _ in range(2)] == ["route", "drawing"]
        gate.release(3)
        while socket.receive_json()["type"] != "ink":
            pass
        socket.send_json(ask(2, prefixes(1)[0], draw=1, max_points=4))
        gate.release(100)
        first = answers_to(1, socket)
        assert first[-1] == {"type": "stopped", "id": 1}
        assert sum(len(message.get("rows", [])) for message in first) < 9 * 100
        assert answers_to(2, socket)[-1]["type"] == "done"


def test_nothing_more_is_sent_after_stop(serving, endless, gate):
    client = serving(endless)
    with canvas(client) as socket:
        socket.send_json(ask(1, prefixes(1)[0]))
        assert [socket.receive_json()["type"] for _ in range(2)] == ["route", "drawing"]
        socket.send_json({"type": "stop"})
        gate.release(5)
        assert answers_to(1, socket)[-1]["type"] == "stopped"
        socket.send_json({"type": "stop"})
        socket.send_text("nonsense")
        assert socket.receive_json()["type"] == "refused"


def test_a_sketch_with_nothing_to_draw_is_only_recognised(client):
    with canvas(client) as socket:
        socket.send_json(ask(3, prefixes(1)[0], draw=0))
        heard = answers_to(3, socket)
    assert types(heard) == ["route", "done"]
    assert heard[-1]["drawings"] == []


@pytest.fixture
def wary(tmp_path) -> Bundle:
    """To it everything is unknown."""
    return tiny_bundle(tmp_path / "wary", {"known": 1.0, "sure": 0.5})


def test_an_unknown_sketch_is_drawn_only_if_asked_for(serving, wary):
    client = serving(Completer(wary))
    with canvas(client) as socket:
        socket.send_json(ask(1, prefixes(1)[0]))
        heard = answers_to(1, socket)
        assert types(heard) == ["route", "done"] and heard[0]["decision"] == "unknown"
        for changes in ({"draw_unknown": True}, {"category": "circle"}):
            socket.send_json(ask(2, prefixes(1)[0], **changes))
            assert types(answers_to(2, socket))[1] == "drawing"


def test_an_unknown_category_is_refused_with_a_sentence(client):
    with canvas(client) as socket:
        socket.send_json(ask(1, prefixes(1)[0], category="cow"))
        heard = answers_to(1, socket)
    assert heard[-1]["error"] == f"no category 'cow'; there are {', '.join(CATEGORIES)}"


def test_a_damaged_decoder_is_reported_and_others_still_draw(serving, tmp_path):
    bundle = tiny_bundle(tmp_path / "damaged")
    (bundle.folder / "decoders" / "circle" / "weights.safetensors").write_bytes(b"nonsense")
    client = serving(Completer(bundle))
    with canvas(client) as socket:
        for _ in range(2):
            socket.send_json(ask(1, prefixes(1)[0], category="circle"))
            assert "sha256" in answers_to(1, socket)[-1]["error"]
        socket.send_json(ask(2, prefixes(1)[0], category="square"))
        assert answers_to(2, socket)[-1]["type"] == "done"


def test_an_internal_error_is_reported_and_logged_and_the_engine_goes_on(serving, bundle, monkeypatch, caplog):
    client = serving(Completer(bundle))
    step = DecoderBatch.step
    monkeypatch.setattr(DecoderBatch, "step", lambda self: 1 / 0)
    with canvas(client) as socket:
        socket.send_json(ask(1, prefixes(1)[0]))
        heard = answers_to(1, socket)
        assert heard[-1] == {
            "type": "refused",
            "id": 1,
            "error": OUR_MISTAKE,
        }
        monkeypatch.setattr(DecoderBatch, "step", step)
        socket.send_json(ask(2, prefixes(1)[0]))
        assert answers_to(2, socket)[-1]["type"] == "done"
    assert "ZeroDivisionError" in caplog.text


def test_drawings_stop_when_their_client_leaves(serving, endless, gate):
    client = serving(endless)
    with canvas(client) as socket:
        socket.send_json(ask(1, prefixes(1)[0], draw=9))
        assert [socket.receive_json()["type"] for _ in range(2)] == ["route", "drawing"]
        gate.release(1)
        assert socket.receive_json()["type"] == "ink"
    gate.release(100)
    wait_for(lambda: client.get("/health").json()["drawings"] == 0)


def test_a_pen_that_is_still_down_goes_on_from_there(client, bundle):
    sketch = prefixes(1)[0]
    points = np.array(sketch.points)
    points[-1, 2] = 0
    down = replace(sketch, points=points)
    with canvas(client) as socket:
        socket.send_json(ask(1, down, category="circle"))
        assert_same(answers_to(1, socket), expected(bundle, down, category="circle"))
