"""Figures are averages over categories, on the same sketches where they are compared."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.figures import completion_figures, headline_figures, plain, worst_gap
from benchmarks.quality.joins import measure_all_joins
from benchmarks.quality.trials import (
    HEADLINE,
)
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


def test_the_headline_is_of_given_and_routed_of_24_candidates_and_one_on_the_same_sketches(trials):
    made = headline_figures([trials.headline, trials.headline])
    assert made.keys() == {"prefix", "true", "categories", "joins", *HEADLINE}
    assert {made[name].count for name in ("prefix", "true", *HEADLINE)} == {10}
    for name in HEADLINE:
        assert made[name].value == pytest.approx(trials.tables[name][:, 1].mean()), name
    assert made["true"].value == pytest.approx(trials.tables["50%"][:, 2].mean())
    settings = {(each.routed, each.candidates) for each in HEADLINE.values()}
    assert settings == {(False, 24), (False, 1), (True, 24), (True, 1)}
    assert all(each.on_many and each.fraction == 0.5 for each in HEADLINE.values())


def test_figures_are_plain_json_with_few_digits():
    told = plain({"a": bootstrap_of_means([np.array([0.0, 1.0, 1.0])]), "b": [1 / 3, None, 2], "c": "x"})
    assert json.loads(json.dumps(told)) == told
    assert told["a"]["value"] == 0.66667 and told["b"] == [0.33333, None, 2]


def test_joins_are_of_the_completions_and_of_people_from_the_same_row_on(trials):
    """Where the person's own ending is put in place of a completion, nothing differs."""
    own = {name: list(trials.headline.whole) for name in HEADLINE}
    figures = headline_figures([replace(trials.headline, completed=own)])["joins"]
    assert all(each["difference"] == dict.fromkeys(HEADLINE, 0) for each in figures.values())
    figures = headline_figures([trials.headline])["joins"]
    assert any(each["difference"]["best of 1"] > 0 for each in figures.values())
    counted = sum(
        int((rows[start:, 2][:-1] == 1).sum() + rows[start - 1, 2])
        for rows, start in zip(trials.headline.completed["50%"], trials.headline.starts, strict=True)
    )
    gaps = measure_all_joins(trials.headline.completed["50%"], trials.headline.starts)
    assert sum(len(each.begins) for each in gaps) == counted
