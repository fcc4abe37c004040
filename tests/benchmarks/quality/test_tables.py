"""The commands of quality measure everything, and the pages hold what their figures give."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks import FIGURES as SHIPPED_FIGURES
from benchmarks.quality import tables, taught
from benchmarks.quality.ending_classifiers import CLASSIFIERS
from benchmarks.quality.judge_training import (
    JudgeConfig,
    train_judge,
)
from benchmarks.quality.row_nats import ROWS
from benchmarks.quality.tables import begin, end, fill_page, sections
from benchmarks.quality.trials import HEADLINE, TRIALS
from codes.formats import npz
from tests.benchmarks.quality.conftest import kind
from tests.support.worlds import CATEGORIES, doodles


@pytest.mark.slow
def test_one_command_measures_everything(measured):
    figures = json.loads((measured / "quality.json").read_text())
    assert figures["quick"] is True and figures["seed"] == 0 and len(figures["bundle"]) == 64
    assert figures["nats"].keys() == figures["completions"]["categories"].keys() == set(CATEGORIES)
    assert figures["judged"]["macro"]["count"] == 18
    assert figures["routing"]["own"]["50%"]["macro_95"][0] <= figures["routing"]["own"]["50%"]["macro"]
    assert {"scribbles", "dots", "letters", "shuffled"} <= figures["routing"]["refusal"].keys()
    assert figures["routing"]["refusal"]["dots"].keys() == {"10%", "25%", "50%", "75%", "100%"}


@pytest.mark.slow
@pytest.mark.parametrize(("part", "keys"), [("headline", {"headline"}), ("router", {"routing"})])
def test_a_part_alone_is_the_same_and_leaves_other_figures_as_they_are(part, keys, measured, measure, tmp_path):
    figures, out = json.loads((measured / "quality.json").read_text()), tmp_path / "quality.json"
    out.write_text(json.dumps({**figures, **dict.fromkeys(keys)}))
    rare = ["--rare", measured] if part == "router" else []
    result = measure("--part", part, *rare, "-o", out)
    assert result.exit_code == 0, result.output
    assert json.loads(out.read_text()) == figures


@pytest.mark.slow
def test_trials_of_some_categories_alone(measure, tmp_path):
    result = measure("--part", "trials", "-c", "zigzag", "--sketches", 2, "-o", tmp_path / "quality.json")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "quality.json").read_text())
    assert figures["completions"]["categories"].keys() == {"zigzag"} and "headline" not in figures
    assert figures["completions"]["fractions"]["50%"]["true"]["count"] == figures["counts"]["many"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--part", "router", "-c", "circle"], "--category does nothing without --part headline or trials"),
        (["--part", "router", "--sketches", 3], "--sketches does nothing"),
        (
            ["--part", "headline", "--part", "trials", "--strangers", "kanji.npz"],
            "--strangers does nothing without --part router",
        ),
        (["--strangers", "missing.npz"], "missing.npz"),
        (["-c", "unicorn"], "do not all have unicorn"),
        (["--part", "trials", "--judge", "missing.safetensors"], "missing.safetensors"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(words, said, measure, tmp_path):
    result = measure(*words, "-o", tmp_path / "quality.json")
    assert result.exit_code == 1 and result.output.startswith("Error: ") and result.output.count("\n") == 1
    assert said in result.output and not list(tmp_path.iterdir())


def test_figures_that_are_none_are_not_replaced(measure, tmp_path):
    (tmp_path / "quality.json").write_text("[1, 2]")
    result = measure("--part", "router", "-o", tmp_path / "quality.json")
    assert result.exit_code == 1 and "no figures that were measured before" in result.output
    assert (tmp_path / "quality.json").read_text() == "[1, 2]"


@pytest.mark.slow
def test_every_table_is_made_of_the_figures(measured):
    made = sections(measured)
    assert made.keys() == tables.SECTIONS.keys() - {"taught", "judge itself", "unseen"}
    assert tables.HEADLINE_WORDS.keys() == HEADLINE.keys()
    assert tables.CLASSIFIER_WORDS.keys() == CLASSIFIERS.keys() and tables.ROW_WORDS.keys() == set(ROWS)
    words = [*tables.JOIN_WORDS.values(), *tables.CLASSIFIER_WORDS.values()]
    assert all(f"| {each} |" in made["recognised"] for each in words)
    assert "Drawn from nothing" in made["recognised"]
    assert len(made["row nats"].splitlines()) == 2 + len(ROWS)
    assert "the median category adds" in made["recognised"]
    assert "| among the first three, macro |" in made["recognition"]
    assert "**Few sketches" in made["what"]
    assert made["nats"].splitlines()[0] == f"| nats per point | mean over {len(CATEGORIES)} categories |"
    widths = [line.count("|") for line in made["compared"].splitlines()]
    assert len(set(widths)) == 1 and len(widths) == 2 + len(TRIALS) - 3


def test_tables_go_between_their_marks_and_nowhere_else():
    text = f"above\n{begin('a')}\nold\n{end('a')}\nbetween\n{begin('b')}\nkept\n{end('b')}\n"
    made = fill_page(text, {"a": "new", "c": "nowhere"})
    assert made == text.replace("old", "new")
    assert fill_page(made, {"a": "new"}) == made


@pytest.mark.slow
def test_the_page_is_written_by_one_command(measured, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{begin('judge')}\n{end('judge')}\n")
    result = CliRunner().invoke(tables.main, ["--figures", str(measured), "--page", str(page)])
    assert result.exit_code == 0, result.output
    assert "it recognises" in page.read_text()


def test_no_table_of_the_pages_is_other_than_its_figures_give():
    """A figure that was typed in, or left behind by a change of the code, is found here."""
    made = sections(SHIPPED_FIGURES)
    assert {"recognition", "completions", "headline", "recognised", "limits"} <= made.keys()
    texts = [page.read_text() for page in tables.PAGES]
    for name in made:
        found = [(text.count(begin(name)), text.count(end(name))) for text in texts]
        assert (1, 1) in found and set(found) <= {(0, 0), (1, 1)}, name
    assert [fill_page(text, made) for text in texts] == texts


@pytest.mark.slow
def test_a_taught_category_is_judged_on_sketches_that_nothing_saw(store, bundle, tmp_path):
    spiral = doodles(24, 3, ("zigzag",))
    npz.write_splits(tmp_path / "spiral.npz", {"train": spiral[:12], "valid": spiral[12:18], "test": spiral[18:]})
    labels = {**{name: kind(name, 6) for name in CATEGORIES}, "spiral": spiral[:12]}
    train_judge(labels, JudgeConfig(steps=2, batch=8), tmp_path / "judge.safetensors")
    words = [tmp_path / "spiral.npz", "--data", store.folder, "-m", bundle.folder, "--quick"]
    words += ["--judge", tmp_path / "judge.safetensors", "-o", tmp_path / "taught.json"]
    result = CliRunner().invoke(taught.main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "taught.json").read_text())["taught"]["spiral"]
    assert figures["drawings"] == 12 and figures["judged"]["true"]["count"] == 12
    assert 0 <= figures["routed"]["50%"]["value"] <= 1
    assert figures["others_before"]["100%"]["count"] == 18
    assert "| spiral | 12 / 12 |" in sections(tmp_path)["taught"]
