"""Formats are chosen by suffix, and what every format has in common is tested for each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import codes
from codes.errors import BadFile, BadOption, BadSketch, SketchError
from codes.formats import npz, registry
from codes.strokes.stroke3 import sketch_from_polylines
from tests.support.drawings import HOUSE, assert_same_strokes, house

SEVERAL = (".npz", ".ndjson", ".json")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", registry.READERS)
def test_a_written_sketch_is_read_back_first_segment_included(tmp_path: Path, suffix: str) -> None:
    """Earlier systems moved to the first row and so lost the segment that leads there."""
    path = tmp_path / f"a{suffix.upper()}"
    codes.write(path, house())
    strokes = codes.read(path).polylines()
    start = HOUSE[0][0] - strokes[0][0]
    assert_same_strokes([line + start for line in strokes], HOUSE, atol=0.02)


@pytest.mark.parametrize("suffix", registry.WRITERS)
def test_one_or_several_sketches_are_written_whole_and_alone(tmp_path: Path, suffix: str) -> None:
    registry.write(tmp_path / f"one{suffix}", house())
    registry.write(str(tmp_path / f"many{suffix}"), (house(), house()))
    assert names(tmp_path) == sorted([f"one{suffix}", f"many{suffix}"])


@pytest.mark.parametrize("suffix", SEVERAL)
def test_one_of_several_is_chosen_by_its_number(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    codes.write(path, [house().prefix(5), house().prefix(2), house()])
    assert len(codes.read(path)) == 5
    assert len(codes.read(path, index=1)) == 2
    assert [len(sketch) for sketch in codes.read_all(path)] == [5, 2, len(house())]
    with pytest.raises(BadFile, match="has no sketch of number 3"):
        codes.read(path, index=3)
    with pytest.raises(BadOption, match="counted from 0"):
        codes.read(path, index=-1)


def test_splits_are_for_npz_files_only(tmp_path: Path) -> None:
    rows = house().points
    npz.write_splits(tmp_path / "a.npz", {"train": [rows, rows], "valid": [], "test": [rows]})
    assert len(codes.read_all(tmp_path / "a.npz", split="train")) == 2
    assert len(codes.read_all(tmp_path / "a.npz")) == 3
    with pytest.raises(BadFile, match="no sketches in split 'valid'"):
        codes.read_all(tmp_path / "a.npz", split="valid")
    codes.write(tmp_path / "a.json", house())
    with pytest.raises(BadOption, match=r"only \.npz files have splits"):
        codes.read_all(tmp_path / "a.json", split="train")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.", ".npz", "a.svgz", "a.npz.bak"])
def test_unknown_suffixes_are_answered_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(BadFile, match=r"files read are \.npz, \.ndjson, \.json, \.svg$"):
        codes.read(tmp_path / name)
    with pytest.raises(BadFile, match=r"files written are \.npz, \.ndjson, \.json, \.svg, \.png, \.gif$"):
        codes.write(tmp_path / name, house())
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("suffix", registry.READERS)
def test_missing_files_empty_files_and_folders_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with pytest.raises(BadFile, match="there is no such file"):
        codes.read(path)
    path.touch()
    with pytest.raises(BadFile, match="the file is empty"):
        codes.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BadFile, match="is a folder"):
        codes.read(path)


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
@pytest.mark.parametrize("suffix", registry.READERS)
def test_pipes_are_refused_without_waiting_for_them(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"a{suffix}")
    with pytest.raises(BadFile, match="no ordinary file"):
        codes.read(tmp_path / f"a{suffix}")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the root user may read anything")
@pytest.mark.parametrize("suffix", registry.READERS)
def test_files_without_permission_are_refused(tmp_path: Path, suffix: str) -> None:
    codes.write(tmp_path / f"a{suffix}", house())
    (tmp_path / f"a{suffix}").chmod(0)
    with pytest.raises(BadFile, match="permission denied"):
        codes.read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", registry.READERS)
@pytest.mark.parametrize("kind", registry.READERS)
def test_a_file_under_another_formats_name_is_refused(tmp_path: Path, suffix: str, kind: str) -> None:
    codes.write(tmp_path / f"true{kind}", house())
    (tmp_path / f"true{kind}").rename(tmp_path / f"false{suffix}")
    if suffix == kind:
        assert len(codes.read(tmp_path / f"false{suffix}").polylines()) == len(HOUSE)
    else:
        with pytest.raises(BadFile):
            codes.read(tmp_path / f"false{suffix}")


@pytest.mark.parametrize("suffix", registry.READERS)
def test_files_cut_at_every_eighth_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    codes.write(path, house())
    content = path.read_bytes()
    for eighth in range(8):
        path.write_bytes(content[: len(content) * eighth // 8])
        with pytest.raises(BadFile, match=rf"a\{suffix}: "):
            codes.read_all(path)


@pytest.mark.parametrize("suffix", registry.READERS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_random_bytes_are_refused_under_every_suffix(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"random{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadFile):
        codes.read_all(path)


@pytest.mark.parametrize("suffix", registry.READERS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), content=st.binary(min_size=1, max_size=4))
def test_damaged_files_are_read_or_refused(tmp_path: Path, suffix: str, place: float, content: bytes) -> None:
    path = tmp_path / f"damaged{suffix}"
    codes.write(path, [house()])
    whole = path.read_bytes()
    at = int(place * len(whole))
    path.write_bytes(whole[:at] + content + whole[at + len(content) :])
    try:
        assert codes.read_all(path)
    except BadFile as error:
        assert str(error).startswith(str(path))


@pytest.mark.parametrize("suffix", registry.READERS)
def test_a_dot_and_a_single_segment_are_sketches(tmp_path: Path, suffix: str) -> None:
    dot, segment = ([np.array([[50.0, 60.0]])], [np.array([[50.0, 60.0], [150.0, 70.0]])])
    for lines in (dot, segment):
        codes.write(tmp_path / f"a{suffix}", sketch_from_polylines(lines))
        (stroke,) = codes.read(tmp_path / f"a{suffix}").polylines()
        assert len(stroke) == len(lines[0])


@pytest.mark.parametrize("suffix", registry.WRITERS)
def test_failed_writes_leave_nothing_behind(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    old = tmp_path / f"old{suffix}"
    old.write_text("old")
    monkeypatch.setattr(os, "fsync", full_disk)
    for path in (old, tmp_path / f"new{suffix}"):
        for sketches in (house(), [house(), house()]):
            with pytest.raises(BadFile, match="no space left"):
                codes.write(path, sketches)
    assert names(tmp_path) == [old.name]
    assert old.read_text() == "old"


@pytest.mark.parametrize("suffix", registry.WRITERS)
def test_a_missing_folder_is_made_and_an_empty_list_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(BadSketch, match="no sketch to write"):
        codes.write(tmp_path / "new" / f"a{suffix}", [])
    assert names(tmp_path) == []
    codes.write(tmp_path / "new" / f"a{suffix}", house())
    assert names(tmp_path / "new") == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", registry.ENCODERS)
def test_encoding_in_memory_gives_the_bytes_of_the_file(tmp_path: Path, suffix: str) -> None:
    codes.write(tmp_path / f"a{suffix}", house())
    assert registry.encode(house(), suffix) == (tmp_path / f"a{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", registry.WRITERS)
def test_writing_changes_no_sketch(tmp_path: Path, suffix: str) -> None:
    sketch = house(unit=3.0, drawn=True)
    before = sketch.points.tobytes()
    codes.write(tmp_path / f"a{suffix}", sketch)
    assert sketch.points.tobytes() == before


def test_reading_json_loads_neither_torch_nor_svgelements(tmp_path: Path) -> None:
    codes.write(tmp_path / "a.json", house())
    program = (
        "import sys, codes; codes.read(sys.argv[1]);"
        "print([name for name in ('torch', 'svgelements', 'matplotlib', 'PIL') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.json")], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_every_error_message_is_one_line(tmp_path: Path) -> None:
    for suffix in registry.READERS:
        (tmp_path / f"a{suffix}").write_bytes(b"\x00\n\r\n\xff" * 50)
        with pytest.raises(SketchError) as refused:
            codes.read(tmp_path / f"a{suffix}")
        assert "\n" not in str(refused.value)
