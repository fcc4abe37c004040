"""``train_or_test.py data`` as people call it: results, pictures, and one sentence where it cannot be done."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from codes.cli import data
from codes.cli.main import train_or_test as main
from codes.data.quickdraw import ATTRIBUTION
from codes.data.store import Store
from codes.formats import npz
from codes.formats.registry import write
from codes.strokes.stroke3 import sketch_from_polylines
from tests.data.test_download import Site, serving
from tests.data.test_importing import official
from tests.support import running


def run(*words: object) -> Result:
    return running.run(main, "data", *words)


def error_of(*words: object) -> str:
    return running.error_of(main, "data", *words)


@pytest.fixture
def files(tmp_path) -> Path:
    for seed, name in enumerate(["cat", "ant"]):
        official(tmp_path / "files", name, seed, (12, 3, 4))
    return tmp_path / "files"


@pytest.fixture
def store(files, tmp_path) -> Path:
    assert run("import", files, "-o", tmp_path / "store").exit_code == 0
    return tmp_path / "store"


@pytest.mark.parametrize("command", ["import", "export", "look", "download", "nonsense"])
def test_help_teaches_with_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"train_or_test.py data {command}" in result.output
    assert "Example" in result.output


def test_help_of_import_tells_the_law_of_refusal():
    text = " ".join(run("import", "--help").output.split())
    for part in ("SHA-256", "even", '"hand"', '"spider"', '"none of these"'):
        assert part in text


def test_import_says_what_it_made(files, tmp_path):
    result = run("import", files, "-o", tmp_path / "store")
    assert result.stdout.splitlines()[:2] == [
        f"{tmp_path / 'store'}: 2 categories; 24 train, 6 valid, 8 test.",
        "Next:",
    ]
    assert Store(tmp_path / "store").categories == ("ant", "cat")


def test_import_as_json(files, tmp_path):
    others = official(tmp_path / "others", "axe").parent
    options = ("-o", tmp_path / "store", "--other", others, "--longest", 5, "--force", "--json")
    assert "no sketch of 'ant'" in error_of("import", files, *options)
    result = run("import", files, "-o", tmp_path / "store", "--other", others, "--json")
    assert json.loads(result.stdout) == {
        "store": str(tmp_path / "store"),
        "counts": {
            "ant": {"train": 12, "valid": 3, "test": 4},
            "cat": {"train": 12, "valid": 3, "test": 4},
            "none of these": {"train": 3, "valid": 2, "test": 1},
        },
        "left_out": 0,
    }


def test_import_replaces_a_store_only_by_force(files, store):
    assert "already (--force" in error_of("import", files / "cat.npz", "-o", store)
    assert Store(store).categories == ("ant", "cat")
    assert run("import", files / "cat.npz", "-o", store, "--force").exit_code == 0
    assert Store(store).categories == ("cat",)


def test_import_by_force_never_replaces_other_folders(files):
    assert "is no packed store" in error_of("import", files / "cat.npz", "-o", files, "--force")
    assert (files / "ant.npz").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.npz"], "no such file"),
        (["cat.npz", "--split", "1", "1", "1"], "add up to 1"),
        (["cat.npz", "--longest", "0"], "at least 1 row"),
        (["cat.npz", "--category", "../x"], "cannot name a category"),
        (["cat.npz", "--other", "none"], "no such file"),
    ],
)
def test_import_of_bad_input_is_one_sentence_and_no_store(words, sentence, files, tmp_path, monkeypatch):
    monkeypatch.chdir(files)
    assert sentence in error_of("import", *words, "-o", tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


def test_export_and_import_are_a_round_trip(files, store, tmp_path):
    assert run("export", store, "--category", "cat", "-o", tmp_path / "cat.npz").exit_code == 0
    for split in ("train", "valid", "test"):
        before, after = (npz.read_split(path, split) for path in (files / "cat.npz", tmp_path / "cat.npz"))
        assert [rows.tolist() for rows in after] == [rows.tolist() for rows in before]


def test_export_is_what_numpy_reads(store, tmp_path):
    run("export", store, "--category", "ant", "-o", tmp_path / "ant.npz")
    with np.load(tmp_path / "ant.npz", allow_pickle=True) as archive:
        assert {name: len(archive[name]) for name in archive.files} == {"train": 12, "valid": 3, "test": 4}


def test_export_of_what_is_not_there_is_one_sentence(store, tmp_path):
    assert "no category 'dog'; there are ant, cat" in error_of(
        "export", store, "--category", "dog", "-o", tmp_path / "a.npz"
    )
    assert "ends in .npz" in error_of("export", store, "--category", "cat", "-o", tmp_path / "a.svg")
    assert "no packed store" in error_of("export", tmp_path, "--category", "cat", "-o", tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_look_prints_a_table(store):
    lines = [re.split(r" {2,}", line.strip()) for line in run("look", store).stdout.splitlines()]
    assert lines[0] == ["category", "train", "valid", "test", "mean rows", "median", "95 %", "longest"]
    assert lines[1:] == [
        [name, *counts, "6.0", "6", "6", "6"]
        for name, *counts in (("ant", "12", "3", "4"), ("cat", "12", "3", "4"), ("all together", "24", "6", "8"))
    ]


def test_look_counts_the_rows_there_are(tmp_path):
    sketches = [np.ones((count, 3), dtype=np.int16) for count in range(1, 102)]
    npz.write_splits(tmp_path / "cat.npz", {"train": sketches[:100], "valid": [], "test": sketches[100:]})
    (line,) = json.loads(run("look", tmp_path / "cat.npz", "--json").stdout)["categories"]
    assert line == {
        "category": "cat",
        "counts": {"train": 100, "valid": 0, "test": 1},
        "mean": 51.0,
        "median": 51.0,
        "most": 96.0,
        "longest": 101,
    }
    (line,) = json.loads(run("look", tmp_path / "cat.npz", "--json", "--split", "test").stdout)["categories"]
    assert (line["counts"], line["longest"]) == ({"test": 1}, 101)


def test_look_at_drawings_counts_what_a_store_would_hold(tmp_path):
    line = np.column_stack([np.linspace(0, 300, 500), np.zeros(500)])
    write(tmp_path / "line.json", sketch_from_polylines([line], drawn=True, unit=2.0, category="line"))
    (found,) = json.loads(run("look", tmp_path / "line.json", "--json").stdout)["categories"]
    assert (found["category"], found["counts"], found["longest"]) == ("line", {"all": 1}, 1)


def test_look_draws_a_sheet_of_the_chosen_category(store, tmp_path):
    def sheet(name: str, *words: object) -> str:
        assert run("look", store, "-n", 5, "-o", tmp_path / name, *words).stdout == f"{tmp_path / name}\n"
        return (tmp_path / name).read_text()

    def captions(text: str) -> tuple[int, int]:
        return text.count(">cat</text>"), text.count(">ant</text>")

    one = sheet("a.svg", "--category", "cat", "--seed", 1)
    assert captions(one) == (5, 0)
    assert ">cat, train</text>" in one
    assert sheet("b.svg", "--category", "cat", "--seed", 1) == one
    assert sheet("c.svg", "--category", "cat", "--seed", 2) != one
    assert captions(sheet("d.svg", "-n", 999)) == (12, 12)


def test_look_draws_png_sheets_and_histograms(store, tmp_path):
    sheet, histogram = tmp_path / "sheet.png", tmp_path / "lengths.png"
    result = run("look", store, "-o", sheet, "--lengths", histogram)
    assert result.stdout.splitlines() == [str(sheet), str(histogram)]
    for path in (sheet, histogram):
        with Image.open(path) as picture:
            assert min(picture.size) > 300
            assert len(picture.convert("L").getcolors()) > 10


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--category", "dog"], "no category 'dog'"),
        (["--split", "half"], "no split 'half'"),
        (["-o", "sheet.gif"], "a sheet is a .png or .svg file"),
        (["-o", "sheet.png", "-n", "0"], "at least 1 sketch"),
        (["--lengths", "lengths.txt"], "a histogram is written as"),
        (["-o", "files/cat.npz/sheet.png"], "is no folder"),
    ],
)
def test_look_at_what_is_not_there_is_one_sentence(words, sentence, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sentence in error_of("look", store, *words)
    assert {path.name for path in tmp_path.iterdir()} == {"files", "store"}


def test_look_at_an_empty_split_is_one_sentence(tmp_path):
    path = official(tmp_path, "cat", 0, (2, 0, 0))
    assert "no sketch in split 'valid'" in error_of("look", path, "--split", "valid")


@pytest.fixture
def site(files, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with serving() as site:
        site.files["/sketchrnn/cat.npz"] = (files / "cat.npz").read_bytes()
        yield site


def test_download_fetches_tells_and_attributes(site: Site, files, tmp_path):
    words = ("download", "cat", "-o", tmp_path / "new", "--base-url", site.url)
    first, second = run(*words), run(*words)
    path = tmp_path / "new" / "cat.npz"
    assert path.read_bytes() == (files / "cat.npz").read_bytes()
    assert first.stdout == f"{path}: 0.0 MB\n{ATTRIBUTION}\n"
    assert second.stdout == f"{path}: 0.0 MB, there already\n{ATTRIBUTION}\n"
    found = json.loads(run(*words, "--json").stdout)
    assert found["files"] == [{"path": str(path), "bytes": path.stat().st_size, "fetched": False}]


def test_download_survives_a_broken_connection(site: Site, files, tmp_path):
    site.cuts = [300]
    assert run("download", "cat", "-o", tmp_path / "new", "--base-url", site.url).exit_code == 0
    assert (tmp_path / "new" / "cat.npz").read_bytes() == (files / "cat.npz").read_bytes()
    assert site.asked[1][1] == "bytes=300-"


def test_download_of_an_unknown_name_asks_nobody(tmp_path):
    """All names are checked before the first file is fetched."""
    assert "did you mean 'snowman'" in error_of("download", "cat", "snowmann", "-o", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_all_means_every_category(site: Site, files, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "categories", lambda: ("cat",))
    assert run("download", "--all", "-o", tmp_path / "new", "--base-url", site.url).exit_code == 0
    assert (tmp_path / "new" / "cat.npz").read_bytes() == (files / "cat.npz").read_bytes()


@pytest.mark.parametrize("words", [(), ("cat", "--all")])
def test_either_some_categories_are_named_or_all_are_meant(words, tmp_path):
    assert "name the categories to download, or give --all" in error_of("download", *words, "-o", tmp_path / "new")


def test_nonsense_becomes_none_of_these(files, tmp_path):
    """What `data nonsense` writes is what `data import --other` reads."""
    others = tmp_path / "others"
    others.mkdir()
    assert run("nonsense", "-o", others / "nonsense.npz", "-n", 20).exit_code == 0
    assert run("import", files, "--other", others, "-o", tmp_path / "all").exit_code == 0
    made = Store(tmp_path / "all")
    assert made.categories[-1] == "none of these"
    assert [int(made.split(name).counts()[-1]) for name in ("train", "valid", "test")] == [16, 2, 2]


def test_nonsense_goes_into_an_npz_only(tmp_path):
    assert ".npz" in error_of("nonsense", "-o", tmp_path / "nonsense.svg")
    assert not list(tmp_path.iterdir())


def test_options_of_a_sheet_are_refused_without_one(store):
    for words in (("-n", 5), ("--seed", 1)):
        assert "does nothing without --out" in error_of("look", store, "--lengths", "lengths.png", *words)


def test_shares_are_refused_where_every_file_has_its_own_splits(files, tmp_path):
    for words in (("--split", 0.5, 0.25, 0.25), ("--seed", 1)):
        assert "which have splits of their own" in error_of("import", files, *words, "-o", tmp_path / "store")
    assert not (tmp_path / "store").exists()
