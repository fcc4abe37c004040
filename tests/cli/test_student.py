"""The walk of a student: own drawings to a model of one's own, each step as the command before it says what is next."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

from codes.checkpoints.bundle import Bundle
from codes.cli.main import halfdrawn
from codes.cli.main import train_or_test as main
from codes.cli.next_steps import after_router
from codes.formats.registry import write
from codes.training.run_folder import RunFolder
from tests.support.running import error_of, flags, output_of, run
from tests.support.worlds import CATEGORIES, sketch_of

ROOT = Path(__file__).parents[2]
TINY = {
    "train predict": flags(steps=4, batch=6, evaluate_every=2, encoder_size=6, threads=1),
    "train draw": flags(steps=4, batch=6, evaluate_every=2, encoder_size=6, threads=1, size=8, latent=4, mixtures=2),
}


def drawings(folder: Path, category: str, count: int) -> None:
    """Make SVGs in a folder of that name, as somebody's own drawings are kept."""
    (folder / category).mkdir(parents=True)
    for number in range(count):
        write(folder / category / f"{category} {number}.svg", sketch_of(category, number))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to stand in, whose name has to be quoted, with drawings of three categories."""
    home = tmp_path / "a student's work"
    for category in CATEGORIES:
        drawings(home / "my drawings", category, 12)
    monkeypatch.chdir(home)
    return home


def shell(line: str) -> str:
    """Run a line as it was printed, from the folder that the test stands in, and return what it says."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(words, capture_output=True, env=environment, text=True, timeout=250, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def next_lines(text: str) -> list[str]:
    """Return the commands that a command said are next."""
    _, _, after = text.partition("Next:\n")
    return [line.strip() for line in after.splitlines()]


def test_each_step_says_the_next_one_ready_to_paste(folder):
    """Only sizes are added, so that a test can wait for it."""
    script = shlex.join([sys.executable, str(ROOT / "train_or_test.py")])
    text = shell(f"{script} data import 'my drawings' -o 'my store'")
    router, draw = next_lines(text)
    text = shell(f"{router} {shlex.join(TINY['train predict'])}")
    assert next_lines(text) == [draw]
    (bundle,) = next_lines(shell(f"{draw} {shlex.join(TINY['train draw'])}"))
    predict_test, draw_test = next_lines(shell(f"{bundle} --practice 4"))
    assert next_lines(shell(draw_test)) == next_lines(shell(predict_test))
    finish, live = next_lines(shell(predict_test))
    assert "live" in live
    written = shell(finish).splitlines()[-1].removeprefix("written: ")
    assert (folder / written).stat().st_size > 500
    made = Bundle.open(folder / "runs/my store/bundle")
    assert set(made.categories) == set(CATEGORIES)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder / "runs").rglob("*") if path.is_file()}
    (folder / "plain").touch()
    assert modes == {stat.S_IMODE((folder / "plain").stat().st_mode)}


def test_halfdrawn_says_its_own_commands(folder):
    lines = next_lines(output_of(halfdrawn, "data", "import", "my drawings", "-o", "store"))
    assert lines == [
        "halfdrawn train predict store -o runs/store/router",
        "halfdrawn train draw store -o runs/store/draw",
    ]


def test_teaching_says_how_to_try_what_was_taught(folder, bundle):
    drawings(folder, "spiral wheel", 10)
    words = ["teach", "spiral wheel", "spiral wheel", "-m", bundle.folder, "--steps", 2, "-o", "taught"]
    classify, complete = next_lines(output_of(main, *words))
    assert "spiral wheel from 10 drawings" in output_of(main, *words)
    for line in (classify, complete):
        shell(line.replace("python predict_client.py", shlex.join([sys.executable, str(ROOT / "predict_client.py")])))
    assert Path("finished-spiral-wheel.svg").read_text().count(">spiral wheel ") == 9


def test_one_category_alone_is_taught(folder):
    (line,) = next_lines(output_of(main, "data", "import", "my drawings/zigzag", "-o", "store"))
    assert line == "python train_or_test.py teach zigzag 'my drawings/zigzag' -o runs/store/bundle"


def test_what_cannot_be_taught_is_said_before_anything_is_drawn(folder, bundle, monkeypatch):
    """Five drawings were found too few only after the bundle had drawn what they were to be told from."""
    monkeypatch.setattr("codes.cli.build.sketches_from_decoders", lambda *some: pytest.fail("it draws"))
    monkeypatch.setattr(Bundle, "router", lambda self: pytest.fail("the router is read"))
    drawings(folder, "snail", 5)
    teach = ["teach", "snail", "snail", "-m", bundle.folder, "-o"]
    assert "5 drawings of snail are too few; 10 or more are needed" in error_of(main, *teach, "new")
    assert "is no bundle, so it is not replaced" in error_of(main, *teach, "my drawings")
    assert "name another folder" in error_of(main, *teach, bundle.folder)
    assert "draws 'circle'" in error_of(main, "teach", "Circles", "snail", "-m", bundle.folder, "-o", "new")
    assert (folder / "my drawings/circle").is_dir()


