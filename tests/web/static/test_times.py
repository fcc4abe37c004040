"""The benchmark of the canvas reads marks that the page really sets, and counts what it says it counts."""

from __future__ import annotations

import pytest

from benchmarks.live.canvas import Waits, answered


def test_the_page_marks_when_it_answers(page, half):
    page.draw(half("half-a-bicycle"))
    bars, first_ink = answered(page)
    assert 0 < bars < 20_000 and 0 < first_ink < 20_000


def test_strokes_without_an_answer_are_counted_separately():
    waits = Waits()
    for marks in ([10.0, 20.0], None, [30.0, 60.0], [20.0, 40.0]):
        waits.add(marks)
    figures = waits.figures()
    assert (figures["bars_ms"], figures["first_ink_ms"]) == (20.0, 40.0)
    assert (figures["strokes"], figures["unanswered"]) == (3, 1)
    assert figures["bars_p95_ms"] == pytest.approx(29.0)
