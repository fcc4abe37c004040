"""Sketches of points that come from anywhere are those that a file with the same strokes gives."""

from __future__ import annotations

import numpy as np
import pytest

import codes
from codes.errors import BadOption, BadSketch
from codes.formats import svg_in
from codes.strokes.stroke3 import LIFT, Page

LINES = [[(20.0, 30.0), (80.0, 30.0), (80.0, 70.0)], [(40.0, 50.0), (60.0, 55.0)]]


def picture(width: float, height: float, scale: float = 1.0) -> str:
    paths = "".join(
        '<path d="M' + "L".join(f"{x * scale} {y * scale}" for x, y in line) + '" stroke="#000"/>' for line in LINES
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{paths}</svg>'


@pytest.mark.parametrize("scale", [1.0, 0.01, 25.4])
def test_points_give_what_the_picture_gives(scale):
    """In pixels, from 0 to 1, or in any other unit."""
    lines = [[(x * scale, y * scale) for x, y in line] for line in LINES]
    made = codes.sketch(lines, canvas=(100 * scale, 100 * scale))
    expected = svg_in.decode(picture(100 * scale, 100 * scale, scale))
    np.testing.assert_allclose(made.points, expected.points)
    assert made.unit == pytest.approx(expected.unit)
    assert (made.drawn, made.page) == (expected.drawn, expected.page)


@pytest.mark.parametrize(
    "lines",
    [
        [np.array(line) for line in LINES],
        tuple(map(tuple, LINES)),
        iter(LINES),
        [np.array(line, dtype=np.float32) for line in LINES],
        [[(*point, 0.7) for point in line] for line in LINES],
        [*LINES, []],
    ],
    ids=["arrays", "tuples", "iterator", "float32", "pressure", "an empty stroke"],
)
def test_lists_and_arrays_are_alike(lines):
    assert codes.sketch(lines, canvas=(100, 100)) == codes.sketch(LINES, canvas=(100, 100))


def test_one_stroke_may_come_alone():
    for alone in (LINES[0], np.array(LINES[0])):
        assert codes.sketch(alone) == codes.sketch([LINES[0]])


def test_a_stroke_that_goes_on_does_not_lift():
    assert codes.sketch(LINES).points[-1, LIFT] == 1
    assert codes.sketch(LINES, pen_down=True).points[-1, LIFT] == 0


def test_a_canvas_may_be_another_sketch_s_page():
    page = Page(-10.0, -20.0, 300.0, 200.0, ("30cm", "20cm"))
    assert codes.sketch(LINES, canvas=page).page == page


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "no points"),
        ([[]], "no points"),
        ("cat.svg", "not 'cat.svg'"),
        (7, "not 7"),
        ([[(1, 2), (3, np.nan)]], "stroke 0 has a position that is not finite"),
        ([LINES[0], [1, 2, 3, 4]], r"stroke 1 has shape \(4,\)"),
        ([[[1, 2, 3, 4], [5, 6, 7, 8]]], r"turn it round with \.T"),
        ([["a", "b"]], "stroke 0 is no list of positions"),
    ],
)
def test_what_is_no_drawing_is_told_in_a_sentence(lines, sentence):
    with pytest.raises(BadSketch, match=sentence):
        codes.sketch(lines)


@pytest.mark.parametrize("canvas", [(0, 10), (10,), 7, "a4", (np.inf, 3), (3, -1)])
def test_a_canvas_has_a_width_and_a_height(canvas):
    with pytest.raises(BadOption, match="a canvas"):
        codes.sketch(LINES, canvas=canvas)
