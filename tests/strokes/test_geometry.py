"""Bounds, resampling and simplification agree with hand-made shapes and with Google's own pairs of files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codes.errors import BadSketch
from codes.strokes.geometry import (
    MAX_SAMPLES,
    Bounds,
    bounds,
    in_quickdraw_pixels,
    ramer_douglas_peucker,
    resample,
    simplify_drawn,
    simplify_like_quickdraw,
    unit_of_canvas,
)
from codes.strokes.stroke3 import LIFT, OFFSET, Sketch, sketch_from_polylines

SQUARE = np.array([[0.0, 0.0], [10, 0], [10, 10], [0, 10], [0, 0]])

coordinates = st.floats(-500, 500, allow_nan=False, width=32)
lines = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=25).map(lambda line: np.array(line, float))
drawings = st.lists(lines, min_size=1, max_size=5)


def distance_from_segments(point: np.ndarray, line: np.ndarray) -> float:
    """Return the distance to the nearest point of any segment, in an independent, slow way."""
    best = float(np.hypot(*(point - line[0])))
    for start, end in pairwise(line):
        along = end - start
        share = np.clip((point - start) @ along / (along @ along), 0, 1) if along.any() else 0.0
        best = min(best, float(np.hypot(*(point - start - share * along))))
    return best


def test_bounds_hold_all_strokes() -> None:
    box = bounds([np.array([[1.0, 2.0]]), np.array([[-3.0, 5.0], [0.0, 9.0]])])
    assert box == Bounds(-3, 2, 1, 9)
    assert (box.width, box.height, box.longest) == (4, 7, 7)


@pytest.mark.parametrize("nothing", [[], [np.empty((0, 2))]])
def test_bounds_of_nothing_are_refused(nothing: list[np.ndarray]) -> None:
    with pytest.raises(BadSketch, match="no points"):
        bounds(nothing)


def test_resampled_points_lie_at_equal_steps_and_keep_the_end() -> None:
    line = resample(np.array([[0.0, 0.0], [2.5, 0.0], [2.5, 2.0]]), 1.0)
    assert line.tolist() == [[0, 0], [1, 0], [2, 0], [2.5, 0.5], [2.5, 1.5], [2.5, 2]]


def test_resampling_steps_over_points_drawn_twice() -> None:
    twice = np.array([[0.0, 0.0], [0, 0], [2, 0], [2, 0], [3, 0]])
    assert resample(twice, 1.0).tolist() == [[0, 0], [1, 0], [2, 0], [3, 0]]


def test_resampling_a_dot_gives_it_back_twice() -> None:
    assert resample(np.array([[3.0, 4.0]]), 1.0).tolist() == [[3, 4], [3, 4]]


def test_peucker_keeps_corners_only() -> None:
    assert ramer_douglas_peucker(resample(SQUARE, 1.0), 0.5).tolist() == SQUARE.tolist()


def test_peucker_epsilon_is_the_largest_distance_dropped() -> None:
    bump = np.array([[0.0, 0.0], [5.0, 2.0], [10.0, 0.0]])
    assert len(ramer_douglas_peucker(bump, 2.0)) == 2
    assert len(ramer_douglas_peucker(bump, 1.999)) == 3


def test_peucker_measures_from_the_infinite_line() -> None:
    """In Google's files, a pen that goes past the end of the chord and comes back leaves no corner."""
    beyond = np.array([[0.0, 0.0], [20.0, 1.0], [10.0, 0.0]])
    assert len(ramer_douglas_peucker(beyond, 2.0)) == 2


@given(lines)
def test_peucker_returns_points_of_the_line_in_order_with_both_ends(line: np.ndarray) -> None:
    fewer = ramer_douglas_peucker(line, 2.0)
    assert (fewer[0] == line[0]).all()
    assert (fewer[-1] == line[-1]).all()
    rest = iter(line.tolist())
    assert all(point in rest for point in fewer.tolist())


