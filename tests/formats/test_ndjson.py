"""Quick, Draw!'s line format is read, simplified or raw, and written."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codes.errors import BadFile
from codes.formats import ndjson
from codes.strokes.geometry import simplify_like_quickdraw
from tests.support.drawings import HOUSE, assert_same_strokes, house

SIMPLE: dict[str, Any] = {"word": "line", "key_id": "5", "drawing": [[[0, 255], [10, 20]], [[7], [8]]]}


def written(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_simplified_drawings_are_read_as_they_are(tmp_path: Path) -> None:
    (sketch,) = ndjson.iterate(written(tmp_path / "a.ndjson", SIMPLE))
    assert_same_strokes(sketch.polylines(), [np.array([[0.0, 10], [255, 20]]), np.array([[7.0, 8]])])
    assert (sketch.unit, sketch.drawn, sketch.category) == (1.0, False, "line")


def test_raw_drawings_are_simplified_as_google_does(tmp_path: Path) -> None:
    x = np.linspace(100, 400, 60)
    raw = [np.column_stack([x, x * 2 + 3]), np.column_stack([x, x[::-1]])]
    record = {"word": "cross", "drawing": [[*line.T.tolist(), list(range(60))] for line in raw]}
    (sketch,) = ndjson.iterate(written(tmp_path / "a.ndjson", record))
    assert_same_strokes(sketch.polylines(), simplify_like_quickdraw(raw))
    assert not sketch.drawn


def test_times_may_be_of_any_size_as_they_are_not_used(tmp_path: Path) -> None:
    record = {"word": "line", "drawing": [[[0, 100], [0, 0], [1490273976068, 1490273976090]]]}
    (sketch,) = ndjson.iterate(written(tmp_path / "a.ndjson", record))
    assert sketch.polylines()[0].tolist() == [[0, 0], [255, 0]]


def test_drawings_make_the_round_trip_with_decimals_only_where_needed(tmp_path: Path) -> None:
    ndjson.write(tmp_path / "a.ndjson", [house(category="house"), house()])
    first, second = ndjson.iterate(tmp_path / "a.ndjson")
    assert_same_strokes(first.polylines(), HOUSE)
    assert (first.category, second.category) == ("house", None)
    record = json.loads((tmp_path / "a.ndjson").read_text().splitlines()[0])
    assert record["recognized"] is True
    assert record["word"] == "house"
    assert record["drawing"][3] == [[60, 61.5], [60, 20.25]]


def test_other_units_are_written_as_quickdraw_pixels(tmp_path: Path) -> None:
    ndjson.write(tmp_path / "a.ndjson", [house(unit=10.0)])
    (sketch,) = ndjson.iterate(tmp_path / "a.ndjson")
    assert_same_strokes(sketch.polylines(), [line / 10 for line in HOUSE], atol=0.006)


def test_a_large_file_is_read_one_line_at_a_time(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ndjson", SIMPLE, SIMPLE)
    with path.open("a") as file:
        file.write("this line is never reached\n")
    assert len(list(islice(ndjson.iterate(path), 2))) == 2


def test_empty_lines_are_skipped_but_counted(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(json.dumps(SIMPLE) + "\n\n\nno drawing\n")
    with pytest.raises(BadFile, match=r"a\.ndjson: line 4: it is no JSON"):
        list(ndjson.iterate(tmp_path / "a.ndjson"))


BAD_RECORDS = {
    "list": [[1, 2]],
    "no-drawing": {"word": "cat"},
    "null-drawing": {"drawing": None},
    "no-strokes": {"drawing": []},
    "empty-strokes": {"drawing": [[[], []]]},
    "one-column": {"drawing": [[[1, 2]]]},
    "four-columns": {"drawing": [[[1], [2], [3], [4]]]},
    "uneven": {"drawing": [[[1, 2], [3]]]},
    "uneven-times": {"drawing": [[[1, 2], [3, 4], [5]]]},
    "half-raw": {"drawing": [[[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4]]]},
    "texts": {"drawing": [[["1"], ["2"]]]},
    "flags": {"drawing": [[[True], [False]]]},
    "columns-of-texts": {"drawing": [["12", "34"]]},
    "strokes-of-texts": {"drawing": ["ab"]},
    "points-instead-of-columns": {"drawing": [[[1, 2], [3, 4], [5, 6], [7, 8]]]},
    "large": {"drawing": [[[0, 1e9], [0, 0]]]},
    "word": {"word": 5, "drawing": [[[1], [2]]]},
    "many-points": {"drawing": [[list(range(100_000)), list(range(100_000))]]},
    "many-raw-points": {"drawing": [[list(range(100_000))] * 3]},
}


@pytest.mark.parametrize("record", BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
def test_a_bad_line_is_named(tmp_path: Path, record: Any) -> None:
    with pytest.raises(BadFile, match=r"a\.ndjson: line 2: "):
        list(ndjson.iterate(written(tmp_path / "a.ndjson", SIMPLE, record)))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 400])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "a.ndjson").write_text(f'{{"drawing": [[[1, {number}], [2, 3]]]}}\n')
    with pytest.raises(BadFile, match="line 1: "):
        list(ndjson.iterate(tmp_path / "a.ndjson"))


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "MAX_LINE", 1 << 20)
    (tmp_path / "a.ndjson").write_bytes(b"[" * ((1 << 20) + 1))
    with pytest.raises(BadFile, match="line 1 is longer than 1 MB"):
        list(ndjson.iterate(tmp_path / "a.ndjson"))


def test_a_file_of_empty_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text("\n\n")
    with pytest.raises(BadFile, match="holds no drawings"):
        list(ndjson.iterate(tmp_path / "a.ndjson"))


@pytest.mark.skipif("HALFDRAWN_DATA" not in os.environ, reason="needs the real data")
def test_googles_raw_and_simplified_files_give_the_same_sketches() -> None:
    folder = Path(os.environ["HALFDRAWN_DATA"])
    raw = {sketch.points.tobytes() for sketch in ndjson.iterate(folder / "raw-ndjson" / "hand.ndjson")}
    simplified = list(ndjson.iterate(folder / "simplified-ndjson" / "hand.ndjson"))
    assert len(simplified) == 25
    assert all(sketch.points.tobytes() in raw for sketch in simplified)
