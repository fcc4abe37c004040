"""Each part measures what it says and prints it as JSON; tiny, no speed is tested."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from benchmarks import ROOT
from benchmarks.speed import __main__ as speed
from benchmarks.speed import first_use
from benchmarks.speed.__main__ import BEGIN, END
from benchmarks.speed.memory import STATUS, peaks_of_training
from benchmarks.speed.serving import import_seconds
from benchmarks.speed.training import measure_loss_gap
from benchmarks.speed.workload import (
    write_store,
)
from codes.training.config import TrainConfig
from codes.training.loop import choose_precision
from tests.benchmarks.speed.conftest import TINY


def test_the_fast_way_trains_to_the_loss_of_the_plain_way(tmp_path):
    figures = measure_loss_gap(replace(TINY, loss_steps=12), tmp_path)
    assert figures["loss_plain"] > 0.5
    assert abs(figures["loss_gap"]) < (1e-3 if ours_is_float32() else 0.05)


def ours_is_float32() -> bool:
    return choose_precision(TrainConfig(), torch.device("cpu")) == torch.float32


def test_an_import_is_timed_in_a_fresh_python():
    assert 0.05 < import_seconds("time.sleep(0.05)", "json", 1) < 30


@pytest.mark.skipif(not STATUS.exists(), reason="reads the process table of Linux")
def test_peaks_of_training_are_those_of_this_process(tmp_path):
    write_store(tmp_path / "store", 400)
    peaks = peaks_of_training(tmp_path / "store", 1)
    assert 10 < peaks["own"] <= peaks["resident"]


@pytest.mark.parametrize("part", ["train-vae", "train-router", "sample", "serve"])
def test_a_part_prints_its_figures_as_json_last(part, monkeypatch):
    monkeypatch.setattr(speed, "QUICK", TINY)
    result = CliRunner().invoke(speed.main, ["--quick", "--part", part])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.splitlines()[-1])
    names = figures.keys() - {"quick", "threads"}
    assert figures["quick"] is True and len(names) >= 2 and names <= speed.MEANINGS.keys()
    assert all(0 < figures[name] < math.inf for name in names)
    assert all(speed.MEANINGS[name] in result.stderr for name in names)


def test_json_alone_prints_no_table(monkeypatch):
    monkeypatch.setitem(speed.PARTS, "sample", lambda workload, folder: {"sample9_ms": 1.23456, "cold_s": None})
    result = CliRunner().invoke(speed.main, ["--json", "--part", "sample"])
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "sample9_ms": 1.235,
        "cold_s": None,
        "quick": False,
        "threads": torch.get_num_threads(),
    }


def test_figures_are_put_between_the_marks_of_a_page(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"above\n{BEGIN}\nstale\n{END}\nbelow\n")
    monkeypatch.setitem(speed.PARTS, "sample", lambda workload, folder: {"sample9_ms": 12.345, "cold_s": None})
    for _ in range(2):
        assert CliRunner().invoke(speed.main, ["--part", "sample", "--write", str(page)]).exit_code == 0
    text = page.read_text()
    assert text.startswith("above\n") and text.endswith("\nbelow\n") and "stale" not in text
    assert text.count("| `sample9_ms` | 12.3 |") == 1 and "| `cold_s` | not measured |" in text


def test_the_docs_page_has_the_marks():
    text = (ROOT / "docs" / "performance.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="reads the process table of Linux")
def test_memory_and_start_are_measured_in_processes_of_their_own(tmp_path):
    memory = speed.PARTS["memory"](replace(TINY, small_store=500, large_store=1000), tmp_path)
    start = speed.PARTS["start"](TINY, tmp_path)
    assert {*memory, *start} <= speed.MEANINGS.keys()
    assert 0.5 < memory["memory_ratio"] < 2
    assert 0 < start["import_ms"] < 60_000


def test_each_category_of_a_bundle_is_used_once(bundle, monkeypatch):
    monkeypatch.setattr(first_use, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(first_use, "use_threads", lambda threads: None)
    figures = first_use.use_all(str(bundle.folder))
    assert figures["categories"] == len(bundle.categories)
    assert 0 < figures["first_use_ms"] <= figures["first_use_p95_ms"]
    assert figures["bundle_mb"] < 1 < figures["all_used_mb"]
    assert figures.keys() <= speed.MEANINGS.keys()
