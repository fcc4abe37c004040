"""What completions are measured by: against formulas, known cases and a judge that learns doodles; all of it tiny."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import FIGURES as SHIPPED_FIGURES
from benchmarks.quality import __main__ as quality
from benchmarks.quality import tables, taught
from benchmarks.quality.distances import chamfer, frechet, gap_closed, ink, spread
from benchmarks.quality.figures import completion_figures, frechet_figures, plain, worst_gap
from benchmarks.quality.judge import FEATURES, Judge, JudgeNet, save_judge
from benchmarks.quality.judge_training import Gallery, JudgeTraining, Judging, accuracy, gathered, train_judge
from benchmarks.quality.judge_training import main as judge_main
from benchmarks.quality.negatives import oddities
from benchmarks.quality.rasters import FINE, SIDE, random_turn, raster, rasters, seen, seen_turned, variant
from benchmarks.quality.sheets import best_median_worst
from benchmarks.quality.tables import begin, end, filled, sections
from benchmarks.quality.trials import COLUMNS, TRIALS, Sketches, Study, StudyPlan, StudyRunner
from codes.errors import BadFile, BadOption
from codes.evaluation.bootstrap import bootstrap_of_means
from codes.formats import npz
from codes.inference.completer import Completer
from tests.support.worlds import CATEGORIES, doodles

TINY = StudyPlan(many=5, few=3, varied=2, variations=3)


def kind(category: str, count: int, seed: int = 0) -> list[np.ndarray]:
    return doodles(count, seed, (category,))


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> Judge:
    """A judge of the three doodles, barely trained; its probabilities are no matter here."""
    path = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    return train_judge({name: kind(name, 6) for name in CATEGORIES}, Judging(steps=3, batch=8), path)


@pytest.fixture(scope="module")
def judge_file(judge, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    save_judge(path, judge.net, {"categories": list(judge.categories)})
    return path


@pytest.fixture(scope="module")
def study(judge, bundle) -> Study:
    sketches = Sketches("circle", kind("circle", 7, seed=1), kind("circle", 4, seed=2))
    return StudyRunner(Completer(bundle), judge, TINY).study(sketches)


def test_the_frechet_distance_of_known_gaussians():
    """Samples made to have exactly these means and covariances: |m|^2 + sum of (s - r)^2 along common axes."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(50, 3))
    samples -= samples.mean(axis=0)
    samples = samples @ np.linalg.inv(np.linalg.cholesky(np.cov(samples.T))).T
    first = samples * [1.0, 2.0, 3.0] + [0.5, 0, -1]
    second = samples * [2.0, 2.0, 1.0]
    assert frechet(first, second) == pytest.approx(1.25 + 1 + 0 + 4)
    assert frechet(first, first) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_that_of_the_matrix_root():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(30, 6)) + 0.3
    one, other = np.cov(first.T), np.cov(second.T)
    gap = first.mean(axis=0) - second.mean(axis=0)
    expected = gap @ gap + np.trace(one + other - 2 * np.real(sqrtm(one @ other)))
    assert frechet(first, second) == pytest.approx(expected)
    assert frechet(second, first) == pytest.approx(expected)


def test_the_frechet_distance_of_fewer_samples_than_features_is_a_number_and_larger():
    rng = np.random.default_rng(2)
    few, many = (frechet(rng.normal(size=(n, 30)), rng.normal(size=(n, 30))) for n in (10, 500))
    assert 0 < many < few < 100


def test_completions_are_drawn_several_times_and_their_distances_averaged(study):
    assert len(study.features.completed) == TINY.drawn == 3
    assert not np.array_equal(*study.features.completed[:2])
    each = [frechet(some, study.features.others) for some in study.features.completed]
    figures = frechet_figures([study])
    assert figures["categories"]["circle"][0] == pytest.approx(np.mean(each))
    assert figures["together"]["completed"] == pytest.approx(np.mean(each))
    assert figures["together"]["count"] == 4


