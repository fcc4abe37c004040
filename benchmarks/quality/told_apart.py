"""Tell people's endings of sketches from completions: the classifier two-sample test.

(Lopez-Paz and Oquab 2017, "Revisiting Classifier Two-Sample Tests".) Fresh classifiers learn who finished a sketch from
some sketches and say so of others. The area under their ROC curve is 0.5 where they cannot tell, 1 where they always
can. Both endings of a sketch are in the same fold, so a classifier never saw the sketch that it is asked about. Nothing
is chosen by what the classifiers say: their trainings have a length fixed in advance.

Each finished drawing goes through Quick, Draw!'s simplification first, people's as well as completions, so neither the
spacing of points nor rounding nor the size of the whole tells them apart, only what is drawn where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codes.evaluation.bootstrap import Estimate, bootstrap
from codes.evaluation.recognition import rank_auroc
from codes.strokes.geometry import simplify_like_quickdraw
from codes.strokes.stroke3 import LIFT, OFFSET, AnyStroke3, Floats, Polylines, to_polylines

FOLDS = 4


@dataclass(frozen=True)
class Drawing:
    """Hold a finished drawing in whole pixels of a box of 255, its prefix and what was added as polylines."""

    prefix: Polylines
    added: Polylines

    @classmethod
    def of(cls, rows: AnyStroke3, start: int) -> Drawing:
        """Part stroke-3 rows ``[n, 3]`` at row ``start``; a stroke that goes on there is parted too."""
        points = np.asarray(rows, dtype=np.float64)
        prefix, added = to_polylines(points[:start]), _lines_after(points, start)
        lines = simplify_like_quickdraw([*prefix, *added])
        return cls(lines[: len(prefix)], lines[len(prefix) :])


def _lines_after(points: Floats, start: int) -> Polylines:
    """Return the polylines that the rows from ``start`` on draw; the row after a pen-up draws none."""
    lifted = int(points[start - 1, LIFT])
    positions = np.vstack([np.zeros((1, 2)), np.cumsum(points[:, OFFSET], axis=0)])[start + lifted :]
    ends = np.flatnonzero(points[start:, LIFT]) + 2 - lifted
    return [line for line in np.split(positions, ends) if len(line)] if start < len(points) else []


@dataclass(frozen=True)
class Endings:
    """Hold what people and a model made of the same prefixes.

    Attributes:
        people, machine: N finished drawings each, of the same prefixes.
        labels: ``[N]``, numbers of their categories.
    """

    people: Sequence[Drawing]
    machine: Sequence[Drawing]
    labels: NDArray[np.int64]

    @property
    def both(self) -> list[Drawing]:
        """Return all 2N drawings, people's first."""
        return [*self.people, *self.machine]

    def folds(self) -> NDArray[np.int64]:
        """Return the fold of each sketch, ``[N]``; each has as many of every category as of another, but for one."""
        order = np.argsort(self.labels, kind="stable")
        shuffled = np.random.default_rng(0).permutation(len(order))
        order = order[np.lexsort((shuffled, self.labels[order]))]
        folds = np.empty(len(order), dtype=np.int64)
        folds[order] = np.arange(len(order)) % FOLDS
        return folds


@dataclass(frozen=True)
class Examples:
    """Hold drawings as a classifier's inputs.

    Attributes:
        inputs: ``[N, ...]``.
        labels: ``[N]``, numbers of their categories.
        by_machine: ``[N]``, 1 where a model finished the drawing, 0 where a person did.
    """

    inputs: NDArray[np.generic]
    labels: NDArray[np.int64]
    by_machine: Floats

    def select(self, chosen: NDArray[np.bool_]) -> Examples:
        """Return some of them."""
        return Examples(self.inputs[chosen], self.labels[chosen], self.by_machine[chosen])


@dataclass(frozen=True)
class Classifier:
    """Hold one way of telling endings apart.

    Attributes:
        encode: drawings to inputs ``[N, ...]``.
        fit_and_score: learns from the first examples, and returns a score of each of the inputs and labels of the
            second, ``[M]``, higher where a model is the likelier author.
    """

    encode: Callable[[Sequence[Drawing]], NDArray[np.generic]]
    fit_and_score: Callable[[Examples, Examples], Floats]


@dataclass(frozen=True)
class ToldApart:
    """Hold areas under ROC curves.

    Attributes:
        all: of all drawings together.
        mean: the mean over categories, each ranked on its own.
    """

    all: Estimate
    mean: Estimate


def tell_apart(endings: Endings, classifier: Classifier) -> ToldApart:
    """Score every drawing by a classifier that learned from the other folds."""
    count = len(endings.labels)
    by_machine = np.repeat([0.0, 1.0], count)
    examples = Examples(classifier.encode(endings.both), np.tile(endings.labels, 2), by_machine)
    folds, scores = np.tile(endings.folds(), 2), np.empty(2 * count)
    for fold in range(FOLDS):
        held_out = folds == fold
        made = classifier.fit_and_score(examples.select(~held_out), examples.select(held_out))
        scores[held_out] = _ranks(made)
    pairs = scores.reshape(2, count).T  # each sketch's two scores are resampled together
    groups = [pairs[endings.labels == label] for label in np.unique(endings.labels)]
    return ToldApart(
        all=bootstrap([pairs], lambda samples: _auroc(samples[0])),
        mean=bootstrap(groups, lambda samples: float(np.mean([_auroc(each) for each in samples]))),
    )


def _ranks(scores: Floats) -> Floats:
    """Return ranks from 0 to 1, equal ones for equal scores: networks of different folds have different scales."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts + 1) / 2
    ranks: Floats = middles[places] / max(1, len(scores) - 1)
    return ranks


def _auroc(pairs: Floats) -> float:
    """Return the area for scores ``[N, 2]`` of people's drawings and a model's."""
    return rank_auroc(pairs[:, 1], pairs[:, 0])