def test_peucker_takes_twenty_thousand_points_without_recursion() -> None:
    zigzag = np.column_stack([np.arange(20_000) / 80, np.arange(20_000) % 2 * 3.0])
    assert len(ramer_douglas_peucker(zigzag, 2.0)) > 10_000


def test_quickdraw_simplification_of_a_square_drawn_with_many_points() -> None:
    """A golden drawing worked out by hand: shifted to 0, scaled to 255, corners only."""
    raw = [resample(SQUARE, 0.1) * 7 + 30, np.array([[65.0, 65.0]])]
    square, dot = simplify_like_quickdraw(raw)
    assert square.tolist() == [[0, 0], [255, 0], [255, 255], [0, 255], [0, 0]]
    assert dot.tolist() == [[128, 128], [128, 128]]


def test_quickdraw_simplification_resamples_before_it_simplifies() -> None:
    """Corners between two samples are cut, as in Google's files: the spike is 5 high, its highest sample lower."""
    spike = [np.array([[0.0, 0.0], [100.3, 0.0], [100.8, 5.0], [101.3, 0.0], [255.0, 0.0]])]
    heights = simplify_like_quickdraw(spike)[0][:, 1]
    assert 2 < heights.max() <= 5
    assert len(heights) > 2


@given(drawings)
def test_quickdraw_simplification_gives_integers_from_0_to_255(drawing: list[np.ndarray]) -> None:
    simplified = simplify_like_quickdraw(drawing)
    together = np.concatenate(simplified)
    assert len(simplified) == len(drawing)
    assert (together == np.round(together)).all()
    assert together.min() >= 0
    assert together.max() <= 255


def golden_pairs() -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    folder = Path(os.environ["HALFDRAWN_DATA"])
    raw, simplified = (
        {
            record["key_id"]: [np.array(stroke[:2], dtype=float).T for stroke in record["drawing"]]
            for path in sorted((folder / kind).glob("*.ndjson"))
            for record in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        }
        for kind in ("raw-ndjson", "simplified-ndjson")
    )
    return [(raw[key], simplified[key]) for key in simplified]


@pytest.mark.skipif("HALFDRAWN_DATA" not in os.environ, reason="needs the golden pairs")
def test_quickdraw_simplification_reproduces_googles_files() -> None:
    """122 of 125 drawings agree in every number; in the others rounding errors decide between equal distances."""
    pairs = golden_pairs()
    assert len(pairs) == 125
    agree = [
        len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
        for ours, theirs in ((simplify_like_quickdraw(raw), simplified) for raw, simplified in pairs)
    ]
    assert sum(agree) >= 120


def wave(points: int = 200) -> np.ndarray:
    x = np.linspace(0, 100, points)
    return np.column_stack([x, 20 * np.sin(x / 10)])


def drawn_sketch(unit: float = 1.0, lift: float = 1.0) -> Sketch:
    lines = [wave() * unit, np.array([[50.0, 60.0]]) * unit, (wave() + np.array([0, 40])) * unit]
    sketch = sketch_from_polylines(lines, unit=unit, drawn=True, category="wave")
    points = np.array(sketch.points)
    points[-1, LIFT] = lift
    return replace(sketch, points=points)


def test_simplified_sketch_has_fewer_points_and_the_same_ends() -> None:
    sketch = drawn_sketch()
    fewer = simplify_drawn(sketch)
    assert len(fewer) < len(sketch) / 4
    assert not fewer.drawn
    assert fewer.category == "wave"
    for before, after in zip(sketch.polylines(), fewer.polylines(), strict=True):
        np.testing.assert_allclose(after[[0, -1]], before[[0, -1]], atol=1e-9)
        assert max(distance_from_segments(point, before) for point in after) < 0.1


def test_simplified_sketch_stays_within_two_pixels() -> None:
    for before, after in zip(drawn_sketch().polylines(), simplify_drawn(drawn_sketch()).polylines(), strict=True):
        if len(before) > 1:
            assert max(distance_from_segments(point, after) for point in before) < 2.1


