"""``train_or_test.py train | test | bundle`` as people call them: from a store to a bundle that draws."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields

import pytest
import torch

from codes.checkpoints.bundle import Bundle
from codes.cli.main import predict_client as predict_main
from codes.cli.main import train_or_test as main
from codes.data.store_writer import pack
from codes.formats import npz
from codes.inference.completer import load
from codes.strokes.stroke3 import Sketch
from codes.training.config import DecoderTrainConfig, TrainConfig
from tests.support.running import error_of, flags, output_of, run
from tests.support.worlds import CATEGORIES, doodles, sketch_of, tiny_bundle

QUICK = flags(steps=4, batch=6, evaluate_every=2, save_every=2, encoder_size=6, threads=1, precision="float32")
SMALL = [*QUICK, *flags(size=8, latent=4, mixtures=2)]


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    """A trained router and decoders, tiny and hardly trained."""
    folder = tmp_path_factory.mktemp("runs")
    output_of(main, "train", "predict", store.folder, "-o", folder / "router", *QUICK)
    output_of(main, "train", "draw", store.folder, "-o", folder / "draw", *SMALL)
    return folder


@pytest.fixture(scope="module")
def made(runs, store):
    out = runs / "bundle"
    output_of(main, "bundle", "--router", runs / "router", "--draw", runs / "draw", "--data", store.folder, "-o", out)
    return out


def test_each_category_has_its_own_run_with_pictures(runs):
    for category in CATEGORIES:
        run_folder = runs / "draw" / category
        assert {path.name for path in run_folder.iterdir()} >= {"best.safetensors", "last.safetensors", "curves.png"}
        assert [json.loads(line)["step"] for line in (run_folder / "log.jsonl").read_text().splitlines()] == [2, 4]


def test_an_unfinished_run_is_explained_and_resumed(runs, store, tmp_path):
    folder = tmp_path / "router"
    shutil.copytree(runs / "router", folder)
    config = json.loads((folder / "config.json").read_text())
    config["train"]["steps"] = 6
    (folder / "config.json").write_text(json.dumps(config))
    from codes.checkpoints.tensors import load_tensors, save_tensors

    tensors, facts = load_tensors(folder / "last.safetensors")
    save_tensors(folder / "last.safetensors", tensors, {**facts, "finished": False})
    longer = [*QUICK, "--steps", "6"]
    assert "--resume" in error_of(main, "train", "predict", store.folder, "-o", folder, *longer)
    output_of(main, "train", "predict", store.folder, "-o", folder, *longer, "--resume")
    assert json.loads((folder / "log.jsonl").read_text().splitlines()[-1])["step"] == 6


def test_batches_may_be_made_by_other_processes_and_the_run_is_the_same(runs, store, tmp_path, monkeypatch):
    from codes.training import loop

    asked: list[int] = []
    real = loop.prefetch
    monkeypatch.setattr(loop, "prefetch", lambda *some: asked.append(some[-1]) or real(*some))
    output_of(main, "train", "predict", store.folder, "-o", tmp_path / "ahead", *QUICK, "--workers", "2")
    assert asked == [2]
    best = [(folder / "best.safetensors").read_bytes() for folder in (tmp_path / "ahead", runs / "router")]
    assert best[0] == best[1]


@pytest.mark.parametrize(("command", "work"), [("predict", "train_router"), ("draw", "train_decoders")])
def test_freed_memory_is_kept_from_before_training(runs, store, monkeypatch, command, work):
    from codes.cli import train

    calls: list[str] = []
    monkeypatch.setattr(train, "keep_freed_memory", lambda: calls.append("kept"))
    monkeypatch.setattr(train, work, lambda *some: calls.append("trained") or [])
    output_of(main, "train", command, store.folder, "-o", runs / command, *QUICK)
    assert calls == ["kept", "trained"]


def test_fewer_workers_than_none_are_refused(store, tmp_path):
    error_of(main, "train", "predict", store.folder, "-o", tmp_path / "run", *QUICK, "--workers", "-1")
    assert not (tmp_path / "run").exists()


def test_a_category_may_start_from_a_model_of_all(store, tmp_path):
    output_of(main, "train", "draw", store.folder, "-o", tmp_path / "all", "--together", *SMALL)
    start = ["--start", tmp_path / "all"]
    output_of(main, "train", "draw", store.folder, "-o", tmp_path / "one", "-c", "circle", *start, *SMALL)
    other_size = [*start, *SMALL, "--size", "9"]
    assert "do not fit" in error_of(
        main, "train", "draw", store.folder, "-o", tmp_path / "two", "-c", "circle", *other_size
    )


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["-c", "unicorn"], "no category 'unicorn'"),
        (["-c", "circle", "--together"], "leave --category out"),
        (["--batch", "0"], "batch must be at least 1"),
        (["--device", "toaster"], "no device 'toaster'"),
        (["--longest", "1"], "more than 1 rows"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(store, tmp_path, words, part):
    assert part in error_of(main, "train", "draw", store.folder, "-o", tmp_path / "runs", *SMALL, *words)


def changed(default: object) -> object:
    """Another value of the same kind."""
    if isinstance(default, str):
        return "float32"
    return default + 1 if isinstance(default, int) else default / 2 + 0.0625


@pytest.mark.parametrize(("command", "config"), [("draw", DecoderTrainConfig), ("predict", TrainConfig)])
def test_every_setting_has_a_flag_that_reaches_the_run(store, tmp_path, command, config):
    settings = {each.name: changed(each.default) for each in fields(config) if each.name != "optimiser"}
    asked = flags(**{**settings, "steps": 0, "encoder_size": 6})
    together = ["--together"] if command == "draw" else []
    output_of(main, "train", command, store.folder, "-o", tmp_path / "run", *asked, *together)
    written = json.loads((tmp_path / "run" / "config.json").read_text())["train"]
    assert written == {**settings, "steps": 0, "optimiser": "adam"}


def test_threads_are_as_many_as_asked_for(store, tmp_path):
    before = torch.get_num_threads()
    try:
        words = flags(steps=0, encoder_size=6, threads=before + 2)
        output_of(main, "train", "predict", store.folder, "-o", tmp_path / "run", *words)
        assert torch.get_num_threads() == before + 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["train", "predict", "--kl-weight", "0.5"], "No such option '--kl-weight'"),
        (["train", "predict", "--weight-decay", "0.1", "--optimiser", "rmsprop"], "weight_decay works with adam"),
        (["train", "predict", "--threads", "0"], "0 is not in the range"),
        (["train", "draw", "--balance", "0.5"], "--balance does nothing without --together"),
    ],
)
def test_options_that_would_do_nothing_are_refused(store, tmp_path, words, part):
    result = run(main, *words, store.folder, "-o", tmp_path / "run")
    assert (result.exit_code, part in result.output) == (2, True), result.output
    assert not (tmp_path / "run").exists()


def test_no_store_says_how_to_make_one(tmp_path):
    assert "data import" in error_of(main, "train", "draw", tmp_path, "-o", tmp_path / "runs", *SMALL)


def test_a_bundle_of_what_was_trained_finishes_sketches(made, tmp_path):
    assert set(Bundle.open(made).categories) == set(CATEGORIES)
    data = tmp_path / "some.npz"
    npz.write_splits(data, {"test": doodles(4)})
    answer = json.loads(output_of(predict_main, "data", data, "-m", made, "--json", "--max-points", 5))
    assert len(answer["log_likelihoods"]) == 4


def test_a_bundle_of_some_categories_makes_the_others_background(runs, store, tmp_path):
    words = [
        "--router",
        runs / "router",
        "--draw",
        runs / "draw",
        "--data",
        store.folder,
        "-c",
        "zigzag",
        "-c",
        "circle",
    ]
    valid = pack(tmp_path / "valid", {"valid": {category: doodles(4) for category in store.categories}})
    output_of(
        main, "bundle", *words, "--data", valid.folder, "-o", tmp_path / "two", "--practice", "0", "--no-catalogue"
    )
    two = Bundle.open(tmp_path / "two")
    assert two.categories == ("zigzag", "circle")
    assert not two.has_critic and not two.has_catalogue


def test_a_bundle_has_a_critic_of_all_its_categories_and_passes_it_on(made, tmp_path):
    critic, facts = Bundle.open(made).critic()
    assert tuple(facts.categories) == Bundle.open(made).categories
    assert critic.rows.weight.abs().max() > 0
    npz.write_splits(tmp_path / "snail.npz", {"train": doodles(12)})
    output_of(main, "teach", "snail", tmp_path / "snail.npz", "-m", made, "--steps", "2", "-o", tmp_path / "taught")
    taught = Bundle.open(tmp_path / "taught")
    assert "snail" in taught.categories
    assert taught.critic()[1] == facts
    assert list(taught.catalogue()) == list(taught.categories)
    completer = load(tmp_path / "taught")
    assert completer.complete(sketch_of(), category="snail", candidates=3, max_points=5)[0].category == "snail"


def test_a_bundle_is_not_replaced_where_its_critic_would_have_nothing_to_learn_from(runs, store, tmp_path):
    """The store has no training sketches: that is told before the bundle that is there is touched."""
    there = tiny_bundle(tmp_path / "there")
    valid = pack(tmp_path / "valid", {"valid": {category: doodles(4) for category in store.categories}})
    words = ["--router", runs / "router", "--draw", runs / "draw", "--data", valid.folder, "-o", there.folder]
    assert "no split 'train'" in error_of(main, "bundle", *words)
    assert Bundle.open(there.folder) == there


def test_bundling_what_is_not_there_is_one_sentence(runs, store, tmp_path):
    words = ["--router", runs / "router", "--data", store.folder, "-o", tmp_path / "none"]
    assert "no run" in error_of(main, "bundle", "--draw", tmp_path, *words)
    assert "is not a run of `train predict`" in error_of(
        main, "bundle", "--draw", runs / "draw", *words[2:], "--router", runs / "draw" / "circle"
    )
    assert not (tmp_path / "none").exists()


def test_draw_is_tested_in_nats_a_point(made, store):
    answer = json.loads(output_of(main, "test", "draw", store.folder, "-m", made, "--json"))
    for measured in answer["categories"].values():
        assert measured["sketches"] == 6
        for part in ("whole", "without_latent", "continuation", "continuation_zero"):
            nats = measured[part]
            assert nats["total"] == pytest.approx(nats["offset"] + nats["pen"])
    assert "circle" in output_of(main, "test", "draw", store.folder, "-m", made, "-c", "circle")


def test_predict_is_tested_at_every_fraction_and_refusal_on_unknown_categories(made, store, tmp_path):
    npz.write_splits(tmp_path / "axe.npz", {"test": doodles(5)})  # its SHA-256 is even: it may not test refusal
    npz.write_splits(tmp_path / "ladder.npz", {"test": doodles(5)})
    pictures = tmp_path / "confusion.png", tmp_path / "risk.png"
    words = ["-m", made, "--unknown", tmp_path, "--confusion", pictures[0], "--risk", pictures[1], "--json"]
    answer = json.loads(output_of(main, "test", "predict", store.folder, *words))
    strokes = {f"{share} of strokes" for share in ("10%", "30%", "50%")}
    assert {"U50", "10%", "25%", "50%", "75%", "100%", *strokes} == set(answer["recognition"])
    assert answer["recognition"]["U50"]["count"] == 18
    assert all(picture.stat().st_size > 1000 for picture in pictures)
    assert answer["refusal"].keys() == answer["recognition"].keys()
    from codes.data.quickdraw import may_teach_refusal

    unknown = 5 * sum(not may_teach_refusal(name) for name in ("axe", "ladder"))
    assert unknown > 0
    assert answer["refusal"]["100%"]["unknown"] == unknown
    head = output_of(main, "test", "predict", store.folder, "-m", made).splitlines()[0]
    assert head.split() == ["seen", "macro", "95", "%", "top", "3", "95", "%", "micro", "ECE", "accepted", "risk"]


def test_the_router_may_be_asked_about_some_or_about_everything(made, store):
    def asked(*words):
        answer = json.loads(output_of(main, "test", "predict", store.folder, "-m", made, *words, "--json"))
        return set(answer["recognition"]["100%"]["by_category"])

    assert asked("-c", "zigzag", "-c", "circle") == {"zigzag", "circle"}
    assert asked("--everything") == set(CATEGORIES)
    assert "no category 'unicorn'; there are" in error_of(
        main, "test", "predict", store.folder, "-m", made, "-c", "unicorn"
    )


def test_a_confusion_that_cannot_be_read_is_refused(made, store, tmp_path, monkeypatch):
    monkeypatch.setattr("codes.cli.test.MAX_CONFUSION", 2)
    words = ["test", "predict", store.folder, "-m", made, "--confusion", tmp_path / "confusion.png"]
    assert "up to 2 categories, not 3; choose with -c" in error_of(main, *words)
    output_of(main, *words, "-c", "circle", "-c", "zigzag")
    assert (tmp_path / "confusion.png").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--everything", "-c", "circle"], "leave --category out"),
        (["--risk", "risk.svg"], "--risk writes a .png file"),
        (["--confusion", "confusion"], "--confusion writes a .png file"),
    ],
)
def test_contradictions_in_a_test_are_refused(made, store, words, part):
    assert part in error_of(main, "test", "predict", store.folder, "-m", made, *words)


def test_help_of_every_command_has_an_example():
    for words in (
        ["train", "draw"],
        ["train", "predict"],
        ["test", "draw"],
        ["test", "predict"],
        ["bundle"],
        ["catalogue"],
    ):
        result = run(main, *words, "--help")
        assert result.exit_code == 0
        assert f"train_or_test.py {' '.join(words)}" in result.output


def test_a_bundle_is_taught_a_category_from_a_file_of_drawings(made, tmp_path):
    """With nothing else at hand the bundle draws what the new category is to be told from."""
    file = tmp_path / "spirals.npz"
    npz.write(file, [Sketch(points=rows) for rows in doodles(14, 7, ("zigzag",))])
    out = tmp_path / "taught"
    text = output_of(main, "teach", "spiral", file, "--model", made, "--steps", 3, "-o", out)
    assert "spiral from 14 drawings" in text
    assert Bundle.open(out).categories[-1] == "spiral"
    assert "Taught `spiral` from 14 drawings" in (out / "README.md").read_text()


def test_data_for_a_category_that_the_router_knows_is_refused(runs, store, tmp_path):
    words = ["--router", runs / "router", "--draw", runs / "draw", "--data", store.folder, "-c", "circle"]
    output_of(main, "bundle", *words, "-o", tmp_path / "one", "--practice", 0)
    npz.write_splits(tmp_path / "square.npz", {"train": doodles(12, 0, ("square",))})
    words = ["teach", "square", tmp_path / "square.npz", "-m", tmp_path / "one", "--steps", 2, "-o", tmp_path / "two"]
    assert "--data does nothing here" in error_of(main, *words, "--data", store.folder)
    output_of(main, *words)
    assert Bundle.open(tmp_path / "two").categories == ("circle", "square")


def test_too_few_drawings_are_one_sentence_and_leave_nothing(made, tmp_path):
    file = tmp_path / "few.npz"
    npz.write(file, [Sketch(points=rows) for rows in doodles(4)])
    assert "too few" in error_of(main, "teach", "spiral", file, "--model", made, "-o", tmp_path / "taught")
    assert [path.name for path in tmp_path.iterdir()] == ["few.npz"]
