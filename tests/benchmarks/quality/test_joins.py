"""Where strokes begin and end is measured on drawings whose gaps are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.joins import JOINS, joins_figures, measure_all_joins, measure_joins, segment_distances
from codes.strokes.stroke3 import from_polylines
from tests.benchmarks.quality.conftest import kind


def rows_of(*strokes):
    """Return the stroke-3 rows of strokes that are given as positions."""
    return from_polylines([np.array(stroke, dtype=float) for stroke in strokes])[0]


BASE = [(0, 0), (100, 0)]


def test_a_stroke_that_begins_in_the_middle_of_a_segment_begins_on_ink():
    joins = measure_joins(rows_of(BASE, [(50, 4), (50, 30), (20, 40)]), 1)
    assert joins.begins.tolist() == [4]
    assert joins.ends.tolist() == [40]
    assert joins.closes.tolist() == pytest.approx([np.hypot(30, 36)])
    assert joins.counts().tolist() == [1, 1, 0, 1, 0, 1]


def test_six_pixels_are_within_reach_and_more_are_not():
    for gap, within in ((6, 1), (6.1, 0)):
        assert measure_joins(rows_of(BASE, [(50, gap), (50, 90)]), 1).counts()[0] == within, gap


def test_past_the_end_of_a_segment_its_end_counts():
    joins = measure_joins(rows_of(BASE, [(103, 4), (103, -40)]), 1)
    assert joins.begins.tolist() == [5]


def test_a_strokes_own_ink_and_later_ink_are_no_earlier_ink():
    """The second stroke crosses itself and is touched by the third; only the third begins on ink."""
    loop = [(50, 50), (80, 80), (80, 50), (50, 80), (52, 50)]
    joins = measure_joins(rows_of(BASE, loop, [(51, 50), (10, 90)]), 1)
    assert joins.begins.tolist() == pytest.approx([50, segment_distances(np.array([[51, 50]]), _segments(loop)).min()])
    assert joins.ends[0] == 50 and joins.closes[0] == 2


def _segments(line):
    return np.stack([line[:-1], line[1:]], axis=1).astype(float)


def test_air_is_no_ink():
    joins = measure_joins(rows_of([(0, 0), (10, 0)], [(90, 0), (100, 0)], [(50, 1), (50, 60)]), 1)
    assert joins.begins.tolist() == pytest.approx([80, np.hypot(40, 1)])


def test_strokes_of_the_prefix_are_not_counted():
    rows = rows_of(BASE, [(50, 0), (50, 30)], [(20, 2), (20, 30)])
    assert len(measure_joins(rows, 1).begins) == 2
    assert measure_joins(rows, 3).begins.tolist() == [2]
    assert measure_joins(rows, 5).counts().tolist() == [0] * 6


def test_an_unfinished_stroke_counts_only_for_its_end():
    rows = rows_of(BASE, [(50, 0), (50, 30), (50, 3)], [(53, 29), (50, 90)])
    joins = measure_joins(rows, 3)  # the prefix ends at (50, 30), the pen still down
    assert joins.begins.tolist() == [3] and joins.ends.tolist() == [3, 60]
    assert joins.closes.tolist() == pytest.approx([np.hypot(3, 61)])


def test_a_first_stroke_that_is_finished_has_nothing_to_end_on():
    joins = measure_joins(rows_of([(0, 0), (50, 50), (0, 1)]), 1)
    assert joins.counts().tolist() == [0] * 6


def test_a_dot_is_ink_and_closes():
    dot = rows_of(BASE, [(30, 50)], [(33, 50), (80, 90)])
    assert dot[1].tolist() == [-70, 50, 1]
    joins = measure_joins(dot, 1)
    assert joins.begins.tolist() == [50, 3] and joins.closes[0] == 0
    twice = measure_joins(rows_of([(0, 0)], [(3, 0), (90, 0)]), 1)
    assert twice.begins.tolist() == [3]


def test_a_drawing_that_was_cut_off_is_measured_to_where_it_came():
    rows = rows_of(BASE, [(50, 0), (50, 30), (20, 2)])
    rows = np.vstack([rows[:-1], [[-30, -28, 0]]])
    assert measure_joins(rows, 1).ends.tolist() == [2]
    assert measure_joins(rows[:2], 1).begins.tolist() == [0]  # it ends where the pen was put down


def test_gaps_are_those_of_points_laid_densely_along_the_ink():
    rng = np.random.default_rng(3)
    for sketch in kind("square", 20, seed=2) + kind("zigzag", 20, seed=2):
        shifted = rng.uniform(-150, 150, size=(4, 2))
        rows = np.vstack([sketch, [[*shifted[0], 0], [*shifted[1], 1], [*shifted[2], 0], [*shifted[3], 1]]])
        joins = measure_joins(rows, len(sketch))
        points = np.vstack([np.zeros((1, 2)), np.cumsum(rows[:, :2], axis=0)])
        dense = [
            points[i] + (points[i + 1] - points[i]) * t
            for i in range(len(sketch))
            if i == 0 or not rows[i - 1, 2]
            for t in np.linspace(0, 1, 400)
        ]
        expected = np.linalg.norm(np.array(dense) - points[len(sketch) + 1], axis=1).min()
        if len(np.flatnonzero(sketch[:, 2])) == 1:  # else a dot beside the outline may be nearer
            assert joins.begins[0] == pytest.approx(expected, abs=0.5)


def test_figures_are_means_over_categories_of_absolute_differences():
    on, off = rows_of(BASE, [(50, 0), (50, 40)]), rows_of(BASE, [(50, 20), (50, 40)])
    starts = np.ones(4, dtype=np.int64)
    people = [measure_all_joins(each, starts) for each in ([on, on, off, off], [on, on, on, off])]
    made = [measure_all_joins(each, starts) for each in ([on, off, off, off], [on, on, on, on])]
    figures = joins_figures(people, {"one": made, "same": people})
    assert figures.keys() == set(JOINS)
    begins = figures["begins"]
    assert begins["people"].value == pytest.approx((0.5 + 0.75) / 2) and begins["people"].count == 8
    assert begins["one"].value == pytest.approx((0.25 + 1) / 2)  # on the mean as people
    assert begins["difference"] == pytest.approx({"one": 0.25, "same": 0})
    assert begins["wasserstein"] == pytest.approx({"one": 0.25 * 20, "same": 0})
    assert begins["by_category"] == pytest.approx(np.array([[0.5, 0.25, 0.5], [0.75, 1, 0.75]]))
    assert 0.1 < begins["chance"] < 0.4
    assert figures["ends"]["difference"]["one"] == figures["closes"]["difference"]["one"] == 0


def test_chance_falls_with_the_number_of_sketches():
    on, off = rows_of(BASE, [(50, 0), (50, 40)]), rows_of(BASE, [(50, 20), (50, 40)])
    few, many = (measure_all_joins([on, off] * n, np.ones(2 * n, dtype=np.int64)) for n in (5, 500))
    chances = [joins_figures([some], {})["begins"]["chance"] for some in (few, many)]
    assert chances[0] / chances[1] == pytest.approx(10, rel=0.3)


def test_a_category_without_added_strokes_is_no_error():
    nothing = [measure_all_joins([rows_of(BASE)], np.array([1]))]
    figures = joins_figures(nothing, {"one": nothing})
    assert figures["begins"]["difference"]["one"] == 0 and figures["begins"]["wasserstein"]["one"] is None
