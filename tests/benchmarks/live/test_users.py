"""The benchmarks of the live canvas measure what they say; tiny, no speed is tested."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.live import __main__ as live
from benchmarks.live.users import ASK_EVERY, SentRequest, example_sketches, user_messages
from codes.checkpoints.bundle import write_catalogue
from codes.errors import BadOption
from codes.inference.completer import Completer
from codes.strokes.stroke3 import MAX_POINTS, Sketch
from tests.support.worlds import CATEGORIES, doodles, tiny_bundle


def run(*words: object) -> dict[str, float]:
    result = CliRunner().invoke(live.main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures


def test_a_user_draws_stroke_by_stroke_and_asks_at_the_end_of_each():
    messages = list(user_messages(3, 20.0, 4, example_sketches()))
    times = [each.time for each in messages]
    assert times == sorted(times) and 15 < times[-1] < 40
    assert {each.message["draw"] for each in messages} == {0, 4}
    assert [each.message["id"] for each in messages] == list(range(len(messages)))
    for before, after in pairwise(messages):
        if before.message["sketch"]["pen_down"]:
            assert after.time - before.time == pytest.approx(ASK_EVERY)
            grown = [len(each.message["sketch"]["strokes"][-1]) for each in (before, after)]
            assert 0 < grown[0] <= grown[1] < MAX_POINTS
    again = user_messages(3, 20.0, 4, example_sketches())
    assert [each.message for each in again] == [each.message for each in messages]


def test_each_may_draw_other_things_of_the_catalogue(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    with pytest.raises(BadOption, match="too few for 2 people"):
        live.messages_of(2, 5.0, 4, str(bundle.folder))
    shown = [Sketch(rows.astype(float), category=name) for name, rows in zip(CATEGORIES, doodles(3), strict=True)]
    write_catalogue(bundle, shown)
    first, second = (list(each) for each in live.messages_of(2, 5.0, 4, str(bundle.folder)))
    assert [each.message for each in first] == [each.message for each in user_messages(0, 5.0, 4, shown[0::2])]
    assert [each.message for each in second] == [each.message for each in user_messages(1, 5.0, 4, shown[1::2])]


@pytest.mark.slow
def test_users_wait_and_every_answer_is_right(bundle):
    figures = run("people", "--people", 2, "--seconds", 3, "--draw", 2, "--model", bundle.folder)
    assert figures["asks"] == figures["done"] + figures["stopped"] and figures["refused"] == 0
    assert figures["checked"] > 0 and figures["wrong"] == 0
    assert 0 < figures["bars_p50_ms"] <= figures["bars_p95_ms"] and 0 < figures["ink_p50_ms"] <= figures["ink_p95_ms"]


def test_an_answer_that_is_wrong_is_seen(bundle):
    completer = Completer(bundle)
    message = next(each.message for each in user_messages(1, 5.0, 2, example_sketches()) if each.message["draw"])
    sent = live.ask_engine(completer, message)
    assert live.check(completer, [sent]) == {"checked": 1, "wrong": 0}
    for change in (shift, lengthen, rename):
        other = live.ask_engine(completer, message)
        change(other)
        assert live.check(completer, [other])["wrong"] == 1, change


def shift(sent: SentRequest) -> None:
    ink = next(message for message in sent.heard if message["type"] == "ink")
    ink["rows"][0][1] += 5.0 if not ink["rows"][0][4] else 0.0
    ink["rows"][1][1] += 5.0


def lengthen(sent: SentRequest) -> None:
    sent.heard.insert(-1, {"type": "ink", "rows": [[0, 1.0, 1.0, 0, 0]] * 300})


def rename(sent: SentRequest) -> None:
    sent.heard[0]["probabilities"] = dict.fromkeys(sent.heard[0]["probabilities"], 0.1)


def test_the_engine_alone_is_simulated_on_a_clock_of_its_own(bundle):
    figures = run("engine", "--people", 3, "--seconds", 4, "--draw", 3, "--model", bundle.folder)
    assert figures["asks"] == figures["done"] + figures["stopped"]
    assert 0 < figures["busy"] < 1 and figures["points"] > 0
    assert np.isfinite(figures["ink_p95_ms"])


@pytest.mark.slow
def test_the_hostile_are_answered_and_gone(bundle):
    figures = run("hostile", "--messages", 60, "--sockets", 3, "--model", bundle.folder)
    assert figures["open"] == 0 and figures["good_after_ms"] > 0
    assert figures["answers"] + figures["cut"] > 0
