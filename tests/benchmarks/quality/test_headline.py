"""The headline's figures are of the same prefixes, and bundles are compared by them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import click
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.quality import compare
from benchmarks.quality import headline as headline_module
from benchmarks.quality.compare import comparison_table
from benchmarks.quality.figures import plain
from benchmarks.quality.headline import headline_figures
from benchmarks.quality.joins import measure_all_joins
from benchmarks.quality.told_apart import Classifier
from benchmarks.quality.trials import (
    COMPLETED,
    HEADLINE,
    LENGTH,
    PREFIX,
    TRUE,
    HeadlineTrials,
    QualityPlan,
    TrialRunner,
    as_the_canvas,
    cut,
    measured_categories,
    open_runner,
)
from codes.errors import BadOption
from codes.formats import npz
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from tests.benchmarks.quality.conftest import TINY, kind
from tests.support.worlds import CATEGORIES


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def quick_classifiers(monkeypatch):
    """Count added lines in place of the classifiers that learn, which take long."""
    count = Classifier(
        lambda drawings: np.array([[len(each.added)] for each in drawings]),
        lambda _, asked: asked.inputs[:, 0].astype(float),
    )
    monkeypatch.setattr(headline_module, "CLASSIFIERS", {"lines": count})


def test_the_headline_is_of_given_and_routed_of_24_candidates_and_one_on_the_same_sketches(
    headline, executor, quick_classifiers
):
    made = headline_figures([headline, headline], executor)
    others = {
        "prefix",
        "true",
        "categories",
        "joins",
        "told_apart",
        "row_nats",
        "length_ratio",
        "by_category",
        "from_nothing",
    }
    assert made.keys() == {*others, *HEADLINE}
    assert {made[name].count for name in ("prefix", "true", *HEADLINE)} == {10}
    for name in HEADLINE:
        assert made[name].value == pytest.approx(headline.tables[name][:, 1].mean()), name
        assert made["length_ratio"][name].value == pytest.approx(np.median(headline.tables[name][:, 5])), name
    assert made["true"].value == pytest.approx(headline.tables["50%"][:, 2].mean())
    settings = {(each.routed, each.candidates) for each in HEADLINE.values()}
    assert settings == {(routed, count) for routed in (False, True) for count in (24, 8, 1)}
    assert all(each.fraction == 0.5 for each in HEADLINE.values())
    assert made["row_nats"]["moved"]["macro"].count == 10
    assert made["told_apart"]["lines"].keys() == HEADLINE.keys()


def test_where_the_persons_own_ending_stands_for_a_completion_nothing_differs(headline, executor, quick_classifiers):
    own = {name: list(headline.whole) for name in HEADLINE}
    figures = headline_figures([replace(headline, completed=own)], executor)
    assert all(each["difference"] == dict.fromkeys(HEADLINE, 0) for each in figures["joins"].values())
    assert all(each.all.value == 0.5 for each in figures["told_apart"]["lines"].values())


def test_joins_are_of_what_a_completion_added(headline, executor, quick_classifiers):
    figures = headline_figures([headline], executor)["joins"]
    assert any(each["difference"]["best of 1"] > 0 for each in figures.values())
    counted = sum(
        int((rows[start:, 2][:-1] == 1).sum() + rows[start - 1, 2])
        for rows, start in zip(headline.completed["50%"], headline.starts, strict=True)
    )
    gaps = measure_all_joins(headline.completed["50%"], headline.starts)
    assert sum(len(each.begins) for each in gaps) == counted


def test_drawings_from_nothing_are_those_of_the_drawing_client(bundle, judge):
    plan = replace(TINY, from_nothing=4, seed=5)
    completer = Completer(bundle)
    made = TrialRunner(completer, judge, plan).from_nothing("circle")
    sketches = completer.sampler("circle").sample(SamplingOptions(4, seed=5, latent="prior"))
    assert made.tolist() == judge.predict([each.points for each in sketches]).recognised("circle").tolist()
    assert TrialRunner(completer, judge, replace(plan, from_nothing=0)).from_nothing("circle").tolist() == []


def recognised(trials: HeadlineTrials, column: int, values: list[float]) -> HeadlineTrials:
    """Return the trials with another column of what is recognised, in every table."""
    tables = {name: table.copy() for name, table in trials.tables.items()}
    for table in tables.values():
        table[:, column] = values
    return replace(trials, tables=tables)


def test_drawings_from_nothing_are_compared_with_true_sketches_category_by_category(
    headline, executor, quick_classifiers
):
    one = replace(recognised(headline, TRUE, [1, 1, 1, 0, 0]), from_nothing=np.array([1.0, 0, 0, 0]))
    other = replace(recognised(headline, TRUE, [1, 1, 1, 1, 1]), from_nothing=np.ones(4))
    made = headline_figures([one, other], executor)["from_nothing"]
    assert made["by_category"] == pytest.approx([0.25 / 0.6, 1]) and made["ratio"] == pytest.approx(
        (0.25 / 0.6 + 1) / 2
    )
    assert made["drawn"].value == pytest.approx(0.625) and made["true"].value == pytest.approx(0.8)
    without = [replace(each, from_nothing=np.zeros(0)) for each in (one, other)]
    assert "from_nothing" not in headline_figures(without, executor)


def test_categories_are_kept_one_by_one(headline, executor, quick_classifiers):
    """The gap is (completed - prefix) / (true - prefix), and nothing where there is hardly one."""
    half = recognised(recognised(headline, TRUE, [1, 1, 1, 1, 0]), PREFIX, [1, 0, 0, 0, 0])
    no_gap = recognised(half, PREFIX, [1, 1, 1, 1, 0])
    shares = recognised(half, COMPLETED, [1, 1, 0, 0, 0]), recognised(no_gap, COMPLETED, [0, 0, 1, 1, 1])
    made = headline_figures(shares, executor)["by_category"]
    assert made["gap_closed"] == [pytest.approx((0.4 - 0.2) / (0.8 - 0.2)), None]
    assert made["prefix"] == pytest.approx([0.2, 0.8]) and made["true"] == pytest.approx([0.8, 0.8])
    assert all(made[name] == pytest.approx([0.4, 0.6]) for name in HEADLINE)
    assert made["length_ratio"] == pytest.approx([np.median(headline.tables["50%"][:, LENGTH])] * 2)


def test_the_examples_are_the_worst_the_median_and_the_best_of_the_first_trial(headline, judge):
    probabilities = [example.probability for example in headline.examples]
    assert probabilities == sorted(probabilities) and len(probabilities) == 3
    shown = [judge.predict([each.sketch.points]).probability("circle")[0] for each in headline.examples]
    assert shown == pytest.approx(probabilities, abs=1e-5)
    made = judge.predict(headline.completed["50%"]).probability("circle")
    assert probabilities == pytest.approx([made.min(), np.median(made), made.max()], abs=1e-5)


def test_a_comparison_has_a_column_a_bundle_and_a_row_a_figure(headline, executor, quick_classifiers):
    figures = plain(headline_figures([headline], executor))
    one_only = {name: value for name, value in figures.items() if name not in HEADLINE or name == "best of 1"}
    lines = comparison_table({"first": figures, "second": one_only}).splitlines()
    assert lines[0].split() == ["first", "second"] and len({len(line) for line in lines}) == 1
    row = next(line for line in lines if line.startswith("50%: recognised"))
    assert row.split()[-2:] == [f"{figures['50%']['value']:.3f}", "-"]
    assert sum("told apart by lines" in line for line in lines) == len(HEADLINE)


@pytest.mark.slow
def test_the_command_measures_the_split_and_the_trials_that_are_asked_for(store, bundle, judge_file, tmp_path):
    """It trains the classifiers as the real run does, on very few sketches."""
    out = tmp_path / "kept.json"
    words = [store.folder, "-m", bundle.folder, "--judge", judge_file, "--categories", "circle,zigzag", "--one"]
    words += ["-n", 3, "-o", out, "--split", "valid"]
    result = CliRunner().invoke(compare.main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())[str(bundle.folder)]
    assert figures["categories"] == ["circle", "zigzag"] and figures["true"]["count"] == 6
    assert "best of 1" in figures and "50%" not in figures
    beside = CliRunner().invoke(compare.main, [str(store.folder), "--beside", str(out)])
    assert beside.output.strip() == result.output.strip()


def test_what_cannot_be_compared_is_refused(store, bundle, judge_file):
    words = [str(store.folder), "-m", str(bundle.folder), "--judge", str(judge_file), "--categories", "circle,unicorn"]
    assert "do not all have unicorn" in sentence_of(compare.main, words)
    assert "name a bundle" in sentence_of(compare.main, [str(store.folder)])


def sentence_of(command: click.Command, words: list[str]) -> str:
    """Return the one sentence that a command says of bad input."""
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 1 and result.output.startswith("Error: ") and result.output.count("\n") == 1
    return result.output


def test_categories_are_those_that_are_asked_for_and_everything_has(store, bundle, judge_file, tmp_path):
    plan = QualityPlan(str(bundle.folder), judge_file)
    assert measured_categories(store.folder, plan) == list(CATEGORIES)
    assert measured_categories(store.folder, plan, ["zigzag", "circle", "zigzag"]) == ["zigzag", "circle"]
    npz.write_splits(tmp_path / "unicorn.npz", {"test": kind("circle", 2)})
    with pytest.raises(BadOption, match="no category in common"):
        measured_categories(tmp_path, plan)


def test_a_process_opens_a_bundle_once_for_all_categories(bundle, judge_file):
    plan = QualityPlan(str(bundle.folder), judge_file)
    assert open_runner(plan) is open_runner(replace(plan))
    assert open_runner(plan).completer is not open_runner(replace(plan, seed=1)).completer


def test_choices_are_made_on_valid_unless_test_is_asked_for():
    asked = {option.name: option.default for option in compare.main.params}
    assert asked["split"] == "valid" and QualityPlan().split == "test"
    assert (
        set(compare.GIVEN) == {"50%", "canvas", "best of 1"}
        and len(compare.DOZEN) == 12
        and not set(compare.DOZEN) & {*CATEGORIES}
    )


def test_a_completion_as_on_the_canvas_is_what_is_streamed(bundle):
    completer, options = Completer(bundle), SamplingOptions(category="circle", candidates=3, max_points=40)
    prefixes = cut(kind("circle", 3), 0.5)
    for prefix, made in zip(prefixes, as_the_canvas(completer, prefixes, options), strict=True):
        streamed = [(row.dx, row.dy) for row in completer.stream(prefix, options) if not row.end]
        added = made.sketch.points[len(prefix) :, :2]
        np.testing.assert_allclose(added, np.reshape(streamed, (-1, 2)), rtol=1e-3, atol=1e-3)
