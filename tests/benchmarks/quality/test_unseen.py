"""An evaluation router is calibrated as bundling does, and asked about what it never saw."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from benchmarks.quality import unseen
from benchmarks.quality.choices import held_out_categories
from benchmarks.quality.tables import sections
from codes.building.bundle_builder import BundlePlan, build_bundle, find_runs
from codes.cli.main import train_or_test
from codes.data.store_writer import pack
from codes.evaluation.prefixes import Prefixes, all_cuts
from codes.evaluation.recognition import RouterTest
from codes.formats import npz
from codes.training.run_folder import RunFolder
from tests.support.running import flags, output_of
from tests.support.worlds import CATEGORIES, doodles

QUICK = flags(steps=4, batch=6, evaluate_every=2, save_every=2, encoder_size=6, threads=1, precision="float32")


@pytest.fixture(scope="module")
def run(store, tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "router"
    output_of(train_or_test, "train", "predict", store.folder, "-o", folder, *QUICK)
    return RunFolder(folder)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Return a folder of two categories that the router never saw, one that it knows, and one without test sketches."""
    folder = tmp_path_factory.mktemp("everything")
    for count, name in enumerate(("circle", "ladder", "spiral"), start=3):
        npz.write_splits(folder / f"{name}.npz", {"test": doodles(count, seed=count)})
    npz.write_splits(folder / "empty.npz", {"train": doodles(2), "test": []})
    return folder


def measured(*words: object) -> Result:
    return CliRunner().invoke(unseen.main, [str(word) for word in words])


def test_what_a_router_never_saw_is_told_from_what_it_knows_at_every_cut(run, store, everything, tmp_path):
    out = tmp_path / "unseen.json"
    result = measured(run.path, store.folder, everything, "-o", out)
    assert result.exit_code == 0, result.output
    assert "3 categories known, 2 never seen" in result.output
    figures = json.loads(out.read_text())
    assert figures["unseen"] == ["ladder", "spiral"] and figures["known"] == 3
    assert figures["refusal"].keys() == all_cuts().keys()
    assert {(one["known"], one["unknown"]) for one in figures["refusal"].values()} == {(18, 4 + 5)}
    table = sections(tmp_path)["unseen"]
    assert "without ladder and spiral:" in table and table.count("| 2 categories never seen (9) |") == 3


def test_scores_are_those_of_a_bundle_of_the_same_run(run, store, everything, tmp_path):
    """The same calibration and the same rounded weights, so the same areas."""
    output_of(train_or_test, "train", "draw", store.folder, "-o", tmp_path / "draw", *QUICK, *flags(size=8, mixtures=2))
    plan = BundlePlan(run, find_runs(tmp_path / "draw", CATEGORIES), store, critic_sketches=0)
    bundle = build_bundle(plan, tmp_path / "bundle")
    router = RouterTest(*bundle.router(), CATEGORIES)
    known = {name: list(store.split("test").only(name).sketches()) for name in CATEGORIES}
    strange = [rows for count in (4, 5) for rows in doodles(count, seed=count)]
    answers = {"50%": router.predict(known, lambda rows: Prefixes.at(rows, 0.5))}
    expected = router.refusal(answers, strange)["50%"]
    found = unseen.unseen_figures(run, store, everything)["refusal"]["50%"]
    assert found == expected


def test_what_cannot_be_measured_is_one_sentence(run, store, everything, tmp_path):
    other = pack(tmp_path / "other", {"valid": {"circle": doodles(2)}, "test": {"circle": doodles(2)}})
    npz.write_splits(tmp_path / "circle.npz", {"test": doodles(3)})
    for words, said in (
        ((run.path, store.folder, tmp_path / "circle.npz"), "no test sketches of a category that is not in"),
        ((run.path, other.folder, everything), "does not have the router's categories"),
        ((tmp_path / "none", store.folder, everything), "none"),
        ((run.path, everything, everything), "no packed store"),
    ):
        result = measured(*words, "-o", tmp_path / "unseen.json")
        assert result.exit_code == 1 and result.output.startswith("Error: ") and result.output.count("\n") == 1
        assert said in result.output and not (tmp_path / "unseen.json").exists()


def test_the_names_to_leave_out_are_printed_one_a_line():
    result = measured("--names")
    assert result.exit_code == 0 and result.output.splitlines() == held_out_categories()