def test_a_bundle_never_replaces_the_runs_that_it_is_made_of(folder, store):
    Path("runs").mkdir()
    Path("runs/kept").touch()
    words = ["bundle", "--router", "runs/router", "--draw", "runs/draw", "--data", store.folder, "-o"]
    assert "runs: is no bundle, so it is not replaced by one" in error_of(main, *words, "runs")
    assert Path("runs/kept").exists()
    assert "no-card.md: there is no such file" in error_of(main, *words, "new", "--card", "no-card.md")


def test_no_category_is_trained_before_all_are_known_to_be_trainable(folder, store, monkeypatch):
    monkeypatch.setattr("codes.training.jobs.decoder_job", lambda *some: pytest.fail("it trains"))
    train = ["train", "draw", store.folder, "-o", "runs", *TINY["train draw"]]
    assert "no category 'unicorn'" in error_of(main, *train, "-c", "circle", "-c", "unicorn")
    Path("runs/square").mkdir(parents=True)
    Path("runs/square/mine.txt").touch()
    assert "runs/square is there with other things in it" in error_of(main, *train)


def test_what_an_import_cannot_train_is_said(folder):
    drawings(folder / "few", "circle", 1)
    drawings(folder / "few", "square", 9)
    assert "Cannot be trained, as there are none in valid: circle." in output_of(
        main, "data", "import", "few", "-o", "s"
    )
    full = error_of(main, "data", "import", "nothing-there", "-o", "s")
    assert "s: there is something of that name already" in full


def test_figures_have_names_units_and_a_direction(folder, store):
    result = run(main, "train", "draw", store.folder, "-o", "draw", "-c", "Circles", *TINY["train draw"])
    assert "valid/moved: nats per point of the second half" in result.stderr and "lower is better" in result.stderr
    assert "best valid/moved=" in result.stderr
    first, *_ = result.stdout.splitlines()
    best = RunFolder("draw/circle").best_facts()
    assert first.startswith(f"draw/circle: best valid/moved {best['valid']:.4f} at step {best['step']} of 4 (nats per")
    again = output_of(main, "train", "draw", store.folder, "-o", "draw", "-c", "circle", *TINY["train draw"])
    assert again.splitlines()[0] == first.replace("circle: ", "circle: was finished before; ")


def test_a_run_that_stops_early_says_why(folder, store):
    words = [
        *flags(steps=40, batch=6, evaluate_every=1, encoder_size=6, patience=1, learning_rate=1e-9),
        "--threads",
        1,
    ]
    text = output_of(main, "train", "predict", store.folder, "-o", "router", *words, "--average", 0, "--warmup", 0)
    assert "router: stopped early, as valid/loss had not improved for 1 validations; best valid/loss" in text


def test_the_log_has_the_time_since_the_run_began(folder, store):
    output_of(main, "train", "predict", store.folder, "-o", "router", *TINY["train predict"])
    rows = [json.loads(line) for line in Path("router/log.jsonl").read_text().splitlines()]
    assert 0 < rows[0]["elapsed"] <= rows[1]["elapsed"] <= RunFolder("router").progress()["elapsed"]


def test_tables_of_tests_say_what_their_columns_mean_and_refuse_early(folder, bundle, store, monkeypatch):
    model = ["-m", bundle.folder]
    drawn = output_of(main, "test", "draw", store.folder, *model, "-c", "Circles")
    assert "Lower is better." in drawn and "pixels:" in drawn
    assert "macro: share of right answers" in output_of(main, "test", "predict", store.folder, *model)
    monkeypatch.setattr("codes.evaluation.recognition.RouterTest.predict", lambda *some: pytest.fail("it measures"))
    Path("file").touch()
    for words, part in (
        (["--risk", "file/risk.png"], "file is no folder"),
        (["--unknown", "nothing"], "nothing: there is no such file"),
        (["-c", "bike"], "no category 'bike'"),
    ):
        assert part in error_of(main, "test", "predict", store.folder, *model, *words)


def test_what_learned_differences_is_bundled_as_differences(tmp_path):
    """Otherwise the bundle would hold each decoder whole."""
    for name, rank in (("cat", 8), ("dog", 0)):
        made = RunFolder(tmp_path / name / "draw" / name)
        made.prepare({"start": "runs/all", "rank": rank})
        made.save_best({}, {})
    with click.Context(click.Command("train"), info_name="train_or_test.py"):
        (small,), (whole,) = (after_router(Path("store"), tmp_path / name / "router") for name in ("cat", "dog"))
    assert " --common runs/all --rank 8 " in small
    assert "--common" not in whole
