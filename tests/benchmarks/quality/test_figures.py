"""Figures are averages over categories, on the same sketches where they are compared."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.quality.figures import completion_figures, plain, worst_gap
from codes.evaluation.bootstrap import bootstrap_of_means


def test_the_worst_gap_leaves_out_categories_without_one():
    made = {name: {"50%": {"gap": gap}} for name, gap in (("a", 0.9), ("b", None), ("c", 0.5))}
    assert worst_gap(made) == (pytest.approx(0.7), "c", 0.5, 2)


def test_figures_compare_on_the_same_sketches(trials):
    made = completion_figures([trials, trials])
    assert made["fractions"]["50%"]["prefix"].count == 10
    usual = np.mean(trials.tables["50%"][:3, 1])
    more = made["compared"]["z = 0"]["more_recognised"]
    assert more.count == 6
    assert more.value == pytest.approx(np.mean(trials.tables["z = 0"][:, 1]) - usual)
    assert made["compared"]["25%, routed"]["usual"] == "25%"


def test_figures_are_plain_json_with_few_digits():
    told = plain({"a": bootstrap_of_means([np.array([0.0, 1.0, 1.0])]), "b": [1 / 3, None, 2], "c": "x"})
    assert json.loads(json.dumps(told)) == told
    assert told["a"]["value"] == 0.66667 and told["b"] == [0.33333, None, 2]
