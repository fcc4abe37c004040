"""The judge and its training, on doodles; all of it tiny."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.quality.judge import (
    FEATURES,
    INPUT_SIDE,
    RASTER_SIDE,
    Judge,
    JudgeNet,
    network_input,
    rasterise,
    rasterise_all,
    save_judge,
)
from benchmarks.quality.judge_training import (
    JudgeConfig,
    JudgeDataset,
    JudgeTrainer,
    accuracy,
    gather_split,
    mapped_input,
    random_map,
    train_judge,
    vary_strokes,
)
from benchmarks.quality.judge_training import main as judge_main
from codes.errors import BadFile, BadOption
from codes.formats import npz
from tests.benchmarks.quality.conftest import kind
from tests.support.worlds import CATEGORIES


def test_a_drawing_fills_its_picture_wherever_it_is_and_however_large():
    sketch = np.array([[60, 0, 0], [0, 30, 0], [-60, 0, 0], [0, -30, 1], [20, 10, 0], [9, 3, 1]])
    picture = rasterise(sketch)
    assert picture.shape == (RASTER_SIDE, RASTER_SIDE) and set(np.unique(picture)) == {0, 255}
    columns, rows = np.flatnonzero(picture.any(axis=0)), np.flatnonzero(picture.any(axis=1))
    assert columns[0] <= 4 and columns[-1] >= RASTER_SIDE - 5 and abs(rows[0] - RASTER_SIDE * 0.275) < 3
    assert np.array_equal(rasterise(sketch * [3, 3, 1]), picture)
    assert rasterise(np.array([[0, 0, 1]])).any()


def test_the_first_segment_is_drawn_and_the_air_is_not():
    picture = rasterise(np.array([[100, 0, 1], [0, 100, 0], [-100, 0, 1]]))
    assert picture[4, 20:60].all() and picture[-4, 20:60].all()
    assert not picture[20:60].any()


def test_mapping_by_nothing_changes_nothing_and_mirroring_mirrors():
    pictures = rasterise_all(kind("zigzag", 3))
    plain_input = network_input(pictures)
    assert plain_input.shape == (3, 1, INPUT_SIDE, INPUT_SIDE) and plain_input.min() >= 0 and plain_input.max() <= 1
    torch.testing.assert_close(mapped_input(pictures, [np.eye(2)] * 3), plain_input, atol=1e-3, rtol=0)
    mirrored = mapped_input(pictures, [np.diag([-1.0, 1.0])] * 3)
    torch.testing.assert_close(mirrored, plain_input.flip(-1), atol=1e-3, rtol=0)


def test_maps_are_small_and_mirror_every_other_sketch():
    rng = np.random.default_rng(0)
    signs = [np.linalg.det(random_map(rng)) for _ in range(200)]
    assert 70 < sum(sign < 0 for sign in signs) < 130
    assert all(0.5 < abs(sign) < 1.15 for sign in signs)


def test_the_judge_learns_doodles_of_two_kinds(tmp_path):
    sketches = {name: kind(name, 40) for name in ("circle", "zigzag")}
    made = train_judge(
        sketches, JudgeConfig(steps=40, batch=16, warmup=5, min_pictures=0), tmp_path / "judge.safetensors"
    )
    others = {name: kind(name, 30, seed=9) for name in sketches}
    told = accuracy(made, others)
    assert min(each["value"] for each in told["categories"].values()) > 0.9
    assert told["macro"]["count"] == 60
    predicted = made.predict(others["circle"])
    assert predicted.features.shape == (30, FEATURES)
    assert np.allclose(predicted.probabilities.sum(axis=1), 1)
    assert predicted.probability("circle").mean() > 0.5 > predicted.probability("zigzag").mean()
    assert not (tmp_path / "judge.state").exists()


def test_a_judge_that_was_stopped_goes_on_as_if_it_never_was(tmp_path):
    config = JudgeConfig(steps=6, batch=4, warmup=2, min_pictures=7)
    dataset = JudgeDataset.of({name: kind(name, 5) for name in CATEGORIES}, config)
    whole, begun, resumed = (JudgeTrainer(3, config) for _ in range(3))
    for trainer, until in ((whole, 6), (begun, 3)):
        while trainer.step < until:
            trainer.train_step(*dataset.batch(config, trainer.step))
    begun.save(tmp_path / "judge.state")
    resumed.resume(tmp_path / "judge.state")
    while resumed.step < 6:
        resumed.train_step(*dataset.batch(config, resumed.step))
    for name, value in whole.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name], value, rtol=0, atol=0, msg=name)


def test_the_learning_rate_rises_and_falls_to_nothing():
    config = JudgeConfig(steps=100, warmup=10, learning_rate=1.0)
    first, tenth, half, last = (config.learning_rate_at(step) for step in (0, 9, 50, 99))
    assert first < tenth > half > last < 1e-3


def test_categories_with_few_sketches_are_drawn_more_often_than_their_share():
    sketches = {"circle": kind("circle", 16), "square": kind("square", 4)}
    dataset = JudgeDataset.of(sketches, JudgeConfig(balance=0.5, min_pictures=0))
    assert dataset.weights.sum() == pytest.approx(1)
    assert dataset.weights[16:].sum() == pytest.approx(1 / 3)


def test_a_category_with_few_sketches_is_also_shown_variants_of_them():
    sketches = {"circle": kind("circle", 16), "square": kind("square", 4)}
    dataset = JudgeDataset.of(sketches, JudgeConfig(balance=0.5, min_pictures=9))
    assert torch.equal(dataset.pictures[:20], torch.cat([rasterise_all(some) for some in sketches.values()]))
    assert dataset.labels.tolist() == [0] * 16 + [1] * 9
    assert all((dataset.pictures[20:] != own).flatten(1).any(dim=1).all() for own in dataset.pictures[16:20])
    assert dataset.weights[16:].sum() == pytest.approx(3 / 7)


def test_a_variant_moves_strokes_and_may_lose_one_but_never_all():
    rng = np.random.default_rng(3)
    two = np.array([[40, 0, 1], [0, 40, 0], [-40, 0, 1]])
    variants = [vary_strokes(two, rng) for _ in range(60)]
    assert all(each.any() for each in variants)
    assert len({each.tobytes() for each in variants}) > 50
    assert all(vary_strokes(two[:1], rng).any() for _ in range(30))


def test_some_variants_lack_a_stroke():
    """Of two lines one above the other, about one drawing in seven has only one, and so no height."""
    rng = np.random.default_rng(5)
    two = np.array([[100, 0, 1], [0, 100, 0], [-100, 0, 1]])
    heights = [np.ptp(np.flatnonzero(vary_strokes(two, rng).any(axis=1))) for _ in range(200)]
    assert 10 < sum(height < RASTER_SIDE / 2 for height in heights) < 60


def test_the_judges_command_tests_it_on_split_test(tmp_path):
    for name in ("circle", "zigzag"):
        npz.write_splits(tmp_path / f"{name}.npz", {"train": kind(name, 8), "valid": [], "test": kind(name, 4, seed=5)})
    words = [str(tmp_path / "circle.npz"), str(tmp_path / "zigzag.npz"), "-o", str(tmp_path / "j.safetensors")]
    result = CliRunner().invoke(judge_main, [*words, "--steps", "2"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["categories"].keys() == {"circle", "zigzag"}
    assert told["macro"]["value"] == pytest.approx(np.mean([each["value"] for each in told["categories"].values()]))
    with pytest.raises(BadOption, match="circle once more"):
        gather_split([tmp_path, tmp_path / "circle.npz"], "test")


def test_what_is_no_judge_is_refused(tmp_path, judge):
    with pytest.raises(BadFile, match="no such file"):
        Judge.open(tmp_path / "nothing.safetensors")
    save_judge(tmp_path / "wrong.safetensors", judge.net, {"categories": ["one", "two"]})
    with pytest.raises(BadFile, match="do not fit"):
        Judge.open(tmp_path / "wrong.safetensors")


def test_a_judge_is_the_same_when_it_is_read_again(judge, judge_file):
    """Nearly the same: it is kept in float16."""
    sketches = kind("square", 5)
    again = Judge.open(judge_file).predict(sketches)
    assert np.allclose(again.probabilities, judge.predict(sketches).probabilities, atol=2e-3)


def test_the_shipped_judge_knows_all_that_may_be_taught():
    judge = Judge.open()
    assert len(judge.categories) == 41 and {"hand", "spider", "bicycle"} <= set(judge.categories)
    assert isinstance(judge.net, JudgeNet)
