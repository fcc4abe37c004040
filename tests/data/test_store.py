"""A store gives back what was packed, and one whose files do not fit together is refused."""

from __future__ import annotations

import json
import mmap
import shutil

import numpy as np
import pytest

from codes.data.store import Store
from codes.data.store_writer import pack
from codes.errors import BadFile, BadOption


def sketch(rows: int, start: int = 0) -> np.ndarray:
    offsets = np.arange(start, start + 2 * rows, dtype=np.int16).reshape(rows, 2)
    return np.column_stack([offsets, np.arange(rows) == rows - 1]).astype(np.int16)


TRAIN = {"cat": [sketch(3), sketch(1, 7)], "the sun": [sketch(2, -9)], "ant": []}
TEST = {"ant": [sketch(5, 100)], "cat": [sketch(4)]}


@pytest.fixture
def store(tmp_path) -> Store:
    return pack(tmp_path / "store", {"train": TRAIN, "test": TEST})


def rewrite(store: Store, **changes) -> None:
    path = store.folder / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_was_packed_comes_back(store):
    opened = Store(store.folder)
    assert opened.categories == ("cat", "the sun", "ant")
    assert opened.splits == ("train", "test")
    for name, given in (("train", TRAIN), ("test", TEST)):
        split = opened.split(name)
        expected = [each for category in opened.categories for each in given.get(category, [])]
        assert len(split) == len(expected)
        for index, rows in enumerate(expected):
            assert split[index].dtype == np.int16
            np.testing.assert_array_equal(split[index], rows)
        assert split.counts().tolist() == [len(given.get(category, [])) for category in opened.categories]


def test_lengths_and_labels_are_those_of_the_sketches_asked_for(store):
    split, indices = store.split("train"), np.array([2, 0, 1])
    assert split.lengths(indices).tolist() == [2, 3, 1]
    assert split.labels(indices).tolist() == [1, 0, 0]
    assert store.split("test").labels(np.array([0, 1])).tolist() == [0, 2]


def test_only_is_the_split_of_one_category(store):
    alone = store.split("train").only("the sun")
    assert (len(alone), alone.categories, alone.labels(np.array([0])).tolist()) == (1, ("the sun",), [0])
    np.testing.assert_array_equal(alone[0], TRAIN["the sun"][0])
    assert len(store.split("train").only("ant")) == 0
    with pytest.raises(BadOption, match=r"no category 'dog'; there are cat, the sun, ant"):
        store.split("train").only("dog")


def test_chunks_are_all_rows_in_order_of_the_split_or_of_one_category(store):
    split = store.split("train")
    np.testing.assert_array_equal(np.concatenate(list(split.chunks(size=4))), split.rows)
    chunks = list(split.only("the sun").chunks(size=1))
    assert [len(chunk) for chunk in chunks] == [1, 1]
    np.testing.assert_array_equal(np.concatenate(chunks), TRAIN["the sun"][0])
    assert [len(chunk) for chunk in split.only("cat").chunks(size=3)] == [3, 1]


def test_a_split_without_a_sketch_opens(tmp_path):
    split = pack(tmp_path / "store", {"train": {"cat": [sketch(1)]}, "valid": {}}).split("valid")
    assert (len(split), split.counts().tolist(), list(split.chunks())) == (0, [0], [])


def test_a_folder_that_is_no_store_is_refused_with_advice(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(BadFile, match="no packed store; make one with"):
            Store(path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"format": 1}', '{"format": NaN}', "[" * 100_000, '{"format": 2, "categories": ["a"]}'],
)
def test_an_invalid_store_json_is_refused(store, content):
    (store.folder / "store.json").write_text(content)
    with pytest.raises(BadFile):
        Store(store.folder)


