"""Added strokes are measured against what was drawn before them, as a slow and plain measurement does."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from codes.strokes.ink import NOWHERE, STROKE_FEATURES, SUMMARY_FEATURES, added_ink
from codes.strokes.stroke3 import from_polylines, to_polylines
from tests.support.worlds import doodles

CONTINUES, FIRST, EARLIER, BEGIN, END, INNER = 0, 1, 3, 5, 9, slice(17, 20)
JUMP, BEGIN_ANGLE, END_ANGLE = 30, 31, 32
HITS, CROSSINGS, CLOSING, LENGTH, STRAIGHT = slice(33, 36), slice(36, 39), 39, 44, 47
SQUARE = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]


def rows_of(*strokes):
    return from_polylines([np.array(each, float) for each in strokes])[0]


def measured(*strokes, prefix=(SQUARE,)):
    """The features of strokes that are added to a prefix of whole strokes."""
    return added_ink([rows_of(*prefix, *strokes)], [len(rows_of(*prefix))]).strokes


def distance_to_line(point, start, stop):
    along = np.clip(np.dot(point - start, stop - start) / max(np.dot(stop - start, stop - start), 1e-9), 0, 1)
    return np.hypot(*(point - start - along * (stop - start)))


def distance_to_strokes(point, strokes):
    lines = [pair for line in strokes for pair in (pairwise(line) if len(line) > 1 else [(line[0], line[0])])]
    return min((distance_to_line(point, *line) for line in lines), default=NOWHERE)


def test_every_stroke_is_as_far_from_earlier_ink_as_a_plain_measurement_says():
    sketches = [np.vstack(each) for each in zip(doodles(40), doodles(40, seed=1), doodles(40, seed=2), strict=True)]
    sketches = [each for each in sketches if each[:, 2].sum() > 2]
    cuts = [int(np.flatnonzero(each[:, 2])[0]) + 1 for each in sketches]
    ink = added_ink(sketches, cuts)
    strokes = [
        (lines, number)
        for each in sketches
        for lines in [to_polylines(each.astype(float))]
        for number in range(1, len(lines))
    ]
    assert len(ink.strokes) == len(strokes) > 60
    for features, (lines, number) in zip(ink.strokes, strokes, strict=True):
        before, own = lines[:number], lines[number]
        for column, point in ((BEGIN, own[0]), (END, own[-1])):
            assert np.expm1(features[column]) == pytest.approx(distance_to_strokes(point, before), abs=0.02)
            np.testing.assert_allclose(features[column + 2], np.exp(-distance_to_strokes(point, before) / 5), atol=1e-3)
        assert np.expm1(features[CLOSING]) == pytest.approx(np.hypot(*(own[-1] - own[0])), abs=0.02)
        assert np.expm1(features[LENGTH]) == pytest.approx(np.hypot(*np.diff(own, axis=0).T).sum(), rel=1e-3, abs=0.02)
        assert np.expm1(features[JUMP]) == pytest.approx(np.hypot(*(own[0] - before[-1][-1])), abs=0.02)
        assert np.expm1(features[EARLIER]) == pytest.approx(number, abs=1e-3)


def test_points_between_the_ends_are_measured_too():
    (features,) = measured([(0, 110), (100, 110)])
    np.testing.assert_allclose(np.expm1(features[INNER]), [10, 10, 10], atol=1e-3)
    (features,) = measured([(0, 100), (0, 200), (0, 300)])
    np.testing.assert_allclose(np.expm1(features[INNER]), [50, 100, 150], atol=1e-2)


def test_inside_is_surrounded_and_outside_is_not():
    inside, outside = measured([(40, 40), (50, 60), (60, 40)], [(200, 200), (210, 220), (220, 200)])
    assert (inside[HITS].tolist(), inside[CROSSINGS].tolist()) == ([4, 4, 4], [4, 4, 4])
    assert outside[HITS].sum() == 0
    (within_two,) = measured([(50, 50), (51, 50)], prefix=(SQUARE, [(20, 20), (80, 20), (80, 80), (20, 80), (20, 20)]))
    assert (within_two[HITS].tolist(), within_two[CROSSINGS].tolist()) == ([4, 4, 4], [0, 0, 0])


def test_a_line_stands_upon_another_or_lies_along_it():
    upright, along = measured([(50, 100), (50, 160)], [(20, 103), (60, 103)])
    assert (upright[BEGIN_ANGLE], upright[END_ANGLE]) == (0, 0.5)
    assert (along[BEGIN_ANGLE], along[END_ANGLE]) == (1, 1)


def test_a_stroke_that_goes_on_has_no_beginning_and_is_not_held_against_itself():
    rows = rows_of(SQUARE, [(200, 0), (200, 50), (200, 100)])
    ink = added_ink([rows, rows], [len(rows) - 1, 4])
    begun, whole = ink.strokes
    assert ink.counts.tolist() == [1, 1]
    assert (begun[CONTINUES], whole[CONTINUES]) == (1, 0)
    assert begun[BEGIN] == 0 < begun[END]
    assert np.expm1(begun[END]) == pytest.approx(100, abs=0.01)
    assert np.expm1(begun[CLOSING]) == pytest.approx(100, abs=0.01)
    assert np.expm1(begun[LENGTH]) == pytest.approx(50, abs=0.01)


def test_what_is_drawn_from_nothing_has_no_ink_to_meet():
    ink = added_ink([rows_of(SQUARE)], [0])
    assert np.expm1(ink.strokes[0, BEGIN]) == pytest.approx(NOWHERE, abs=0.1)
    assert ink.strokes[0, FIRST] == 1
    assert np.expm1(ink.strokes[0, CLOSING]) == pytest.approx(0, abs=1e-3)


def test_a_sketch_is_measured_alone_as_among_others():
    sketches, cuts = doodles(30), [1 + i % 3 for i in range(30)]
    together = added_ink(sketches, cuts)
    alone = [added_ink([each], [cut]) for each, cut in zip(sketches, cuts, strict=True)]
    np.testing.assert_allclose(together.strokes, np.concatenate([each.strokes for each in alone]), atol=1e-5)
    np.testing.assert_allclose(together.summaries, np.concatenate([each.summaries for each in alone]), atol=1e-5)
    assert together.counts.tolist() == [int(each.counts[0]) for each in alone]


def test_earlier_strokes_are_measured_as_if_nothing_had_been_added_after_them():
    """So the log odds of a drawing under way do not change when it goes on."""
    strokes = [[(0, 0), (50, 50)], [(20, 110), (80, 130)], [(300, 300), (310, 300)]]
    np.testing.assert_array_equal(measured(*strokes)[:2], measured(*strokes[:2]))


def test_nothing_added_is_no_stroke_and_no_number_is_missing():
    idle, busy = rows_of(SQUARE), rows_of(SQUARE, [(5, 5)], [(7, 7), (7, 7)])
    ink = added_ink([idle, busy, idle], [4, 4, 4])
    assert ink.strokes.shape == (2, STROKE_FEATURES)
    assert ink.summaries.shape == (3, SUMMARY_FEATURES)
    assert ink.counts.tolist() == [0, 2, 0]
    assert np.isfinite(ink.strokes).all()
    np.testing.assert_array_equal(ink.summaries[0], ink.summaries[2])
    np.testing.assert_allclose(ink.summaries[1, :STROKE_FEATURES], ink.strokes.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(ink.summaries[1, STROKE_FEATURES:-4], ink.strokes.max(axis=0), atol=1e-5)
    np.testing.assert_allclose(np.expm1(ink.summaries[1, -4:]), [2, 1, 0, 400], atol=1e-2)
    assert added_ink([idle], [4]).strokes.shape == (0, STROKE_FEATURES)


def test_a_fraction_of_a_pixel_does_not_show():
    """People's points are whole pixels in the data; a critic that saw fractions would know no decoder by its ink."""
    rows = rows_of(SQUARE, [(50, 50), (70, 90)])
    shifted = rows + np.array([[0, 0, 0]] * 4 + [[0.3, -0.2, 0], [0.1, 0.1, 0]])
    np.testing.assert_array_equal(added_ink([rows], [4]).strokes, added_ink([shifted], [4]).strokes)


def test_points_along_a_straight_line_do_not_show():
    """Decoders put points where people's simplified lines have none."""
    plain, parted = measured([(20, 120), (60, 40)]), measured([(20, 120), (25, 110), (30, 100), (50, 60), (60, 40)])
    np.testing.assert_allclose(plain, parted, atol=1e-3)


@pytest.mark.parametrize("size", [0, 1e6])
def test_no_drawing_is_too_small_or_too_large(size):
    rows = rows_of(SQUARE, [(1, 2), (3, 4), (3, 4)], [(9, 9)]) * [size / 100, size / 100, 1]
    ink = added_ink([rows, rows], [2, 5])
    assert np.isfinite(ink.strokes).all()
    assert np.isfinite(ink.summaries).all()
