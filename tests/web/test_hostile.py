"""Whatever is sent, the answer is one sentence, and the server goes on."""

from __future__ import annotations

import json

import pytest

from codes.inference.requests import OUR_MISTAKE
from codes.web.limits import Limits
from codes.web.protocol import InvalidMessage, parse_message
from tests.support.asks import answers_to, ask, canvas
from tests.support.worlds import prefixes

DOT = {"strokes": [[[0, 0], [9, 9]]]}
LINE = '{"type": "ask", "id": 1, "sketch": {"strokes": [[[%s, 0], [9, 9]]]}}'
HOSTILE = [
    "",
    "nonsense",
    "{",
    "null",
    "[]",
    "7",
    '"ask"',
    "{}",
    "\x00",
    "\ud800",
    "[" * 100_000,
    '{"a":' * 50_000,
    "1" * 100_000,
    '{"type": "ask", "type": "ask"}',
    LINE % "NaN",
    LINE % "Infinity",
    LINE % "-Infinity",
    LINE % "1e999",
    LINE % "1e7",
    LINE % "true",
    LINE % '"1"',
    LINE % "null",
    LINE % ("9" * 5000),
    *(json.dumps(each) for each in (
        {"type": "ask"},
        {"type": "route", "id": 1},
        {"type": ["ask"], "id": 1, "sketch": DOT},
        {"type": "ask", "id": "1", "sketch": DOT},
        {"type": "ask", "id": True, "sketch": DOT},
        {"type": "ask", "id": -1, "sketch": DOT},
        {"type": "ask", "id": 2**53, "sketch": DOT},
        {"type": "ask", "id": 1.5, "sketch": DOT},
        {"type": "ask", "id": 1, "sketch": None},
        {"type": "ask", "id": 1, "sketch": []},
        {"type": "ask", "id": 1, "sketch": {}},
        {"type": "ask", "id": 1, "sketch": {"strokes": []}},
        {"type": "ask", "id": 1, "sketch": {"strokes": [[]]}},
        {"type": "ask", "id": 1, "sketch": {"strokes": [[[]]]}},
        {"type": "ask", "id": 1, "sketch": {"strokes": [[[1]]]}},
        {"type": "ask", "id": 1, "sketch": {"strokes": [[[1, 2, 3]]]}},
        {"type": "ask", "id": 1, "sketch": {"strokes": [[1, 2]]}},
        {"type": "ask", "id": 1, "sketch": {"strokes": {"0": [[1, 2]]}}},
        {"type": "ask", "id": 1, "sketch": {"strokes": "abc"}},
        {"type": "ask", "id": 1, "sketch": {**DOT, "unit": 0}},
        {"type": "ask", "id": 1, "sketch": {**DOT, "unit": -1}},
        {"type": "ask", "id": 1, "sketch": {**DOT, "unit": "1"}},
        {"type": "ask", "id": 1, "sketch": {**DOT, "unit": 1e-300}},
        {"type": "ask", "id": 1, "sketch": {**DOT, "unit": 5e-324}},
        {"type": "ask", "id": 1, "sketch": {**DOT, "pen_down": 1}},
        {"type": "ask", "id": 1, "sketch": {**DOT, "path": "/etc/passwd"}},
        {"type": "ask", "id": 1, "sketch": DOT, "draw": -1},
        {"type": "ask", "id": 1, "sketch": DOT, "draw": "9"},
        {"type": "ask", "id": 1, "sketch": DOT, "draw": True},
        {"type": "ask", "id": 1, "sketch": DOT, "draw": 10**30},
        {"type": "ask", "id": 1, "sketch": DOT, "top": 0},
        {"type": "ask", "id": 1, "sketch": DOT, "temperature": -0.1},
        {"type": "ask", "id": 1, "sketch": DOT, "temperature": [0.4]},
        {"type": "ask", "id": 1, "sketch": DOT, "seed": -1},
        {"type": "ask", "id": 1, "sketch": DOT, "seed": 2**63},
        {"type": "ask", "id": 1, "sketch": DOT, "category": 7},
        {"type": "ask", "id": 1, "sketch": DOT, "category": "circle", "top": 2},
        {"type": "ask", "id": 1, "sketch": DOT, "category": "c" * 201},
        {"type": "ask", "id": 1, "sketch": DOT, "only": "circle"},
        {"type": "ask", "id": 1, "sketch": DOT, "only": None},
        {"type": "ask", "id": 1, "sketch": DOT, "only": {"circle": True}},
        {"type": "ask", "id": 1, "sketch": DOT, "only": ["circle", 7]},
        {"type": "ask", "id": 1, "sketch": DOT, "only": [["circle"]]},
        {"type": "ask", "id": 1, "sketch": DOT, "only": ["circle"] * 1001},
        {"type": "ask", "id": 1, "sketch": DOT, "only": ["circle", "x" * 201]},
        {"type": "ask", "id": 1, "sketch": DOT, "only": ["circle"], "category": "circle"},
        {"type": "ask", "id": 1, "sketch": DOT, "draw_unknown": "yes"},
        {"type": "ask", "id": 1, "sketch": DOT, "max_points": 0},
        {"type": "ask", "id": 1, "sketch": DOT, "latent": "prior"},
        {"type": "ask", "id": 1, "sketch": DOT, "variations": 3},
        {"type": "ask", "id": 1, "sketch": DOT, "candidates": 2},
        {"type": "ask", "id": 1, "sketch": DOT, "model": "../other"},
    )),
]  # fmt: skip


