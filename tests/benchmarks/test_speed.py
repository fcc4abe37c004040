"""The benchmarks run, measure what they say, and are compared with a faithful Sketch-RNN; tiny, no speed tested."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import distributions

from benchmarks import ROOT
from benchmarks.speed import __main__ as speed
from benchmarks.speed import loss_gap
from benchmarks.speed.bundles import begun, endless_vae, make_completer
from benchmarks.speed.doodles import doodles, write_store
from benchmarks.speed.flops import picture_operations, router_arithmetic, vae_arithmetic
from benchmarks.speed.memory import STATUS, peaks_of_training
from benchmarks.speed.page import BEGIN, END
from benchmarks.speed.reference import (
    Corpus,
    ReferenceRouter,
    ReferenceTraining,
    ReferenceVAE,
    Sizes,
    continue_sketch,
    mixture_log_density,
    padded,
    reconstruction,
    sample_point,
)
from benchmarks.speed.startup import import_seconds
from benchmarks.speed.timing import Timings, in_turn
from benchmarks.speed.training import router_sizes
from benchmarks.speed.worker_process import Apart
from benchmarks.speed.workload import Effort
from codes.model.router import RouterNet
from codes.training.config import TrainConfig
from codes.training.loop import choose_precision

TINY_SIZES = Sizes(encoder=4, decoder=8, latent=3, mixtures=2, rows=30, batch=4)
TINY = Effort(
    rounds=1,
    pools=1,
    sketches=100,
    few=50,
    many=100,
    memory_steps=1,
    categories=7,
    bulk=3,
    singly=2,
    gap_steps=2,
    product=16,
    sizes=replace(TINY_SIZES, rows=150),
)


def tiny_corpus() -> Corpus:
    rng = np.random.default_rng(0)
    sketches = [np.column_stack([rng.normal(size=(n, 2)), np.arange(n) % 4 == 3]) for n in (5, 12, 30, 20)]
    return Corpus([each.astype(np.float32) for each in sketches], np.array([0, 1, 0, 1]), TINY_SIZES)


def test_doodles_are_as_long_as_quickdraws_and_end_with_a_lift():
    sketches = list(doodles(6000, seed=3))
    lengths = np.array([len(sketch) for sketch in sketches])
    assert len(sketches) == 6000
    assert abs(lengths.mean() - 45) < 1
    assert (lengths.min(), lengths.max()) >= (5, 100) and lengths.max() <= 150
    assert all(sketch[-1, 2] == 1 and sketch[:, 2].max() <= 1 for sketch in sketches)
    assert 5 < np.mean(np.concatenate(sketches)[:, 2] == 0) / np.mean(np.concatenate(sketches)[:, 2]) < 12


def test_doodles_are_streamed():
    assert len(list(islice(doodles(10**12), 3))) == 3


def test_a_store_of_doodles_holds_as_many_as_were_asked_for(tmp_path):
    store = write_store(tmp_path / "store", 100)
    assert store.split("train").counts().tolist() == [20] * 5
    assert len(store.split("valid")) > 0


def test_the_references_density_is_the_mixtures():
    """Against torch's own distributions."""
    torch.manual_seed(0)
    mixture, offset = torch.randn(3, 4, 12, dtype=torch.float64), torch.randn(3, 4, 2, dtype=torch.float64)
    weights, mean_x, mean_y, log_x, log_y, raw = mixture.chunk(6, dim=-1)
    rho, sd_x, sd_y = torch.tanh(raw) * 0.999, log_x.exp(), log_y.exp()
    rows = [torch.stack([sd_x**2, rho * sd_x * sd_y], -1), torch.stack([rho * sd_x * sd_y, sd_y**2], -1)]
    parts = distributions.MultivariateNormal(torch.stack([mean_x, mean_y], -1), torch.stack(rows, -2))
    expected = distributions.MixtureSameFamily(distributions.Categorical(logits=weights), parts).log_prob(offset)
    torch.testing.assert_close(mixture_log_density(mixture, offset), expected)


def test_the_reference_counts_offsets_of_rows_alone_and_pens_of_the_padding_too():
    torch.manual_seed(0)
    points, lengths = padded(tiny_corpus().sketches, TINY_SIZES.rows)
    targets, outputs = points[:, 1:], torch.randn(4, TINY_SIZES.rows, 15)
    whole = reconstruction(outputs, targets, lengths)
    nowhere = torch.where(targets[..., 4:] == 1, 9.0, targets[..., :2])
    torch.testing.assert_close(reconstruction(outputs, torch.cat([nowhere, targets[..., 2:]], -1), lengths), whole)
    other = outputs.clone()
    other[:, 25:, 2] += 3.0
    assert not torch.isclose(reconstruction(other, targets, lengths), whole)


def test_padding_begins_with_the_start_row_and_ends_with_ends():
    points, lengths = padded(tiny_corpus().sketches, TINY_SIZES.rows)
    assert points.shape == (4, TINY_SIZES.rows + 1, 5)
    assert points[0, 0].tolist() == [0, 0, 1, 0, 0]
    assert lengths.tolist() == [5, 12, 30, 20]
    assert points[0, 6:, 4].all() and not points[0, :6, 4].any()
    assert (points[..., 2:].sum(-1) == 1).all()


