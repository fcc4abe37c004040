"""Sketch-RNN's archives are read as numpy reads them and written so that numpy reads them; hostile ones are refused."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codes.errors import BadFile
from codes.formats import npz
from codes.formats.registry import read_all
from codes.strokes.stroke3 import LIFT
from tests.support.drawings import HOUSE, assert_same_strokes, house

ROWS = np.array([[10, 0, 0], [0, 10, 1], [5, 5, 0], [-5, 0, 1]])


def object_array(*items: Any) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array


def saved(path: Path, **arrays: Any) -> Path:
    """Written by numpy itself."""
    np.savez_compressed(path, **arrays)
    return path


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def header(shape: str, kind: str = "|O") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "float16", "float32", "float64"])
def test_what_numpy_wrote_is_read_in_its_own_type(tmp_path: Path, kind: str) -> None:
    rows = ROWS.astype(kind)
    path = saved(tmp_path / "a.npz", train=object_array(rows, rows[:2]), test=object_array(rows))
    first, second = npz.read_split(path, "train")
    assert first.dtype == kind
    np.testing.assert_array_equal(first, rows)
    np.testing.assert_array_equal(second, rows[:2])


def test_splits_come_in_the_usual_order(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", extra=ROWS, test=ROWS, valid=ROWS, train=ROWS)
    assert npz.splits(path) == ["train", "valid", "test", "extra"]


def test_one_block_of_equally_long_sketches_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", train=np.stack([ROWS, ROWS]).astype(np.int16))
    assert [len(points) for points in npz.read_split(path, "train")] == [4, 4]


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    npz.write_splits(path, {"train": [ROWS.astype(float), ROWS.astype(float)], "test": [ROWS * [0.5, 1, 1]]})
    with np.load(path, allow_pickle=True, encoding="latin1") as theirs:
        assert theirs["train"][1].dtype == np.int16
        assert theirs["test"][0].dtype == np.float32
        np.testing.assert_array_equal(theirs["train"][1], ROWS)
        np.testing.assert_array_equal(theirs["test"][0], ROWS * [0.5, 1, 1])


def test_integers_that_do_not_fit_are_not_wrapped(tmp_path: Path) -> None:
    rows = np.array([[40_000.0, 0, 0], [0, 1, 1]])
    npz.write_splits(tmp_path / "a.npz", {"train": [rows]})
    np.testing.assert_array_equal(npz.read_split(tmp_path / "a.npz", "train")[0], rows)


def test_equal_sketches_make_equal_files(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        npz.write_splits(tmp_path / name, {"train": [ROWS]})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_completions_make_the_round_trip(tmp_path: Path) -> None:
    completions = object_array(*[ROWS[: 1 + index % 4].astype(np.float32) for index in range(6)]).reshape(3, 2)
    npz.write_arrays(tmp_path / "a.npz", completions=completions, prefix_lengths=np.array([2, 3, 1]))
    with np.load(tmp_path / "a.npz", allow_pickle=True) as found:
        assert found["prefix_lengths"].tolist() == [2, 3, 1]
        assert found["completions"].shape == (3, 2)
        for index in np.ndindex(3, 2):
            np.testing.assert_array_equal(found["completions"][index], completions[index])


def test_sketches_make_the_round_trip_in_quickdraw_pixels(tmp_path: Path) -> None:
    """The first segment too, which earlier systems lost, and the pen that is still down."""
    npz.write(tmp_path / "a.npz", [house(unit=2.0)])
    (sketch,) = npz.iterate(tmp_path / "a.npz", "test")
    halved = [(line - HOUSE[0][0]) / 2 for line in HOUSE]
    assert_same_strokes(sketch.polylines(), halved, atol=1e-4)
    assert npz.read_split(tmp_path / "a.npz", "train") == []
    npz.write(tmp_path / "b.npz", [house().prefix(4)])
    (prefix,) = npz.iterate(tmp_path / "b.npz")
    assert prefix.points[-1, LIFT] == 0


BAD_SKETCHES = {
    "not-a-number": np.array([[np.nan, 1, 0], [1, 1, 1]]),
    "infinity": np.array([[np.inf, 1, 0], [1, 1, 1]], dtype=np.float16),
    "no-rows": np.empty((0, 3)),
    "stroke-5": np.zeros((4, 5)),
    "one-dimension": np.zeros(3),
    "three-dimensions": np.zeros((2, 2, 3)),
    "lift-of-2": ROWS * [1, 1, 2],
}


@pytest.mark.parametrize("rows", BAD_SKETCHES.values(), ids=BAD_SKETCHES.keys())
def test_a_bad_sketch_is_named(tmp_path: Path, rows: np.ndarray) -> None:
    path = saved(tmp_path / "a.npz", train=object_array(ROWS, ROWS, rows, ROWS))
    with pytest.raises(BadFile, match=r"a\.npz: sketch 2 of 'train'"):
        npz.read_split(path, "train")


def test_a_sketch_of_100_000_points_is_refused_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", train=object_array(ROWS, np.tile(ROWS, (25_000, 1))))
    with pytest.raises(BadFile, match="sketch 1 of 'train': the sketch has 100000 points"):
        list(npz.iterate(path))


def test_an_absurd_offset_is_refused_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", train=object_array(ROWS.astype(np.int32) * [10**7, 1, 1]))
    with pytest.raises(BadFile, match="sketch 0 of 'train': an offset is larger"):
        list(npz.iterate(path))


def test_a_split_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="has no split 'test'; it has train"):
        npz.read_split(saved(tmp_path / "a.npz", train=ROWS), "test")


@pytest.mark.parametrize("array", [np.arange(5), np.array(3.0), ROWS, np.array(["text"]), np.array([1 + 2j])])
def test_arrays_that_are_no_lists_of_sketches_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(BadFile, match="'train'"):
        npz.read_split(saved(tmp_path / "a.npz", train=array), "train")


def test_code_in_an_archive_never_runs(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch '{tmp_path / 'ran'}'",)

    path = saved(tmp_path / "a.npz", train=object_array(ROWS, Touch()))
    with pytest.raises(BadFile, match=r"system'?, which no array needs"):
        npz.read_split(path, "train")
    assert not (tmp_path / "ran").exists()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = header("(1,)") + bytes(600_000)
    path = archive(tmp_path / "a.npz", {"train.npy": half, "test.npy": half})
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(npz, "MAX_UNPACKED", 1 << 20)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(BadFile, match="would unpack to more than 1 MB"):
        npz.read_split(path, "train")


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"train.npy": bytes(1 << 20)})
    content = path.read_bytes().replace((1 << 20).to_bytes(4, "little"), (300).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"is damaged|does not begin"):
        npz.read_split(path, "train")


HEADERS = {
    "huge-numbers": header("(1000000000000, 5, 3)", "<i2"),
    "huge-objects": header("(100000000,)"),
    "other-shape": header("(3, 4, 3)", "<i2") + bytes(70),
    "negative": header("(-1,)"),
    "four-dimensions": header("(1, 1, 1, 1)", "<i2") + bytes(2),
    "records": header("(1,)", "|V8") + bytes(8),
    "code": header("(__import__('os').system('true'),)"),
    "nested": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
    "no-magic": b"hello, I am an array of numpy",
    "short": b"\x93NUMPY\x01\x00",
    "version-9": b"\x93NUMPY\x09\x00" + bytes(20),
    "beyond-the-end": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "empty": b"",
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS.keys())
def test_absurd_headers_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadFile, match="'train' cannot be read"):
        npz.read_split(archive(tmp_path / "a.npz", {"train.npy": content}), "train")


@pytest.mark.parametrize(
    "members",
    [{}, {"readme.txt": b"hello"}, {f"{index}.npy": b"" for index in range(100)}],
    ids=["none", "no-array", "many"],
)
def test_archives_that_numpy_would_not_have_written_are_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(BadFile):
        npz.splits(archive(tmp_path / "a.npz", members))


def test_other_compressions_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"train.npy": b"x" * 100}, zipfile.ZIP_LZMA)
    with pytest.raises(BadFile, match="numpy would not have written"):
        npz.read_split(path, "train")


def test_a_single_array_under_this_name_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, ROWS)
    (tmp_path / "a.npz").write_bytes(content.getvalue())
    with pytest.raises(BadFile, match="is not a zip archive"):
        npz.splits(tmp_path / "a.npz")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_archives_are_read_or_refused_and_nothing_else(tmp_path: Path, damage: list[tuple[float, int]]) -> None:
    path = tmp_path / "a.npz"
    npz.write_splits(path, {"train": [ROWS, ROWS], "test": [ROWS]})
    content = bytearray(path.read_bytes())
    for place, value in damage:
        content[int(place * len(content))] = value
    path.write_bytes(content)
    try:
        read_all(path)
    except BadFile as error:
        assert str(error).startswith(str(path))


@pytest.mark.skipif("HALFDRAWN_DATA" not in os.environ, reason="needs the real data")
@pytest.mark.parametrize("name", ["quickdraw/cat.npz", "quickdraw-rare/angel.npz"])
def test_real_files_read_as_numpy_reads_them(name: str) -> None:
    path = Path(os.environ["HALFDRAWN_DATA"]) / name
    with np.load(path, allow_pickle=True, encoding="latin1") as theirs:
        for split in npz.splits(path):
            ours = npz.read_split(path, split)
            assert len(ours) == len(theirs[split])
            assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(ours, theirs[split], strict=True))
