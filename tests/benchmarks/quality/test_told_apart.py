"""Endings are told apart where they differ, and not where they do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.quality import ending_classifiers
from benchmarks.quality.ending_classifiers import CLASSIFIERS, GRID, SIDE, line_features, pictures, score_features
from benchmarks.quality.told_apart import FOLDS, Classifier, Drawing, Endings, Examples, tell_apart
from codes.strokes.stroke3 import from_polylines, to_polylines
from tests.benchmarks.quality.conftest import kind


def rows_of(*strokes):
    return from_polylines([np.array(stroke, dtype=float) for stroke in strokes])[0]


BASE = [(0, 0), (100, 0), (100, 255)]


def test_a_drawing_is_parted_where_the_prefix_ends():
    rows = rows_of(BASE, [(50, 4), (50, 30)])
    lines = Drawing.of(rows, 2)
    assert [line.tolist() for line in lines.prefix] == [[list(point) for point in BASE]]
    assert [line.tolist() for line in lines.added] == [[[50, 4], [50, 30]]]


def test_a_stroke_that_goes_on_is_parted_at_the_last_point_of_the_prefix():
    lines = Drawing.of(rows_of(BASE, [(50, 4), (50, 30)]), 1)
    assert [line.tolist() for line in lines.prefix] == [[[0, 0], [100, 0]]]
    assert [line.tolist() for line in lines.added] == [[[100, 0], [100, 255]], [[50, 4], [50, 30]]]


@pytest.mark.parametrize("category", ["circle", "square", "zigzag"])
def test_the_parts_of_a_drawing_are_all_of_it(category):
    """At every row: the ink of both parts is that of the whole, up to rounding and simplification."""
    for sketch in kind(category, 4, seed=3):
        whole = np.concatenate(to_polylines(sketch.astype(float)))
        scale = 255 / np.ptp(whole, axis=0).max()
        for start in range(1, len(sketch) + 1):
            drawing = Drawing.of(sketch, start)
            points = np.concatenate([*drawing.prefix, *drawing.added])
            assert np.abs(np.ptp(points, axis=0) - np.ptp(whole, axis=0) * scale).max() <= 3
            ends = np.array([drawing.prefix[0][0], (drawing.added or drawing.prefix)[-1][-1]])
            np.testing.assert_allclose(ends[1] - ends[0], (whole[-1] - whole[0]) * scale, atol=3)
            air = np.flatnonzero(sketch[:, 2])
            assert len(drawing.added) == len(set(air[air >= start].tolist()))
    assert Drawing.of(sketch, len(sketch)).added == []


def test_dots_and_pens_that_stand_still_lose_no_line():
    still = np.array([[100, 0, 0], [0, 255, 1], [0, 0, 0], [0, -9, 1], [50, 0, 1]])
    drawing = Drawing.of(still, 2)
    assert [line.tolist() for line in drawing.added] == [[[100, 255], [100, 246]], [[150, 246]] * 2]


def test_neither_size_nor_fractions_of_pixels_nor_points_on_a_line_tell():
    plain = rows_of(BASE, [(50, 4), (50, 30)])
    scaled = plain * [1.37, 1.37, 1]
    denser = rows_of([(0, 0), (40, 0.3), (100, 0), (100, 255)], [(50, 4), (50, 11), (50, 30)])
    for other, start in ((scaled, 2), (denser, 3)):
        for one, same in zip(Drawing.of(plain, 2).added, Drawing.of(other, start).added, strict=True):
            assert one.tolist() == same.tolist()


def endings(change, count=24):
    """Return people's endings of doodles, and what ``change`` makes of their added rows."""
    people, machine = [], []
    for category in ("square", "zigzag"):
        for rows in kind(category, count // 2, seed=6):
            start = max(1, len(rows) // 2)
            people.append(Drawing.of(rows, start))
            machine.append(Drawing.of(change(np.array(rows, dtype=float), start), start))
    return Endings(people, machine, np.repeat([0, 1], count // 2))


def stretched(rows, start):
    rows[start:, 1] *= 3
    return rows


def test_both_endings_of_a_sketch_are_in_one_fold_and_categories_are_spread():
    some = endings(stretched)
    folds = some.folds()
    assert folds.shape == (24,)
    assert all(np.bincount(folds[some.labels == label], minlength=FOLDS).tolist() == [3] * 4 for label in (0, 1))


def test_no_classifier_sees_the_sketches_that_it_is_asked_about():
    seen = []

    def remember(known, asked):
        seen.append((set(known.inputs[:, 0].tolist()), set(asked.inputs[:, 0].tolist()), known.by_machine.mean()))
        return np.zeros(len(asked.labels))

    some = endings(stretched)
    numbers = Classifier(lambda drawings: np.arange(len(drawings))[:, None] % 24, remember)
    result = tell_apart(some, numbers)
    assert len(seen) == FOLDS and all(not known & asked and share == 0.5 for known, asked, share in seen)
    assert set().union(*(asked for _, asked, _ in seen)) == set(range(24))
    assert result.all.value == result.mean.value == 0.5  # scores that are all alike tell nothing


def test_areas_are_those_of_known_scores():
    some = endings(stretched)
    truth = Classifier(
        lambda drawings: np.repeat([0, 1], 24)[:, None], lambda _, asked: asked.inputs[:, 0].astype(float)
    )
    result = tell_apart(some, truth)
    assert result.all.value == result.mean.value == 1 and result.all.count == 24
    wrong = Classifier(truth.encode, lambda _, asked: -asked.inputs[:, 0].astype(float))
    assert tell_apart(some, wrong).all.value == 0


def test_scores_of_different_folds_are_brought_to_one_scale():
    """A classifier that is right in each fold, with logits that drift from fold to fold."""
    drift = iter((1000.0, -50.0, 7.0, 0.0))
    some = endings(stretched)
    truth = Classifier(
        lambda drawings: np.repeat([0, 1], 24)[:, None], lambda _, asked: asked.inputs[:, 0] + next(drift)
    )
    assert tell_apart(some, truth).all.value == 1


def test_pictures_show_the_prefix_and_what_was_added_apart():
    drawing = Drawing.of(rows_of([(0, 0), (255, 0)], [(0, 255), (255, 255)]), 1)
    picture = pictures([drawing])[0]
    assert picture.shape == (2, SIDE, SIDE)
    rows = [np.flatnonzero(channel.any(axis=1)) for channel in picture]
    assert rows[0].max() < 6 and rows[1].min() > SIDE - 7
    assert [int((channel.max(axis=0) > 0).sum()) for channel in picture] == pytest.approx([SIDE - 4] * 2, abs=2)


def test_features_do_not_depend_on_how_many_points_a_line_has():
    """A prefix is half of a person's rows, so that a count of rows would give away who finished it."""
    few = Drawing([np.array([[0.0, 0], [255, 0]])], [np.array([[0.0, 100], [160, 100]])])
    many = Drawing(few.prefix, [np.column_stack([np.linspace(0, 160, 9), np.full(9, 100.0)])])
    np.testing.assert_allclose(*line_features([few, many]), atol=1e-9)
    numbers = line_features([few])[0]
    length = len(numbers)
    assert numbers[:6].tolist() == [1, 0, 0, 255, 0, 255] and numbers[length - 9 : length - 5].tolist() == [
        0,
        100,
        160,
        100,
    ]
    nothing = line_features([Drawing(few.prefix, [])])[0]
    assert len(nothing) == length and not nothing[5 + 16 + 8 + GRID**2 :].any()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_tells_what_differs(name, monkeypatch):
    monkeypatch.setattr(ending_classifiers, "BATCH", 16)
    assert tell_apart(endings(stretched, 32), CLASSIFIERS[name]).all.value > 0.8


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_cannot_tell_what_does_not_differ(name):
    """Both endings of a sketch have equal inputs and the same fold, so rounding alone ranks them."""
    assert 0.4 < tell_apart(endings(lambda rows, _: rows, 12), CLASSIFIERS[name]).all.value < 0.6


def test_trees_take_more_categories_than_a_feature_has_values():
    """The category alone tells which half of each was drawn by a model; 345 are more than the 255 of one feature."""
    labels = np.repeat(np.arange(345), 24)
    by_machine = (labels % 2).astype(float)
    known = Examples(np.zeros((len(labels), 1)), labels, by_machine)
    asked = Examples(np.zeros((345, 1)), np.arange(345), np.arange(345) % 2.0)
    scores = score_features(known, asked)
    assert ((scores > 0) == (asked.by_machine == 1)).mean() > 0.9


def test_a_classifier_says_the_same_again_and_leaves_the_random_numbers_alone():
    some = endings(stretched, 8)
    state = torch.random.get_rng_state()
    first, second = (tell_apart(some, CLASSIFIERS["pictures"]) for _ in range(2))
    assert first == second and torch.equal(state, torch.random.get_rng_state())