def asking(**changes):
    """An ask as text, with some fields changed or added."""
    return json.dumps({"type": "ask", "id": 1, "sketch": DOT, **changes})


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_bad_message_is_answered_with_one_sentence(text):
    message = parse_message(text, Limits())
    assert isinstance(message, InvalidMessage)
    sentence = str(message.error)
    assert sentence and "\n" not in sentence and len(sentence) < 300
    assert message.id in (None, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nonsense", "the message cannot be read: it is no JSON"),
        (LINE % "NaN", "NaN is no number"),
        (LINE % "1e999", "inf is no number between"),
        (LINE % ("9" * 5000), "absurdly long"),
        ('{"type": "ask", "id": 1, "id": 2}', "the same name twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "the message: expected object, got array"),
        ('{"type": "route"}', "type: it is 'ask' or 'stop', not 'route'"),
        ('{"type": "ask", "id": 1}', "the message: the field 'sketch' is missing"),
        (asking(type="x" * 5000), "type: it is 'ask' or 'stop', not 'xxx"),
        (asking(id="1"), "id: expected int, got str"),
        (asking(sketch=7), "sketch: expected object, got int"),
        (asking(sketch={}), "sketch: the field 'strokes' is missing"),
        (asking(sketch={"strokes": [[[1, 2]], 3]}), "sketch.strokes[1]: expected array, got int"),
        (asking(sketch={"strokes": [[[1, 2, 3]]]}), "sketch: each point must be [x, y]"),
        (asking(seed=-1), "seed: expected int >= 0"),
        (asking(seed=1.5), "seed: expected int, got float"),
        (asking(temperature=True), "temperature: expected float, got bool"),
        (asking(category=7), "category: expected str | null, got int"),
        (asking(only="circle"), "only: expected array, got str"),
        (asking(only=["circle", 7]), "only[1]: expected str, got int"),
        (asking(only=["circle"], category="square"), "only says what it may be; give one of the two"),
        (asking(only=[], category="square", top=2), "give one of the two"),
        (asking(candidates=2), "the message: there is no field 'candidates'; there are temperature, seed, category,"),
        (asking(**{"x" * 5000: 2}), f"there is no field '{'x' * 40}'; there are"),
        (asking(**{"two\nlines": 2}), r"there is no field 'two\nlines'; there are"),
    ],
    ids=range(26),
)
def test_the_sentence_names_the_field_and_the_fault(text, sentence):
    message = parse_message(text, Limits())
    assert isinstance(message, InvalidMessage) and sentence in str(message.error)
    assert "\n" not in str(message.error) and len(str(message.error)) < 300


def test_an_internal_error_in_parsing_is_answered_and_logged(monkeypatch, caplog):
    monkeypatch.setattr("codes.web.protocol.simplify_drawn", lambda sketch: 1 / 0)
    message = parse_message(json.dumps(ask(4, prefixes(1)[0])), Limits())
    assert message == InvalidMessage(4, message.error) and str(message.error) == OUR_MISTAKE
    assert "ZeroDivisionError" in caplog.text


def test_an_absurd_but_valid_sketch_is_answered(client):
    absurd = [
        {"strokes": [[[5, 5]]]},
        {"strokes": [[[5, 5]] * 2000]},
        {"strokes": [[[0, 0], [1e6, -1e6], [-1e6, 1e6]]]},
        {"strokes": [[[0, 0], [1e-300, 0]]]},
        {"strokes": [[[0, 0], [9, 9]]], "unit": 1e6},
        {"strokes": [[], [[0, 0], [9, 9]], []], "pen_down": True},
    ]
    with canvas(client) as socket:
        for number, sketch in enumerate(absurd):
            socket.send_json({"type": "ask", "id": number, "sketch": sketch, "draw": 2, "draw_unknown": True})
            assert answers_to(number, socket)[-1]["type"] in ("done", "refused"), sketch
        socket.send_json(ask(99, prefixes(1)[0]))
        assert answers_to(99, socket)[-1]["type"] == "done"


def test_a_canvas_that_sent_nonsense_is_still_answered(client):
    with canvas(client) as socket:
        for text in HOSTILE:
            socket.send_text(text)
            assert socket.receive_json()["type"] == "refused"
        socket.send_bytes(b"\x00\x01")
        assert "text frame" in socket.receive_json()["error"]
        socket.send_json(ask(2, prefixes(1)[0]))
        assert answers_to(2, socket)[-1]["type"] == "done"
    health = client.get("/health").json()
    assert health["counts"]["misunderstood"] >= len(HOSTILE) - 5
    assert health["connections"] == 0


def test_sockets_closed_at_any_moment_leave_nothing_behind(client):
    for moment in range(6):
        with canvas(client) as socket:
            socket.send_json(ask(1, prefixes(1)[0], draw=9))
            for _ in range(min(moment, 3)):
                socket.receive_json()
    with canvas(client) as socket:
        socket.send_json(ask(1, prefixes(1)[0]))
        assert answers_to(1, socket)[-1]["type"] == "done"
    health = client.get("/health").json()
    assert (health["connections"], health["drawings"]) == (0, 0)
