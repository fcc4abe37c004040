"""Every bound answers with a sentence, is counted, and leaves the server as it was."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace

import anyio
import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from codes.inference.completer import Completer
from codes.strokes.stroke3 import Sketch
from codes.web.limits import Counters, Limits, TokenBucket
from codes.web.socket import Outbox
from tests.support.asgi import run, running
from tests.support.asks import answers_to, ask, canvas, sketch_record, wait_for
from tests.support.worlds import prefixes

DOT = {"strokes": [[[0, 0], [9, 9]]]}


def saw(strokes: int, points: int, reach: float = 60.0) -> dict[str, object]:
    """So many strokes of so many points, all of them corners."""
    line = [[10.0 * i, reach * (i % 2)] for i in range(points)]
    return {"strokes": [line] * strokes, "unit": 1}


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("message_bytes", 400, {"type": "ask", "id": 1, "sketch": saw(1, 60)}),
        ("points", 20, {"type": "ask", "id": 1, "sketch": saw(3, 7)}),
        ("strokes", 2, {"type": "ask", "id": 1, "sketch": saw(3, 2)}),
        ("rows", 20, {"type": "ask", "id": 1, "sketch": saw(1, 30)}),
        ("variations", 3, {"type": "ask", "id": 1, "sketch": DOT, "draw": 4}),
        ("top", 2, {"type": "ask", "id": 1, "sketch": DOT, "top": 3}),
        ("max_points", 50, {"type": "ask", "id": 1, "sketch": DOT, "max_points": 51}),
        ("names", 2, {"type": "ask", "id": 1, "sketch": DOT, "only": ["circle", "square", "circle"]}),
        ("letters", 7, {"type": "ask", "id": 1, "sketch": DOT, "only": ["circle", "rectangle"]}),
        ("letters", 7, {"type": "ask", "id": 1, "sketch": DOT, "category": "rectangle"}),
    ],
)
def test_too_much_in_a_message_is_refused_and_counted(serving, bundle, limit, most, message):
    client = serving(Completer(bundle), **{limit: most})
    with canvas(client) as socket:
        socket.send_json(message)
        heard = socket.receive_json()
        assert heard["type"] == "refused" and str(most) in heard["error"] and "\n" not in heard["error"]
        assert heard["id"] == (None if limit == "message_bytes" else 1)
        socket.send_json({"type": "ask", "id": 2, "sketch": DOT, "max_points": 3})
        assert answers_to(2, socket)[-1]["type"] == "done"
    assert client.get("/health").json()["limits"][limit] == 1


def test_exactly_the_limit_is_allowed(serving, bundle):
    client = serving(Completer(bundle), points=21, strokes=3, variations=3, top=2, max_points=5, names=2, letters=6)
    with canvas(client) as socket:
        more = {"draw": 3, "top": 2, "max_points": 5, "only": ["circle", "square"], "draw_unknown": True}
        socket.send_json({"type": "ask", "id": 1, "sketch": saw(3, 7), **more})
        assert len(answers_to(1, socket)[-1]["drawings"]) == 6
    assert not any(client.get("/health").json()["limits"].values())


def test_a_canvas_too_many_is_turned_away_until_another_leaves(serving, bundle):
    client = serving(Completer(bundle), connections=2)
    with canvas(client), canvas(client) as second:
        with canvas(client) as third:
            assert "2 others are drawing" in third.receive_json()["error"]
            with pytest.raises(WebSocketDisconnect) as closed:
                third.receive_json()
            assert closed.value.code == 1013
        second.close()
        wait_for(lambda: client.get("/health").json()["connections"] == 1)
        with canvas(client) as fourth:
            fourth.send_json(ask(1, prefixes(1)[0], draw=0))
            assert answers_to(1, fourth)[-1]["type"] == "done"
    health = client.get("/health").json()
    assert (health["limits"]["connections"], health["connections"]) == (1, 0)


def test_a_client_that_sends_too_fast_is_told_and_read_slowly(serving, bundle, monkeypatch):
    naps = []

    async def nap(seconds):
        naps.append(seconds)
        await anyio.sleep(0)

    monkeypatch.setattr("codes.web.socket.time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr("codes.web.socket.sleep", nap)
    client = serving(Completer(bundle), messages_a_second=4.0, burst=3)
    with canvas(client) as socket:
        for _ in range(8):
            socket.send_text("[]")
        errors = [socket.receive_json()["error"] for _ in range(8)]
    told = ["4 messages a second" in error for error in errors]
    assert told == [False] * 3 + [True] * 5 and naps.count(1 / 4.0) == 5
    assert client.get("/health").json()["limits"]["messages_a_second"] == 5


def test_a_request_too_many_is_told_to_try_again_later(serving, bundle):
    client = serving(Completer(bundle), requests=0)
    answer = client.post("/api/complete", json={"sketch": DOT})
    assert answer.status_code == 503 and "try again later" in answer.json()["error"]
    assert client.get("/health").json()["limits"]["requests"] == 1


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/complete", "message_bytes"), ("/api/read?name=a.svg", "file_bytes")]
)
def test_a_body_that_is_too_long_is_refused_before_it_is_read(serving, bundle, path, limit):
    client = serving(Completer(bundle), **{limit: 100})
    answer = client.post(path, content=b"x" * 101)
    assert answer.status_code == 413 and "100 bytes" in answer.json()["error"]
    assert client.get("/health").json()["limits"][limit] == 1


async def health_of(connect):
    connection = connect({"type": "http", "method": "GET", "path": "/health"})
    await connection.over()
    await connection.receive()
    return json.loads((await connection.receive())["body"])


def test_a_body_that_does_not_come_is_refused_after_a_time(app):
    async def test():
        async with running(app(client_timeout=0.05)) as connect:
            connection = connect({"type": "http", "method": "POST", "path": "/api/complete"})
            connection.sent.put_nowait({"type": "http.request", "body": b"{", "more_body": True})
            assert (await connection.receive())["status"] == 408
            assert "did not come" in json.loads((await connection.receive())["body"])["error"]
            await connection.over()
            assert (await health_of(connect))["requests"] == 0

    run(test)


def test_waiting_ink_is_joined_and_thrown_away_when_its_request_is_stopped():
    woken = []
    box = Outbox(3, lambda: woken.append(1))
    for row in range(1000):
        box.put({"type": "ink", "id": 1, "rows": [[0, row]]})
    assert len(woken) == 1
    box.put({"type": "ink", "id": 2, "rows": [[0, 7]]})
    box.put({"type": "stopped", "id": 1})
    assert box.take() == [{"type": "ink", "id": 2, "rows": [[0, 7]]}, {"type": "stopped", "id": 1}]
    assert box.take() == []


def test_a_full_outbox_takes_no_more_messages():
    box = Outbox(3, lambda: None)
    for number in range(100):
        box.put({"type": "refused", "id": number})
    assert box.full
    assert len(box.take()) <= 4


def test_a_client_that_does_not_read_is_cut_off(app, monkeypatch):
    """The connection takes nothing more; the session ends, and what waited is gone."""
    monkeypatch.setattr("codes.web.socket.CLOSE_TIMEOUT", 0.05)

    async def test():
        async with running(app(client_timeout=0.05)) as connect:
            connection = connect({"type": "websocket", "path": "/live"})
            connection.sent.put_nowait({"type": "websocket.connect"})
            assert (await connection.receive())["type"] == "websocket.accept"
            connection.takes.clear()
            connection.send_json({"type": "ask", "id": 1, "sketch": DOT})
            await connection.over()
            assert connection.received.empty()
            health = await health_of(connect)
            assert (health["limits"]["client_timeout"], health["connections"]) == (1, 0)

    run(test)


def test_a_token_bucket_refills_with_time():
    pace = TokenBucket(rate=2.0, burst=2, now=0.0)
    assert [pace.take(0.0) for _ in range(3)] == [True, True, False]
    assert [pace.take(0.6), pace.take(0.6)] == [True, False]
    assert [pace.take(100.0) for _ in range(3)] == [True, True, False]


def test_counters_are_sorted_by_name():
    counters = Counters()
    for name in ("b", "a", "b"):
        counters.add(name)
    assert list(counters.counts().items()) == [("a", 1), ("b", 2)]


def test_the_model_lists_all_limits(client):
    assert client.get("/api/model").json()["limits"].keys() == asdict(Limits()).keys()


def test_a_real_sketch_is_within_the_limits(client):
    rng = np.random.default_rng(0)
    heading = np.cumsum(rng.normal(scale=0.2, size=3000))
    lifts = np.arange(3000) % 100 == 99
    sketch = Sketch(np.column_stack([np.cos(heading), np.sin(heading), lifts]), drawn=True, unit=1.0)
    answer = client.post("/api/complete", json={"sketch": sketch_record(sketch), "options": {"max_points": 5}})
    assert answer.status_code == 200, answer.json()