@pytest.mark.parametrize("unit", [0.01, 3.7, 100.0])
def test_simplification_depends_on_the_shape_and_not_on_the_units(unit: float) -> None:
    ours, theirs = simplify_drawn(drawn_sketch(unit)), simplify_drawn(drawn_sketch())
    assert ours.unit == unit
    np.testing.assert_allclose(ours.points[:, OFFSET] / unit, theirs.points[:, OFFSET], atol=1e-6)


@pytest.mark.parametrize("lift", [0.0, 1.0])
def test_simplification_keeps_the_pen_as_it_was(lift: float) -> None:
    """An earlier system marked a half-drawn sketch as ended."""
    fewer = simplify_drawn(drawn_sketch(lift=lift))
    assert fewer.points[-1, LIFT] == lift
    assert fewer.points[:-1, LIFT].sum() == 2


def test_a_dot_becomes_two_equal_points_as_in_googles_files() -> None:
    fewer = simplify_drawn(drawn_sketch())
    dots = (fewer.points == [0, 0, 1]).all(axis=1)
    assert dots.sum() == 1


def test_a_last_stroke_of_one_point_stays_one_point() -> None:
    sketch = sketch_from_polylines([wave(), np.array([[7.0, 7.0]])], drawn=True)
    points = np.array(sketch.points)
    points[-1, LIFT] = 0
    fewer = simplify_drawn(replace(sketch, points=points))
    assert len(fewer.polylines()[-1]) == 1
    assert fewer.points[-1, LIFT] == 0


def test_a_sketch_that_is_simplified_already_is_returned_unchanged() -> None:
    sketch = replace(drawn_sketch(), drawn=False)
    assert simplify_drawn(sketch) is sketch


@given(drawings)
@settings(max_examples=40)
def test_simplification_keeps_strokes_and_their_ends(drawing: list[np.ndarray]) -> None:
    sketch = sketch_from_polylines(drawing, drawn=True)
    before, after = sketch.polylines(), simplify_drawn(sketch).polylines()
    assert len(before) == len(after)
    for line, fewer in zip(before, after, strict=True):
        np.testing.assert_allclose(fewer[[0, -1]], line[[0, -1]], atol=1e-6)


def test_very_long_strokes_are_resampled_in_wider_steps() -> None:
    crossings = np.column_stack([np.arange(2000) % 2 * 1e6, np.arange(2000.0)])
    fewer = simplify_drawn(sketch_from_polylines([crossings], unit=1e-3, drawn=True))
    assert len(fewer) < MAX_SAMPLES


def test_in_quickdraw_pixels_divides_by_the_unit() -> None:
    pixels = in_quickdraw_pixels(drawn_sketch(unit=4.0))
    assert pixels.unit == 1
    assert pixels.origin == (0, 0)
    np.testing.assert_allclose(bounds(pixels.polylines()), [0, -20, 100, 60], atol=0.1)


@pytest.mark.parametrize(
    ("box", "canvas", "unit"),
    [
        (Bounds(0, 0, 500, 300), (560, 420), 2.0),
        (Bounds(0, 0, 100, 30), (560, 420), 2.0),
        (Bounds(0, 0, 80, 30), (560, 420), 0.4),
        (Bounds(0, 0, 800, 30), (560, 420), 4.0),
        (Bounds(0, 0, 30, 500), (560, 420), 2.5),
        (Bounds(0, 0, 100, 30), None, 0.5),
        (Bounds(5, 5, 5, 5), (560, 420), 2.0),
        (Bounds(5, 5, 5, 5), None, 1.0),
    ],
    ids=["whole", "half", "tiny", "larger", "higher", "no-canvas", "dot", "dot-no-canvas"],
)
def test_unit_of_canvas(box: Bounds, canvas: tuple[float, float] | None, unit: float) -> None:
    assert unit_of_canvas(box, canvas) == pytest.approx(unit)