def test_the_first_drawing_is_the_one_that_is_judged(study, judge, bundle):
    sketches = kind("circle", 7, seed=1)[:5]
    again = StudyRunner(Completer(bundle), judge, TINY).drawn("circle", sketches[:4], TINY.seed)
    np.testing.assert_allclose(judge.opinion(again).features, study.features.completed[0], atol=1e-4)


def test_chamfer_counts_both_ways():
    line, dot = np.array([[0.0, 0], [1, 0], [2, 0]]), np.array([[0.0, 3.0]])
    there = (3 + np.sqrt(10) + np.sqrt(13)) / 3
    assert chamfer(line, dot) == pytest.approx((there + 3) / 2)
    assert chamfer(dot, line) == chamfer(line, dot)
    assert chamfer(line, line) == 0


def test_ink_is_what_is_added_and_not_the_way_through_the_air():
    sketch = np.array([[10, 0, 0], [0, 10, 1], [100, 0, 0], [0, 4, 1]])
    points = ink(sketch, 1)
    assert {(10.0, 2.0), (10.0, 10.0), (110.0, 10.0), (110.0, 14.0)} <= set(map(tuple, points.tolist()))
    assert not ((points[:, 0] > 10) & (points[:, 0] < 110)).any()
    assert points[:, 0].min() == 10
    assert ink(sketch, 4).tolist() == [[110, 14]]
    assert ink(np.array([[3, 0, 1], [5, 5, 1]]), 1).tolist() == [[8, 5]]  # a dot


def test_ink_is_as_dense_wherever_a_line_has_points():
    straight = np.array([[90, 0, 1]])
    bent = np.array([[30, 0, 0], [30, 0, 0], [30, 0, 1]])
    assert chamfer(ink(straight, 0), ink(bent, 0)) < 1.01
    assert abs(len(ink(straight, 0)) - len(ink(bent, 0))) <= 2


def test_spread_is_the_mean_over_different_pairs():
    assert spread(np.array([[0.0, 0], [3, 4], [0, 0]])) == pytest.approx(20 / 6)


def test_the_gap_closed_is_of_the_averages_over_categories():
    means = np.array([[0.2, 0.5, 0.8], [0.0, 0.9, 1.0]])
    assert gap_closed(means) == pytest.approx((0.7 - 0.1) / (0.9 - 0.1))
    assert gap_closed(np.stack([means, means])).shape == (2,)
    assert np.isfinite(gap_closed(np.full((1, 3), 0.5)))


def test_the_worst_gap_leaves_out_categories_without_one():
    made = {name: {"50%": {"gap": gap}} for name, gap in (("a", 0.9), ("b", None), ("c", 0.5))}
    assert worst_gap(made) == (pytest.approx(0.7), "c", 0.5, 2)


def test_a_drawing_fills_its_picture_wherever_it_is_and_however_large():
    sketch = np.array([[60, 0, 0], [0, 30, 0], [-60, 0, 0], [0, -30, 1], [20, 10, 0], [9, 3, 1]])
    picture = raster(sketch)
    assert picture.shape == (FINE, FINE) and set(np.unique(picture)) == {0, 255}
    columns, rows = np.flatnonzero(picture.any(axis=0)), np.flatnonzero(picture.any(axis=1))
    assert columns[0] <= 4 and columns[-1] >= FINE - 5 and abs(rows[0] - FINE * 0.275) < 3
    assert np.array_equal(raster(sketch * [3, 3, 1]), picture)
    assert raster(np.array([[0, 0, 1]])).any()


def test_the_first_segment_is_drawn_and_the_air_is_not():
    picture = raster(np.array([[100, 0, 1], [0, 100, 0], [-100, 0, 1]]))
    assert picture[4, 20:60].all() and picture[-4, 20:60].all()
    assert not picture[20:60].any()


def test_turning_by_nothing_changes_nothing_and_mirroring_mirrors():
    fine = rasters(kind("zigzag", 3))
    plain_view = seen(fine)
    assert plain_view.shape == (3, 1, SIDE, SIDE) and plain_view.min() >= 0 and plain_view.max() <= 1
    torch.testing.assert_close(seen_turned(fine, [np.eye(2)] * 3), plain_view, atol=1e-3, rtol=0)
    mirrored = seen_turned(fine, [np.diag([-1.0, 1.0])] * 3)
    torch.testing.assert_close(mirrored, plain_view.flip(-1), atol=1e-3, rtol=0)


