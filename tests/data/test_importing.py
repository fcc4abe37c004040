"""Every sketch of every file is stored once, in the split and category where it belongs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from codes.data import importing
from codes.data.importing import (
    ImportRules,
    assign_splits,
    category_of,
    find_refusal_sources,
    find_sources,
    import_sketches,
)
from codes.data.quickdraw import NONE_OF_THESE
from codes.data.store import Store
from codes.errors import BadFile, BadOption
from codes.formats import ndjson, npz
from codes.formats.registry import write
from codes.strokes.geometry import in_quickdraw_pixels
from codes.strokes.stroke3 import LIFT, OFFSET, Sketch, sketch_from_polylines

# By their SHA-256 "ant" and "apple" may not teach refusal; "airplane" and "axe" may.
TEACHING, TESTING = ("airplane", "axe"), ("ant", "apple")


def rows(seed: int, count: int = 6) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(-99, 99, (count, 3))
    drawn[:, LIFT] = np.arange(count) == count - 1
    return drawn.astype(np.int16)


def official(folder: Path, name: str, seed: int = 0, counts: tuple[int, ...] = (3, 2, 1)) -> Path:
    folder.mkdir(exist_ok=True)
    seeds = iter(range(1000 * seed, 1000 * seed + 999))
    splits = zip(("train", "valid", "test"), counts, strict=True)
    path = folder / f"{name}.npz"
    npz.write_splits(path, {split: [rows(next(seeds)) for _ in range(count)] for split, count in splits})
    return path


def words(path: Path, *named: str) -> Path:
    ndjson.write(path, [Sketch(points=rows(seed), category=word) for seed, word in enumerate(named)])
    return path


def drawn(seed: int, **fields) -> Sketch:
    angle = np.linspace(0, 6, 200)
    line = np.column_stack([np.cos(angle), np.sin(angle * (seed + 1))]) * 300 + 400
    return sketch_from_polylines([line, line + 50], unit=2.5, drawn=True, **fields)


def imported(tmp_path: Path, *paths: Path, category: str | None = None, **rules) -> Store:
    import_sketches(tmp_path / "store", find_sources(paths, category), ImportRules(**rules), replace=True)
    return Store(tmp_path / "store")


def found(store: Store, split: str, category: str) -> list[bytes]:
    return [each.tobytes() for each in store.split(split).only(category).sketches()]


def everything(store: Store, category: str) -> list[bytes]:
    return [each for split in store.splits for each in found(store, split, category)]


def test_official_files_keep_their_own_splits(tmp_path):
    cat, ant = official(tmp_path, "cat", 1), official(tmp_path, "ant.full", 2)
    store = imported(tmp_path, cat, ant)
    assert store.categories == ("cat", "ant")
    for split in ("train", "valid", "test"):
        assert found(store, split, "cat") == [each.tobytes() for each in npz.read_split(cat, split)]
        assert found(store, split, "ant") == [each.tobytes() for each in npz.read_split(ant, split)]


def test_a_folder_is_read_in_order_of_names_and_each_file_once(tmp_path):
    folder = tmp_path / "files"
    for seed, name in enumerate(["sun", "cat", "ant"]):
        official(folder, name, seed)
    (folder / "notes.txt").write_text("not data")
    (folder / ".hidden.npz").write_text("not data")
    (folder / "dog.npz.part").write_text("not yet data")
    store = imported(tmp_path, folder / "sun.npz", folder, folder / ".." / "files" / "ant.npz")
    assert store.categories == ("sun", "ant", "cat")
    assert store.split("train").counts().tolist() == [3, 3, 3]


def test_a_category_in_several_files_is_one_category(tmp_path):
    paths = [official(tmp_path / "a", "cat", 1), official(tmp_path / "a", "ant", 2), official(tmp_path / "b", "cat", 3)]
    store = imported(tmp_path, *paths)
    assert store.categories == ("cat", "ant")
    assert store.split("train").counts().tolist() == [6, 3]


def test_a_given_category_names_all_files(tmp_path):
    store = imported(
        tmp_path, official(tmp_path, "x1"), words(tmp_path / "y.ndjson", "cat", "dog", "pet"), category="pet"
    )
    assert store.categories == ("pet",)
    assert len(everything(store, "pet")) == 6 + 3


def test_a_missing_split_is_empty_and_other_arrays_are_skipped(tmp_path):
    npz.write_splits(tmp_path / "cat.npz", {"test": [rows(1)], "extra": [rows(2)]})
    store = imported(tmp_path, tmp_path / "cat.npz")
    assert [len(store.split(split)) for split in store.splits] == [0, 0, 1]


def test_an_archive_without_any_split_is_refused(tmp_path):
    npz.write_splits(tmp_path / "cat.npz", {"extra": [rows(2)]})
    with pytest.raises(BadFile, match="none of train, valid, test, but extra"):
        imported(tmp_path, tmp_path / "cat.npz")
    assert not (tmp_path / "store").exists()


def test_words_name_the_category_of_ndjson(tmp_path):
    path = words(tmp_path / "full_simplified_cat.ndjson", *["cat"] * 30)
    store = imported(tmp_path, path)
    assert store.categories == ("cat",)
    assert sorted(everything(store, "cat")) == sorted(in_quickdraw_rows(each) for each in ndjson.iterate(path))


def in_quickdraw_rows(sketch: Sketch) -> bytes:
    return sketch.points.astype(np.int16).tobytes()


def test_a_file_of_several_words_is_refused(tmp_path):
    with pytest.raises(BadFile, match=r"sketch 2 is 'dog' among 'cat'; --category"):
        imported(tmp_path, words(tmp_path / "pets.ndjson", "cat", "cat", "dog"))
    assert not (tmp_path / "store").exists()


def test_a_word_that_is_a_path_is_refused(tmp_path):
    with pytest.raises(BadFile, match="cannot name a category"):
        imported(tmp_path, words(tmp_path / "evil.ndjson", "../../evil"))


@pytest.mark.parametrize("suffix", [".svg", ".json"])
def test_drawings_take_the_name_of_their_folder_and_become_quickdraw_pixels(tmp_path, suffix):
    folder = tmp_path / "drawings" / "snail"
    folder.mkdir(parents=True)
    for seed in range(4):
        write(folder / f"{seed}{suffix}", drawn(seed))
    store = imported(tmp_path, tmp_path / "drawings", shares=(0.5, 0.25, 0.25))
    assert store.categories == ("snail",)
    assert [len(store.split(split)) for split in store.splits] == [2, 1, 1]
    for split in store.splits:
        for sketch in store.split(split).sketches():
            assert len(sketch) < 100
            assert 100 < np.ptp(np.cumsum(sketch[:, 0])) < 300


def test_a_stored_drawing_is_what_a_model_sees_of_it(tmp_path):
    sketch = drawn(3, category="snail")
    write(tmp_path / "one.json", sketch)
    (stored,) = imported(tmp_path, tmp_path / "one.json", shares=(1, 0, 0)).split("train").sketches()
    seen = in_quickdraw_pixels(sketch).points
    assert np.abs(np.cumsum(stored[:, OFFSET], axis=0) - np.cumsum(seen[:, OFFSET], axis=0)).max() <= 0.5
    np.testing.assert_array_equal(stored[:, LIFT], seen[:, LIFT])


def test_the_division_has_exact_shares_and_leaves_no_share_empty():
    def counts(total: int, shares: tuple[float, float, float]) -> list[int]:
        names = assign_splits([rows(seed) for seed in range(total)], ImportRules(shares))
        return [names.count(split) for split in ("train", "valid", "test")]

    assert counts(100, (0.8, 0.1, 0.1)) == [80, 10, 10]
    assert counts(5, (0.8, 0.1, 0.1)) == [3, 1, 1]
    assert counts(3, (0.98, 0.01, 0.01)) == [1, 1, 1]
    assert counts(2, (0.8, 0.1, 0.1)) == [2, 0, 0]
    assert counts(10, (0, 0, 1)) == [0, 0, 10]
    assert counts(0, (0.8, 0.1, 0.1)) == [0, 0, 0]


def test_the_division_depends_on_drawings_and_seed_not_on_order():
    sketches = [rows(seed) for seed in range(60)]
    names = assign_splits(sketches, ImportRules(seed=1))
    assert assign_splits(sketches[::-1], ImportRules(seed=1)) == names[::-1]
    assert assign_splits(sketches, ImportRules(seed=2)) != names
    few = assign_splits(sketches[:50], ImportRules(seed=1))
    assert sum(a != b for a, b in zip(names, few, strict=False)) <= 5


def test_long_sketches_are_left_out_and_counted(tmp_path):
    npz.write_splits(tmp_path / "cat.npz", {"train": [rows(1, 5), rows(2, 6), rows(3, 7)]})
    ndjson.write(tmp_path / "cat.ndjson", [Sketch(points=rows(4, 40), category="cat")])
    sources = find_sources([tmp_path / "cat.npz", tmp_path / "cat.ndjson"])
    result = import_sketches(tmp_path / "store", sources, ImportRules(longest=6))
    assert result.left_out == 2
    assert result.counts == {"cat": {"train": 2, "valid": 0, "test": 0}}
    with pytest.raises(BadOption, match="no sketch of 'cat'"):
        import_sketches(tmp_path / "other", sources, ImportRules(longest=4))
    assert not (tmp_path / "other").exists()


def test_only_names_that_may_teach_refusal_become_none_of_these_and_it_comes_last(tmp_path):
    others = tmp_path / "others"
    for seed, name in enumerate((*TEACHING, *TESTING, "hand", "spider"), start=1):
        official(others, name, seed)
    sources = find_refusal_sources(others, excluded=["airplane"])
    assert {(source.category, source.label) for source in sources} == {("axe", NONE_OF_THESE)}
    sources = find_refusal_sources(others, excluded=["cat"]) + find_sources([official(tmp_path, "cat")])
    import_sketches(tmp_path / "store", sources, ImportRules())
    store = Store(tmp_path / "store")
    assert store.categories == ("cat", NONE_OF_THESE)
    expected = [each.tobytes() for name in TEACHING for each in npz.read_split(others / f"{name}.npz", "train")]
    assert found(store, "train", NONE_OF_THESE) == expected


def test_a_renamed_ndjson_keeps_the_category_of_its_word(tmp_path):
    """The rule is about what a drawing shows, not about the name of its file."""
    words(tmp_path / "airplane.ndjson", "hand")
    with pytest.raises(BadOption, match="may teach refusal"):
        find_refusal_sources(tmp_path, excluded=[])


def test_a_failure_halfway_leaves_no_store(tmp_path):
    good, bad = official(tmp_path, "cat"), tmp_path / "dog.npz"
    bad.write_bytes(good.read_bytes()[:-40])
    with pytest.raises(BadFile, match=r"dog\.npz"):
        imported(tmp_path, good, bad)
    assert {path.name for path in tmp_path.iterdir()} == {"cat.npz", "dog.npz"}


def test_a_sketch_too_large_for_int16_is_named(tmp_path):
    line = {"word": "cat", "drawing": [[[0, 90_000], [0, 5]]]}
    (tmp_path / "cat.ndjson").write_text(json.dumps(line))
    with pytest.raises(BadFile, match=r"cat\.ndjson: sketch 0: .*outside"):
        imported(tmp_path, tmp_path / "cat.ndjson")


@pytest.mark.parametrize("name", ["none.npz", "notes.txt", "empty"])
def test_what_cannot_be_read_is_refused_before_any_work(tmp_path, name):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadFile, match=name):
        find_sources([tmp_path / name], "cat")


def test_a_store_is_refused_as_a_source(tmp_path):
    imported(tmp_path, official(tmp_path, "cat"))
    with pytest.raises(BadFile, match="is a packed store"):
        find_sources([tmp_path / "store"])


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_shares_that_do_not_add_up_to_one_are_refused(shares):
    with pytest.raises(BadOption, match="add up to 1"):
        ImportRules(shares)


def test_a_limit_of_no_rows_is_refused():
    with pytest.raises(BadOption, match="at least 1 row"):
        ImportRules(longest=0)


def test_each_split_of_each_archive_is_read_once(tmp_path, monkeypatch):
    asked = []
    original = npz.read_split
    monkeypatch.setattr(importing.npz, "read_split", lambda *which: asked.append(which) or original(*which))
    paths = [official(tmp_path, "cat"), official(tmp_path, "sun")]
    imported(tmp_path, *paths)
    assert asked == [(path, split) for path in paths for split in ("train", "valid", "test")]


def test_an_ndjson_without_a_word_takes_its_own_name(tmp_path):
    (tmp_path / "crab.ndjson").write_text('{"drawing": [[[0, 9], [0, 5]]]}\n')
    assert category_of(tmp_path / "crab.ndjson") == "crab"


@pytest.mark.slow
@pytest.mark.skipif("HALFDRAWN_DATA" not in os.environ, reason="HALFDRAWN_DATA is not set")
def test_the_real_data_makes_the_store_that_models_were_trained_on(tmp_path):
    data = Path(os.environ["HALFDRAWN_DATA"])
    sources = find_sources([data / "quickdraw"])
    others = find_refusal_sources(data / "quickdraw-rare", [source.category for source in sources])
    assert (len(sources), len(others)) == (39, 160)
    result = import_sketches(tmp_path / "store", others, ImportRules())
    assert result.counts == {NONE_OF_THESE: {"train": 5017, "valid": 725, "test": 724}}
