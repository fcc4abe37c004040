"""Make the figures of the headline, of half sketches that people, one candidate and many candidates finished.

Recognition by the judge, where added strokes begin and end, whether endings can be told from people's, what the rows
cost the decoder, and drawings from nothing. All but the last are of the same prefixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from benchmarks.quality.distances import category_gap
from benchmarks.quality.ending_classifiers import CLASSIFIERS
from benchmarks.quality.joins import joins_figures, measure_all_joins
from benchmarks.quality.row_nats import row_nats_figures
from benchmarks.quality.told_apart import Drawing, Endings, tell_apart
from benchmarks.quality.trials import COMPLETED, LENGTH, PREFIX, ROUTED, TRUE, USUAL, HeadlineTrials
from codes.evaluation.bootstrap import bootstrap, bootstrap_of_means
from codes.strokes.stroke3 import Floats

Figures = dict[str, Any]

WORST = 20
WORST_RULE = (
    "Fewest of the completions as routed are recognised by the judge; of as many, fewest with the category given; then "
    "by name."
)


def headline_figures(trials: Sequence[HeadlineTrials], executor: Executor) -> Figures:
    """Return all figures of the headline, from the trials of each category; ``executor`` trains the classifiers."""
    names = list(trials[0].tables)
    usual = [each.tables[names[0]] for each in trials]
    told_apart = told_apart_figures(trials, executor)
    return {
        "categories": [each.category for each in trials],
        "prefix": bootstrap_of_means([table[:, PREFIX] for table in usual]),
        "true": bootstrap_of_means([table[:, TRUE] for table in usual]),
        **{name: bootstrap_of_means([each.tables[name][:, COMPLETED] for each in trials]) for name in names},
        "length_ratio": {
            name: bootstrap([each.tables[name][:, LENGTH] for each in trials], mean_of_medians) for name in names
        },
        "joins": joins_figures(
            [measure_all_joins(each.whole, each.starts) for each in trials],
            {name: [measure_all_joins(each.completed[name], each.starts) for each in trials] for name in names},
        ),
        "told_apart": told_apart,
        "row_nats": row_nats_figures([each.nats for each in trials]),
        "by_category": category_figures(trials),
        **from_nothing_figures(trials),
    }


def category_figures(trials: Sequence[HeadlineTrials]) -> Figures:
    """Return figures of which each is a list of numbers, one for each category.

    They are the shares recognised, of every trial, and for the first trial how much of the gap is closed, None where
    there is hardly one, and the median of the points added over people's.
    """
    names = list(trials[0].tables)
    usual = [each.tables[names[0]] for each in trials]
    return {
        "prefix": [float(table[:, PREFIX].mean()) for table in usual],
        "true": [float(table[:, TRUE].mean()) for table in usual],
        **{name: [float(each.tables[name][:, COMPLETED].mean()) for each in trials] for name in names},
        "gap_closed": [category_gap(table) for table in usual],
        "length_ratio": [float(np.median(table[:, LENGTH])) for table in usual],
    }


def worst_categories(figures: Figures) -> list[int]:
    """Return the numbers of the :data:`WORST` categories by :data:`WORST_RULE`, the worst first."""
    each, names = figures["by_category"], figures["categories"]
    return sorted(range(len(names)), key=lambda i: (each[ROUTED][i], each[USUAL][i], names[i]))[:WORST]


def mean_of_medians(samples: Sequence[Floats]) -> float:
    """Return the mean over samples of their medians."""
    return float(np.mean([np.median(sample) for sample in samples]))


def told_apart_figures(trials: Sequence[HeadlineTrials], executor: Executor) -> Figures:
    """Return how well each classifier tells the endings of each trial from people's, all categories together."""
    labels = np.repeat(np.arange(len(trials)), [len(each.whole) for each in trials])
    starts = np.concatenate([each.starts for each in trials])
    people = _drawings([rows for each in trials for rows in each.whole], starts)
    asked = {}
    for trial in trials[0].completed:
        machine = _drawings([rows for each in trials for rows in each.completed[trial]], starts)
        for name, classifier in CLASSIFIERS.items():
            asked[name, trial] = executor.submit(tell_apart, Endings(people, machine, labels), classifier)
    return {name: {trial: asked[name, trial].result() for trial in trials[0].completed} for name in CLASSIFIERS}


def _drawings(sketches: Sequence[Any], starts: Sequence[int]) -> list[Drawing]:
    return [Drawing.of(rows, int(start)) for rows, start in zip(sketches, starts, strict=True)]


def from_nothing_figures(trials: Sequence[HeadlineTrials]) -> Figures:
    """Return how often drawings from nothing are recognised, over how often true sketches are; nothing of nothing."""
    pairs = [(each.from_nothing, next(iter(each.tables.values()))[:, TRUE]) for each in trials]
    if not all(len(drawn) for drawn, _ in pairs):
        return {}
    ratios = [float(drawn.mean() / max(true.mean(), 1 / len(true))) for drawn, true in pairs]
    return {
        "from_nothing": {
            "drawn": bootstrap_of_means([drawn for drawn, _ in pairs]),
            "true": bootstrap_of_means([true for _, true in pairs]),
            "ratio": float(np.mean(ratios)),
            "by_category": ratios,
        }
    }