def test_a_store_json_that_is_not_utf8_is_refused(store):
    (store.folder / "store.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFile, match="UTF-8"):
        Store(store.folder)


@pytest.mark.parametrize(
    "categories",
    [None, [], "cat", {"cat": 0}, ["cat", "cat", "ant"], ["cat", 3, "ant"], ["cat", "../../x", "ant"], ["", "b", "c"]],
)
def test_categories_that_are_no_names_are_refused(store, categories):
    rewrite(store, categories=categories)
    with pytest.raises(BadFile, match="categories"):
        Store(store.folder)


@pytest.mark.parametrize(
    "numbers",
    [
        None,
        3,
        [0, 2, 3],
        [0, 2, 1, 3],
        [1, 2, 3, 3],
        [0, 2, 3, -3],
        [0, 2.0, 3, 3],
        [0, True, 3, 3],
        [0, 1, 2, 1 << 70],
    ],
)
def test_starts_that_do_not_ascend_from_0_are_refused(store, numbers):
    rewrite(store, starts={"train": numbers})
    with pytest.raises(BadFile, match="starts"):
        Store(store.folder)


@pytest.mark.parametrize("starts", [None, [], {}, {"../train": [0, 2, 3, 3]}])
def test_splits_of_other_names_are_refused(store, starts):
    rewrite(store, starts=starts)
    with pytest.raises(BadFile, match="starts"):
        Store(store.folder)


def test_a_split_that_is_not_there_is_refused(store):
    with pytest.raises(BadFile, match="no split 'valid'; there are train, test"):
        store.split("valid")


@pytest.mark.parametrize("name", ["train.rows.npy", "train.offsets.npy"])
@pytest.mark.parametrize("kept", [0, 5, 60, -1])
def test_a_file_cut_short_is_refused(store, name, kept):
    path = store.folder / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadFile, match="cut short"):
        store.split("train")
    path.unlink()
    with pytest.raises(BadFile, match="missing"):
        store.split("train")


@pytest.mark.parametrize(
    "offsets",
    [[0, 3, 2, 6], [0, 3, 3, 6], [1, 3, 4, 6], [0, 3, 4, 7], [0, 3, 4, 5], [0, 3, 6], [0, -1, 4, 6], []],
)
def test_offsets_that_do_not_ascend_to_the_end_are_refused(store, offsets):
    np.save(store.folder / "train.offsets.npy", np.array(offsets, dtype=np.int64))
    with pytest.raises(BadFile, match="do not fit together"):
        store.split("train")


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("rows", np.zeros((6, 3))),
        ("rows", np.zeros((6, 2), dtype=np.int16)),
        ("rows", np.zeros(6, dtype=np.int16)),
        ("rows", np.zeros((6, 3), dtype=object)),
        ("offsets", np.array([0.0, 3, 4, 6])),
        ("offsets", np.array([[0, 3, 4, 6]])),
        ("offsets", np.array(0)),
    ],
)
def test_arrays_of_another_kind_are_refused(store, name, array):
    np.save(store.folder / f"train.{name}.npy", array, allow_pickle=True)
    with pytest.raises(BadFile):
        store.split("train")


@pytest.mark.parametrize(
    "shape", ["(1000000000000000000000, 3)", "(-6, 3)", "((((", "__import__('os')", "-" * 200 + "1"]
)
def test_an_absurd_header_is_refused(store, shape):
    header = f"{{'descr': '<i2', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(36)
    (store.folder / "train.rows.npy").write_bytes(content)
    with pytest.raises(BadFile, match="no array of numbers"):
        store.split("train")


def test_a_store_moved_elsewhere_is_the_same_store(store, tmp_path):
    shutil.move(store.folder, tmp_path / "moved")
    np.testing.assert_array_equal(Store(tmp_path / "moved").split("train")[0], TRAIN["cat"][0])


def test_a_sample_of_chunks_is_spread_over_the_whole_split(tmp_path):
    rows = [np.full((10, 3), i % 2, dtype=np.int16) * [i, 1, 1] for i in range(20)]
    split = pack(tmp_path / "store", {"train": {"cat": rows}}).split("train")
    whole = np.concatenate(list(split.chunks(size=10)))
    assert np.array_equal(whole, split.rows)
    some = list(split.chunks(size=10, max_chunks=7))
    assert len(some) == 7
    assert np.array_equal(some[-1], split.rows[180:190])


def test_released_pages_are_read_again(tmp_path):
    rows = [np.array([[i, 2, 0], [3, i, 1]], dtype=np.int16) for i in range(50)]
    split = pack(tmp_path / "store", {"train": {"cat": rows}}).split("train")
    assert isinstance(split.rows.base, mmap.mmap)
    part = split.only("cat")
    split.release()
    part.release()
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(split.sketches(), rows, strict=True))