def test_turns_are_small_and_mirror_every_other_sketch():
    rng = np.random.default_rng(0)
    signs = [np.linalg.det(random_turn(rng)) for _ in range(200)]
    assert 70 < sum(sign < 0 for sign in signs) < 130
    assert all(0.5 < abs(sign) < 1.15 for sign in signs)


def test_the_judge_learns_doodles_of_two_kinds(tmp_path):
    sketches = {name: kind(name, 40) for name in ("circle", "zigzag")}
    made = train_judge(sketches, Judging(steps=40, batch=16, warmup=5, fewest=0), tmp_path / "judge.safetensors")
    others = {name: kind(name, 30, seed=9) for name in sketches}
    told = accuracy(made, others)
    assert min(each["value"] for each in told["categories"].values()) > 0.9
    assert told["macro"]["count"] == 60
    opinion = made.opinion(others["circle"])
    assert opinion.features.shape == (30, FEATURES)
    assert np.allclose(opinion.chances.sum(axis=1), 1)
    assert opinion.of("circle").mean() > 0.5 > opinion.of("zigzag").mean()
    assert not (tmp_path / "judge.state").exists()


def test_a_judge_that_was_stopped_goes_on_as_if_it_never_was(tmp_path):
    config = Judging(steps=6, batch=4, warmup=2, fewest=7)
    gallery = Gallery.of({name: kind(name, 5) for name in CATEGORIES}, config)
    whole, begun, resumed = (JudgeTraining(3, config) for _ in range(3))
    for training, until in ((whole, 6), (begun, 3)):
        while training.at < until:
            training.step(*gallery.batch(config, training.at))
    begun.save(tmp_path / "judge.state")
    resumed.resume(tmp_path / "judge.state")
    while resumed.at < 6:
        resumed.step(*gallery.batch(config, resumed.at))
    for name, value in whole.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name], value, rtol=0, atol=0, msg=name)


def test_the_rate_rises_and_falls_to_nothing():
    config = Judging(steps=100, warmup=10, rate=1.0)
    assert config.rate_at(0) < config.rate_at(9) > config.rate_at(50) > config.rate_at(99) < 1e-3


def test_categories_with_few_sketches_are_drawn_more_often_than_their_share():
    sketches = {"circle": kind("circle", 16), "square": kind("square", 4)}
    gallery = Gallery.of(sketches, Judging(balance=0.5, fewest=0))
    assert gallery.chances.sum() == pytest.approx(1)
    assert gallery.chances[16:].sum() == pytest.approx(1 / 3)


def test_a_category_with_few_sketches_is_also_shown_variants_of_them():
    sketches = {"circle": kind("circle", 16), "square": kind("square", 4)}
    gallery = Gallery.of(sketches, Judging(balance=0.5, fewest=9))
    assert torch.equal(gallery.pictures[:20], torch.cat([rasters(some) for some in sketches.values()]))
    assert gallery.labels.tolist() == [0] * 16 + [1] * 9
    assert all((gallery.pictures[20:] != own).flatten(1).any(dim=1).all() for own in gallery.pictures[16:20])
    assert gallery.chances[16:].sum() == pytest.approx(3 / 7)


def test_a_variant_moves_strokes_and_may_lose_one_but_never_all():
    rng = np.random.default_rng(3)
    two = np.array([[40, 0, 1], [0, 40, 0], [-40, 0, 1]])
    variants = [variant(two, rng) for _ in range(60)]
    assert all(each.any() for each in variants)
    assert len({each.tobytes() for each in variants}) > 50
    assert all(variant(two[:1], rng).any() for _ in range(30))


