"""``predict_client.py`` as people call it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from codes.cli.main import predict_client as main
from codes.formats import npz
from codes.formats.registry import read, read_all, write
from codes.inference.completer import Completer
from codes.strokes.stroke3 import sketch_from_polylines
from tests.support.running import error_of, output_of, run
from tests.support.worlds import CATEGORIES, doodles, tiny_bundle

HALF = [np.array([[10.0, 10.0], [60.0, 12.0], [62.0, 70.0]]), np.array([[20.0, 30.0], [25.0, 40.0]])]


@pytest.fixture
def half(tmp_path):
    path = tmp_path / "half.svg"
    write(path, sketch_from_polylines(HALF))
    return path


@pytest.fixture
def data_set(tmp_path):
    path = tmp_path / "set.npz"
    npz.write_splits(path, {"train": doodles(2), "valid": doodles(1), "test": doodles(7, seed=3)})
    return path


def test_a_person_reads_category_and_probabilities(bundle, half):
    text = output_of(main, "classify", half, "-m", bundle.folder)
    assert all(category in text for category in CATEGORIES)
    assert "unsure: one of the categories, but not yet clear which; %: how likely each is" in text
    one = output_of(main, "classify", half, "-m", bundle.folder, "--top", 1)
    assert len(one.splitlines()) == len(text.splitlines()) - 2


def test_one_completion_is_the_sketch_itself_prefix_in_place(bundle, half, tmp_path):
    out = tmp_path / "done.json"
    output_of(main, "complete", half, "-m", bundle.folder, "-n", 1, "-o", out)
    finished, prefix = read(out), read(half)
    assert np.allclose(finished.points[: len(prefix)], prefix.points, atol=1e-6)
    assert np.allclose(finished.origin, prefix.origin)
    assert finished.prefix_rows == len(prefix)


@pytest.mark.parametrize("name", ["sheet.svg", "sheet.png", "sheet.gif", "sheet.anim.svg"])
def test_several_completions_are_a_sheet(bundle, half, tmp_path, name):
    """Two files and three variations are two rows of four cells, at whatever size a cell is drawn."""
    output_of(main, "complete", half, half, "-m", bundle.folder, "-n", 3, "--max-points", 20, "-o", tmp_path / name)
    content = (tmp_path / name).read_bytes()
    if name.endswith("svg"):
        assert content.startswith(b"<svg")
        captions = re.findall(r"<text[^>]*>([^<]*)</text>", content.decode())
        legend, *under = captions
        assert "black: drawn" in legend
        assert [caption.endswith("half.svg") for caption in under] == [True, False, False, False] * 2
        assert (b"@keyframes" in content) == name.endswith(".anim.svg")
    else:
        assert content.startswith({"png": b"\x89PNG", "gif": b"GIF8"}[name[-3:]])
        with Image.open(tmp_path / name) as picture:
            assert 1.5 < picture.width / picture.height < 2


def test_json_is_one_object_with_everything(bundle, half):
    answer = json.loads(output_of(main, "complete", half, "-m", bundle.folder, "-n", 2, "--top", 2, "--json"))
    (result,) = answer["results"]
    assert sum(result["probabilities"].values()) == pytest.approx(1)
    assert [each["category"] for each in result["completions"]] == [
        name for name in list(result["probabilities"])[:2] for _ in range(2)
    ]
    assert result["completions"][0]["sketch"]["prefix_rows"] == len(read(half))


def test_same_seed_same_drawing_other_seed_another(bundle, half):
    def drawn(seed):
        answer = json.loads(output_of(main, "complete", half, "-m", bundle.folder, "-n", 1, "--seed", seed, "--json"))
        return answer["results"][0]["completions"][0]["sketch"]

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)


def test_the_unknown_is_not_drawn_and_nothing_is_written(tmp_path, half):
    strict = tiny_bundle(tmp_path / "strict", {"known": 1.0, "sure": 0.5})
    out = tmp_path / "out.svg"
    result = run(main, "complete", half, "-m", strict.folder, "-o", out)
    assert result.exit_code == 1
    assert "nothing the model knows" in result.stdout
    assert not out.exists()
    output_of(main, "complete", half, "-m", strict.folder, "-o", out, "--draw-unknown")
    output_of(main, "complete", half, "-m", strict.folder, "-o", tmp_path / "named.svg", "--category", "circle")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["missing.svg"], "missing.svg"),
        (["HALF", "-n", 0], "variations"),
        (["HALF", "--temperature", 9], "temperature"),
        (["HALF", "-o", "out.xyz"], "suffix"),
        (["HALF", "-o", "HALF"], "is read, and would be overwritten; name another file, or add --force"),
        (["HALF", "-o", "HALF/out.svg"], "half.svg is no folder"),
        (["HALF", "-n", 171, "-o", "out.svg"], "171 variations of 24 candidates each are more than 4096 drawings"),
        (["HALF"] * 7 + ["-n", 170, "-o", "out.svg"], "a sheet shows 1 to 1000 sketches, not 1197"),
        (["HALF", "-n", 101, "-o", "out.gif"], "a GIF animates at most 100 sketches, not 102"),
        (["HALF", "--temperature", 0, "-n", 2, "-o", "out.svg"], "at temperature 0 all variations are the same"),
        (["HALF", "--index", -1], "counted from 0"),
        (["HALF", "--from", "svg"], "--from does nothing without -"),
        (["-", "-"], "can be read once"),
        (["HALF", "--to", "png"], "--to does nothing without -o"),
        (["HALF", "--force"], "--force does nothing without -o"),
        (["HALF", "-o", "-", "--json"], "give one of the two"),
        (["HALF", "-o", "out.svg", "--to", "png"], "that of a file is told by its name"),
        (["HALF", "-m", "no-such-model"], "no model"),
        (["HALF", "-c", "unicorn"], "no category 'unicorn'"),
        (["HALF", "-c", "circle", "--top", 2], "top"),
        (["HALF", "-c", "circle", "--draw-unknown"], "--draw-unknown does nothing where --category"),
    ],
)
def test_bad_input_is_one_sentence(bundle, half, monkeypatch, words, part):
    monkeypatch.chdir(half.parent)
    monkeypatch.setattr(Completer, "classify_many", lambda *some: pytest.fail("what is refused is refused before work"))
    words = [str(word).replace("HALF", "half.svg") for word in words]
    model = [] if "-m" in words else ["-m", bundle.folder]
    assert part in error_of(main, "complete", *words, *model)
    assert [path.name for path in half.parent.iterdir()] == ["half.svg"]


def test_data_keeps_the_contract(bundle, data_set, tmp_path):
    out = tmp_path / "done.npz"
    text = output_of(main, "data", data_set, "-m", bundle.folder, "-n", 2, "--fraction", 0.5, "-o", out, "--json")
    answer, sketches = json.loads(text), read_all(data_set, "test")
    assert answer["categories"] == list(CATEGORIES)
    assert np.array(answer["probabilities"]).shape == (7, 3)
    assert np.allclose(np.sum(answer["probabilities"], axis=1), 1)
    assert set(answer["decisions"]) <= {"known", "unsure", "unknown"}
    assert len(answer["known_scores"]) == 7
    assert np.isfinite(answer["log_likelihoods"]).all()
    with np.load(out, allow_pickle=True) as arrays:
        completions, lengths = arrays["completions"], arrays["prefix_lengths"]
    assert completions.shape == (7, 2)
    for row, length, sketch in zip(completions, lengths, sketches, strict=True):
        assert length == max(1, round(0.5 * len(sketch)))
        for each in row:
            assert np.array_equal(each[:length], sketch.points[:length])


def test_data_may_only_classify(bundle, data_set, tmp_path):
    answer = json.loads(output_of(main, "data", data_set, "-m", bundle.folder, "-n", 0, "--json"))
    assert answer["log_likelihoods"] == []
    words = {"--out": tmp_path / "x.npz", "--temperature": 0.4, "--category": "circle", "--latent": "zero"}
    for flag, value in words.items():
        error = error_of(main, "data", data_set, "-m", bundle.folder, "-n", 0, flag, value)
        assert f"{flag} does nothing with -n 0" in error


def test_data_of_a_split_that_is_not_there(bundle, data_set):
    assert "split" in error_of(main, "data", data_set, "-m", bundle.folder, "--split", "other")


def test_data_without_splits_takes_no_split(bundle, half):
    output_of(main, "data", half, "-m", bundle.folder, "-n", 0)
    assert "only .npz files have splits" in error_of(main, "data", half, "-m", bundle.folder, "--split", "test")


@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", "█"), ("ascii", "#")])
def test_bars_are_of_what_the_terminal_can_show(bundle, half, encoding, bar):
    runner = CliRunner(charset=encoding)
    result = runner.invoke(main, ["classify", str(half), "-m", str(bundle.folder)], catch_exceptions=False)
    assert bar * 5 in result.output


def test_a_sketch_may_be_only_what_is_named(bundle, half, data_set):
    text = output_of(main, "complete", half, "-m", bundle.folder, "-n", 1, "--json", "--only", "square, zigzag")
    (result,) = json.loads(text)["results"]
    assert set(result["probabilities"]) == {"square", "zigzag"}
    assert sum(result["probabilities"].values()) == pytest.approx(1.0)
    answer = output_of(main, "data", data_set, "-m", bundle.folder, "-n", 0, "--only", "zigzag,circle", "--json")
    assert json.loads(answer)["categories"] == ["zigzag", "circle"]
    assert "no category 'cow'" in error_of(main, "complete", half, "-m", bundle.folder, "--only", "cow")
    both = error_of(main, "complete", half, "-m", bundle.folder, "--only", "square", "-c", "circle")
    assert "give one of the two" in both
