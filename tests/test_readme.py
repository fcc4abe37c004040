"""Every block of the README works as printed, and every script starts."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from codes.formats import npz
from codes.formats.registry import read
from tests.support.running import flags
from tests.support.worlds import doodles

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SMALL = flags(steps=2, batch=4, evaluate_every=1, encoder_size=6, threads=1)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    """The lines of all shell blocks that call Python."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith(".venv/bin/python ")]


TRAINING = [line for line in commands() if "train_or_test.py" in line or "--model runs/mine" in line]
USING = [line for line in commands() if line not in TRAINING]


def call(line: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the README in a folder that looks like the repository."""
    script, *words = shlex.split(line)[1:]
    words = [sys.executable, str(ROOT / script), *words, *more]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture
def clone(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.mark.parametrize("line", USING)
def test_what_the_readme_shows_works(line, clone):
    done = call(line, clone)
    assert done.returncode == 0, done.stderr
    out = clone / shlex.split(line)[-1]
    assert out.stat().st_size > 500


def test_the_readme_in_python_works(clone):
    (block,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=clone, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    category, probability = done.stdout.split()
    assert category == "bicycle"
    assert 0.2 < float(probability) <= 1
    prefix, finished = read(ROOT / "examples/sketches/half-a-bicycle.svg"), read(clone / "out/finished-bicycle.svg")
    assert len(finished) > len(prefix)


def test_the_readme_trains_from_data_to_a_model(clone):
    """The same commands on generated doodles, with a few steps; only the download is left to its own test."""
    for seed, category in enumerate(("cat", "crab", "sun")):
        splits = {split: doodles(8, seed) for split in ("train", "valid", "test")}
        (clone / "datasets/quickdraw").mkdir(parents=True, exist_ok=True)
        npz.write_splits(clone / f"datasets/quickdraw/{category}.npz", splits)
    for line in TRAINING:
        small = [*SMALL] if "train_or_test.py train" in line else []
        small += flags(size=8, latent=4, mixtures=2) if "train draw" in line else []
        small += ["--draw-unknown", "--max-points", "20"] if "complete" in line else []
        if "download" not in line:
            done = call(line, clone, *small)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("script", ["train_or_test.py", "draw_client.py", "predict_client.py"])
def test_every_script_starts(script):
    done = subprocess.run([sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=True)
    assert f"Usage: {script}" in done.stdout


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("examples/**/README.md")]


def test_every_page_links_only_to_what_is_there():
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert dead == []


def test_every_target_of_make_that_a_page_names_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"(?:^|`)make (?:[A-Z]+=\S+ )?([a-z-]+)", page.read_text(), flags=re.MULTILINE)
    }
    assert named and [each for each in named if each[1] not in targets] == []