def test_some_variants_lack_a_stroke():
    """Of two lines one above the other, about one drawing in seven has only one, and so no height."""
    rng = np.random.default_rng(5)
    two = np.array([[100, 0, 1], [0, 100, 0], [-100, 0, 1]])
    heights = [np.ptp(np.flatnonzero(variant(two, rng).any(axis=1))) for _ in range(200)]
    assert 10 < sum(height < FINE / 2 for height in heights) < 60


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
        gathered([tmp_path, tmp_path / "circle.npz"], "test")


def test_what_is_no_judge_is_refused(tmp_path, judge):
    with pytest.raises(BadFile, match="no such file"):
        Judge.open(tmp_path / "nothing.safetensors")
    save_judge(tmp_path / "wrong.safetensors", judge.net, {"categories": ["one", "two"]})
    with pytest.raises(BadFile, match="do not fit"):
        Judge.open(tmp_path / "wrong.safetensors")


def test_a_judge_is_the_same_when_it_is_read_again(judge, judge_file):
    """In float16, so nearly."""
    sketches = kind("square", 5)
    again = Judge.open(judge_file).opinion(sketches)
    assert np.allclose(again.chances, judge.opinion(sketches).chances, atol=2e-3)


def test_the_shipped_judge_knows_all_that_may_be_taught():
    judge = Judge.open()
    assert len(judge.categories) == 41 and {"hand", "spider", "bicycle"} <= set(judge.categories)
    assert isinstance(judge.net, JudgeNet)


def test_things_that_are_no_drawing_are_seeded_sketches_of_four_kinds():
    known = kind("zigzag", 6)
    made = oddities(known, 5, seed=1)
    assert made.keys() == {"scribbles", "dots", "letters", "shuffled"}
    assert all(len(each) == 5 for each in made.values())
    for rows in (rows for each in made.values() for rows in each):
        assert rows.ndim == 2 and rows.shape[1] == 3 and rows[-1, 2] in (0, 1)
    again = oddities(known, 5, seed=1)
    assert all(np.array_equal(a, b) for name in made for a, b in zip(made[name], again[name], strict=True))
    assert any(len(a) != len(b) for a, b in zip(made["dots"], oddities(known, 5, seed=2)["dots"], strict=True))


def test_shuffled_sketches_have_the_rows_of_true_ones():
    known = kind("circle", 4)
    rows = {tuple(map(tuple, sorted(sketch.tolist()))) for sketch in known}
    assert all(tuple(map(tuple, sorted(each.tolist()))) in rows for each in oddities(known, 6)["shuffled"])


def test_a_study_has_a_row_a_sketch_and_a_column_a_measure(study):
    assert study.tables.keys() == TRIALS.keys()
    for name, table in study.tables.items():
        assert table.shape == (5 if TRIALS[name].many else 3, len(COLUMNS)), name
        assert np.isin(table[:, :5], (0, 1)).all() and (table[:, 5] >= 0).all()
    assert [len(getattr(study.variety, name)) for name in ("mean", "best", "spread", "kinds")] == [2] * 4
    assert (study.variety.best <= study.variety.mean).all() and (study.variety.kinds >= 1).all()
    assert {len(study.features.true), len(study.features.others), *map(len, study.features.completed)} == {4}


def test_examples_are_the_worst_the_median_and_the_best(study, bundle, judge):
    chances = [example.chance for example in study.examples]
    assert chances == sorted(chances) and len(chances) == 3
    for example in study.examples:
        assert judge.opinion([example.sketch.points]).of("circle")[0] == pytest.approx(example.chance, abs=1e-5)
    captions = [cell.caption for cell in best_median_worst([study]).rows[0]]
    assert captions[0].startswith("circle ") and captions[-1].startswith("worst")


def test_the_study_completes_prefixes_of_the_fraction_that_was_asked_for(judge, bundle):
    whole = kind("square", 3, seed=4)
    run = StudyRunner(Completer(bundle), judge, TINY).run("square", whole, TRIALS["75%"])
    kept = [max(1, round(0.75 * len(rows))) for rows in whole]
    assert [each.sketch.prefix_rows for each in run.made] == kept
    added = [len(each.sketch) - rows for each, rows in zip(run.made, kept, strict=True)]
    own = [max(1, len(rows) - k) for rows, k in zip(whole, kept, strict=True)]
    assert run.table[:, 5].tolist() == pytest.approx([a / o for a, o in zip(added, own, strict=True)])
    assert {each.category for each in run.made} == {"square"}