@pytest.mark.parametrize("kind", ["vae", "router"])
def test_the_reference_learns(kind):
    torch.manual_seed(0)
    model = ReferenceVAE(TINY_SIZES) if kind == "vae" else ReferenceRouter(TINY_SIZES, 2)
    training = ReferenceTraining(model, tiny_corpus())
    training.optimiser.param_groups[0]["lr"] = 0.02
    losses = [training.step() for _ in range(40)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_the_reference_samples_from_its_mixture_at_a_temperature():
    """Both components and the correlation; the variance is the temperature's share of it."""
    rng = np.random.default_rng(0)
    outputs = np.array([0, 0, -50, 0, -50, 1, 0, -2, 0, 0, 0, math.log(2), 0, 0.5, 0], dtype=np.float32)
    points = np.array([sample_point(outputs, 0.25, rng) for _ in range(4000)])
    assert np.allclose(points[:, :2].mean(axis=0), [1, -2], atol=0.06)
    assert np.allclose(np.cov(points[:, :2].T), 0.25 * np.array([[1, 0.923], [0.923, 4]]), atol=0.06)
    assert abs(points[:, 2].mean() - 0.5) < 0.04 and not points[:, 4].any()


def test_the_reference_stops_where_the_sketch_ends():
    model = ReferenceVAE(TINY_SIZES).requires_grad_(False)
    model.decoder.output.bias[2] = 50.0
    drawn = continue_sketch(model, tiny_corpus().sketches[1], 9, 0.4, np.random.default_rng(0))
    assert len(drawn) == 1 and drawn[0, 4] == 1


def test_ratios_are_medians_of_rounds():
    timings = Timings({"slow": [4.0, 9.0, 100.0], "fast": [2.0, 3.0, 1.0]})
    assert timings.median("slow") == 9.0
    assert timings.ratio("slow", "fast") == 3.0


def test_works_take_turns_and_the_warm_round_does_not_count():
    done: list[str] = []
    timings = in_turn(2, {"a": lambda: done.append("a"), "b": lambda: done.append("b")})
    assert done == ["a", "b"] * 3
    assert [len(each) for each in timings.rounds.values()] == [2, 2]


def test_the_arithmetic_is_that_of_the_matrices():
    """Each weight matrix, twice for a multiplication and an addition, three times for the passes."""
    vae = endless_vae(TINY_SIZES)
    counted = {name: 6 * value.numel() for name, value in vae.state_dict().items() if value.ndim == 2}
    z = 6 * 4 * TINY_SIZES.decoder * TINY_SIZES.latent  # of the decoder's input matrix, once a sketch
    encoder = sum(value for name, value in counted.items() if name.startswith("encoder"))
    decoder = sum(value for name, value in counted.items() if name.startswith(("decoder.lstm", "decoder.output"))) - z
    a_sketch = sum(counted.values()) - encoder - decoder
    assert vae_arithmetic(TINY_SIZES, 3, 20, 30) == 20 * encoder + 30 * decoder + 3 * a_sketch


def test_the_arithmetic_of_a_router_is_that_of_its_matrices_and_convolutions():
    """A convolution's weights once for each place: a quarter of the cells, a quarter of those, and of those, twice."""
    config = router_sizes(TINY_SIZES, 5)
    net = RouterNet(config)
    places = [(config.raster.side // part) ** 2 for part in (2, 4, 4, 8, 8)]
    kernels = [weight for weight in net.raster.parameters() if weight.ndim == 4]
    picture = sum(2 * kernel.numel() * many for kernel, many in zip(kernels, places, strict=True))
    assert picture_operations(config.raster) == picture
    counted = {name: 6 * value.numel() for name, value in net.state_dict().items() if value.ndim == 2}
    encoder = sum(value for name, value in counted.items() if name.startswith("encoder"))
    a_sketch = sum(counted.values()) - encoder + 3 * picture
    assert router_arithmetic(config, 3, 20, picture) == 20 * encoder + 3 * a_sketch


def test_a_bundle_routes_to_several_categories_and_ends_no_drawing(tmp_path):
    completer = make_completer(tmp_path / "bundle", TINY_SIZES, 7)
    sketches = begun(12, 20)
    assert {len(sketch) for sketch in sketches} == {20}
    routes = completer.classify_many(sketches)
    assert len({route.category for route in routes}) > 1 and {route.decision for route in routes} <= {"known", "unsure"}
    best = completer.complete(sketches[0], max_points=60, temperature=1.0)[0]
    assert not best.ended and len(best.sketch) == 80


def test_work_apart_is_done_in_another_process_as_often_as_it_is_asked_for(tmp_path):
    path = tmp_path / "processes.txt"
    with Apart(partial(noting, path)) as work:
        work()
        work()
        names = path.read_text().split()
    assert len(names) == 2 and set(names) == {str(work.process.pid)} != {str(os.getpid())}
    assert not work.process.is_alive()


def noting(path: Path) -> Callable[[], None]:
    """Work that leaves the number of its process."""

    def note() -> None:
        with path.open("a") as file:
            file.write(f"{os.getpid()}\n")

    return note


def test_the_fast_way_trains_to_the_loss_of_the_plain_way(tmp_path):
    figures = loss_gap.measure(replace(TINY, gap_steps=12), tmp_path)
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
    monkeypatch.setitem(speed.PARTS, "sample", lambda effort, folder: {"sample9_ms": 1.23456, "cold_s": None})
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
    monkeypatch.setitem(speed.PARTS, "sample", lambda effort, folder: {"sample9_ms": 12.345, "cold_s": None})
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
    memory = speed.PARTS["memory"](replace(TINY, few=500, many=1000), tmp_path)
    start = speed.PARTS["start"](TINY, tmp_path)
    assert {*memory, *start} <= speed.MEANINGS.keys()
    assert 0.5 < memory["memory_ratio"] < 2
    assert 0 < start["import_ms"] < 60_000
