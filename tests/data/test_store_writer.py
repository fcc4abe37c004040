"""A store is written as a whole or not at all, and replaces nothing but a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codes.data.store import Store
from codes.data.store_writer import as_int16, check_destination, new_store, pack
from codes.errors import BadFile, BadSketch
from codes.strokes.stroke3 import OFFSET


def sketch(rows: int, start: int = 0) -> np.ndarray:
    offsets = np.arange(start, start + 2 * rows, dtype=np.int16).reshape(rows, 2)
    return np.column_stack([offsets, np.arange(rows) == rows - 1]).astype(np.int16)


TRAIN = {"cat": [sketch(3), sketch(1, 7)], "the sun": [sketch(2, -9)], "ant": []}
TEST = {"ant": [sketch(5, 100)], "cat": [sketch(4)]}


@pytest.fixture
def store(tmp_path) -> Store:
    return pack(tmp_path / "store", {"train": TRAIN, "test": TEST})


def test_the_header_of_a_long_split_is_that_of_its_length(tmp_path):
    """The number of rows is written into the header last, in the room that numpy leaves for it."""
    many = [sketch(200, -200)] * 600
    split = pack(tmp_path / "store", {"train": {"cat": many}}).split("train")
    assert split.rows.shape == (120_000, 3)
    np.testing.assert_array_equal(split[599], many[599])


def test_positions_stay_within_half_a_pixel_however_long_the_sketch():
    rows = np.column_stack([np.full(1000, 0.4), np.full(1000, -0.3), np.zeros(1000)])
    drift = np.cumsum(as_int16(rows)[:, OFFSET], axis=0) - np.cumsum(rows[:, OFFSET], axis=0)
    assert np.abs(drift).max() <= 0.5


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((0, 3)),
        np.zeros((2, 2)),
        np.array([[np.nan, 0, 0]]),
        np.array([[40_000.0, 0, 0]]),
        np.array([[1, 0, 2]], dtype=np.int16),
        np.array([[1, 0, np.nan]]),
    ],
)
def test_what_is_no_sketch_is_not_packed_and_leaves_nothing(rows, tmp_path):
    with pytest.raises(BadSketch):
        pack(tmp_path / "store", {"train": {"cat": [sketch(2), rows]}})
    assert list(tmp_path.iterdir()) == []


def interrupted():
    yield sketch(3)
    raise KeyboardInterrupt


def test_an_interrupted_pack_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "store", {"train": {"cat": interrupted()}})
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_replacement_leaves_the_old_store(store, tmp_path):
    with pytest.raises(KeyboardInterrupt), new_store(store.folder, replace=True) as writer:
        writer.begin("dog")
        writer.add("train", next(interrupted()))
        raise KeyboardInterrupt
    assert Store(store.folder).categories == store.categories
    assert list(tmp_path.iterdir()) == [store.folder]


def test_a_replacement_that_cannot_take_its_place_leaves_the_old_store(store, tmp_path, monkeypatch):
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.suffix == ".building":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(BadFile, match="no space left"), new_store(store.folder, replace=True) as writer:
        writer.begin("dog")
        writer.add("train", sketch(2))
    assert Store(store.folder).categories == store.categories
    assert list(tmp_path.iterdir()) == [store.folder]


def test_a_store_is_replaced_on_request_only_and_nothing_else_ever(store, tmp_path):
    with pytest.raises(BadFile, match="already"):
        pack(store.folder, {"train": TRAIN})
    with new_store(store.folder, replace=True) as writer:
        writer.begin("dog")
        writer.add("train", sketch(2))
    assert Store(store.folder).categories == ("dog",)
    assert list(tmp_path.iterdir()) == [store.folder]
    letters = tmp_path / "letters"
    letters.mkdir()
    with pytest.raises(BadFile, match="no packed store, so it is not replaced"):
        check_destination(letters, replace=True)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFile, match="cannot be written"):
        pack(tmp_path / "file" / "store", {"train": TRAIN})