def test_figures_compare_on_the_same_sketches(study):
    made = completion_figures([study, study], few=3)
    assert made["fractions"]["50%"]["prefix"].count == 10
    usual = np.mean(study.tables["50%"][:3, 1])
    more = made["compared"]["z = 0"]["more_recognised"]
    assert more.count == 6
    assert more.value == pytest.approx(np.mean(study.tables["z = 0"][:, 1]) - usual)
    assert made["compared"]["25%, routed"]["usual"] == "25%"


def test_figures_are_plain_json_with_few_digits():
    told = plain({"a": bootstrap_of_means([np.array([0.0, 1.0, 1.0])]), "b": [1 / 3, None, 2], "c": "x"})
    assert json.loads(json.dumps(told)) == told
    assert told["a"]["value"] == 0.66667 and told["b"] == [0.33333, None, 2]


@pytest.fixture(scope="module")
def measured(store, bundle, judge_file, tmp_path_factory) -> Path:
    """The figures that the commands write, of the tiny bundle."""
    folder = tmp_path_factory.mktemp("figures")
    npz.write_splits(folder / "ladder.npz", {"test": doodles(5)})
    words = [store.folder, "--rare", folder, "-m", bundle.folder, "--judge", judge_file, "--quick", "--workers", 1]
    result = CliRunner().invoke(quality.main, [str(word) for word in [*words, "-o", folder / "quality.json"]])
    assert result.exit_code == 0, result.output
    return folder


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
def test_every_table_is_made_of_the_figures(measured):
    made = sections(measured)
    assert made.keys() == tables.QUALITY.keys()
    assert "**Few sketches" in made["what"]
    assert "| circle |" in made["by category"] and "| zigzag |" in made["nats"]
    widths = [line.count("|") for line in made["compared"].splitlines()]
    assert len(set(widths)) == 1 and len(widths) == 2 + len(TRIALS) - 3


def test_tables_go_between_their_marks_and_nowhere_else():
    text = f"above\n{begin('a')}\nold\n{end('a')}\nbetween\n{begin('b')}\nkept\n{end('b')}\n"
    made = filled(text, {"a": "new", "c": "nowhere"})
    assert made == text.replace("old", "new")
    assert filled(made, {"a": "new"}) == made


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
    assert {"recognition", "completions", "by category", "headline", "limits"} <= made.keys()
    texts = [page.read_text() for page in tables.PAGES]
    for name in made:
        found = [(text.count(begin(name)), text.count(end(name))) for text in texts]
        assert (1, 1) in found and set(found) <= {(0, 0), (1, 1)}, name
    assert [filled(text, made) for text in texts] == texts


@pytest.mark.slow
def test_a_taught_category_is_judged_on_sketches_that_nothing_saw(store, bundle, tmp_path):
    spiral = doodles(24, 3, ("zigzag",))
    npz.write_splits(tmp_path / "spiral.npz", {"train": spiral[:12], "valid": spiral[12:18], "test": spiral[18:]})
    labels = {**{name: kind(name, 6) for name in CATEGORIES}, "spiral": spiral[:12]}
    train_judge(labels, Judging(steps=2, batch=8), tmp_path / "judge.safetensors")
    words = [tmp_path / "spiral.npz", "--data", store.folder, "-m", bundle.folder, "--quick"]
    words += ["--judge", tmp_path / "judge.safetensors", "-o", tmp_path / "taught.json"]
    result = CliRunner().invoke(taught.main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "taught.json").read_text())["taught"]["spiral"]
    assert figures["drawings"] == 12 and figures["judged"]["true"]["count"] == 12
    assert 0 <= figures["routed"]["50%"]["value"] <= 1
    assert figures["others_before"]["100%"]["count"] == 18
    assert "| spiral | 12 / 12 |" in sections(tmp_path)["taught"]
