"""The headline's figures are of the same prefixes, and bundles are compared by them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.quality import compare, headline
from benchmarks.quality.compare import comparison_table
from benchmarks.quality.figures import plain
from benchmarks.quality.headline import headline_figures
from benchmarks.quality.joins import measure_all_joins
from benchmarks.quality.told_apart import Classifier
from benchmarks.quality.trials import HEADLINE, FromNothing, QualityPlan, TrialRunner, as_the_canvas, cut
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
    monkeypatch.setattr(headline, "CLASSIFIERS", {"lines": count})


def test_the_headline_is_of_given_and_routed_of_24_candidates_and_one_on_the_same_sketches(
    trials, executor, quick_classifiers
):
    made = headline_figures([trials.headline, trials.headline], executor)
    others = {"prefix", "true", "categories", "joins", "told_apart", "row_nats", "length_ratio"}
    assert made.keys() == {*others, *HEADLINE}
    assert {made[name].count for name in ("prefix", "true", *HEADLINE)} == {10}
    for name in HEADLINE:
        assert made[name].value == pytest.approx(trials.tables[name][:, 1].mean()), name
        assert made["length_ratio"][name].value == pytest.approx(np.median(trials.tables[name][:, 5])), name
    assert made["true"].value == pytest.approx(trials.tables["50%"][:, 2].mean())
    settings = {(each.routed, each.candidates) for each in HEADLINE.values()}
    assert settings == {(routed, count) for routed in (False, True) for count in (24, 8, 1)}
    assert all(each.on_many and each.fraction == 0.5 for each in HEADLINE.values())
    assert made["row_nats"]["moved"]["macro"].count == 10
    assert made["told_apart"]["lines"].keys() == HEADLINE.keys()


def test_where_the_persons_own_ending_stands_for_a_completion_nothing_differs(trials, executor, quick_classifiers):
    own = {name: list(trials.headline.whole) for name in HEADLINE}
    figures = headline_figures([replace(trials.headline, completed=own)], executor)
    assert all(each["difference"] == dict.fromkeys(HEADLINE, 0) for each in figures["joins"].values())
    assert all(each.all.value == 0.5 for each in figures["told_apart"]["lines"].values())


def test_joins_are_of_what_a_completion_added(trials, executor, quick_classifiers):
    figures = headline_figures([trials.headline], executor)["joins"]
    assert any(each["difference"]["best of 1"] > 0 for each in figures.values())
    counted = sum(
        int((rows[start:, 2][:-1] == 1).sum() + rows[start - 1, 2])
        for rows, start in zip(trials.headline.completed["50%"], trials.headline.starts, strict=True)
    )
    gaps = measure_all_joins(trials.headline.completed["50%"], trials.headline.starts)
    assert sum(len(each.begins) for each in gaps) == counted


def test_drawings_from_nothing_are_those_of_the_drawing_client(bundle, judge, judge_file):
    plan = replace(TINY, wide_judge=judge_file, from_nothing=4, seed=5)
    completer, whole = Completer(bundle), kind("circle", 3)
    made = TrialRunner(completer, judge, plan).from_nothing("circle", whole)
    sketches = completer.sampler("circle").sample(SamplingOptions(4, seed=5, latent="prior"))
    assert made.drawn.tolist() == judge.predict([each.points for each in sketches]).recognised("circle").tolist()
    assert made.true.tolist() == judge.predict(whole).recognised("circle").tolist()


def test_drawings_from_nothing_are_compared_with_true_sketches_category_by_category(
    trials, executor, quick_classifiers
):
    recognised = FromNothing(np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 1, 0])), FromNothing(np.ones(4), np.ones(4))
    both = [replace(trials.headline, from_nothing=each) for each in recognised]
    made = headline_figures(both, executor)["from_nothing"]
    assert made["by_category"] == pytest.approx([1 / 3, 1]) and made["ratio"] == pytest.approx(2 / 3)
    assert made["drawn"].value == pytest.approx(0.625) and made["true"].value == pytest.approx(0.875)


def test_a_comparison_has_a_column_a_bundle_and_a_row_a_figure(trials, executor, quick_classifiers):
    figures = plain(headline_figures([trials.headline], executor))
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
    result = CliRunner().invoke(compare.main, words)
    assert "do not all have unicorn" in str(result.exception)
    assert "name a bundle" in str(CliRunner().invoke(compare.main, [str(store.folder)]).exception)


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
