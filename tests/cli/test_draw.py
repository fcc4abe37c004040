"""``draw_client.py`` as people call it."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from codes.checkpoints.bundle import Bundle
from codes.cli import draw as module
from codes.cli.draw import TEMPERATURES
from codes.cli.main import draw_client as main
from codes.cli.main import train_or_test as maker
from codes.cli.output import Output
from codes.formats.registry import read, read_all, write
from codes.inference.completer import Completer
from codes.inference.options import Route
from codes.strokes.stroke3 import sketch_from_polylines
from tests.support.running import error_of, output_of
from tests.support.worlds import tiny_bundle


@pytest.fixture
def two(tmp_path):
    paths = [tmp_path / "first.svg", tmp_path / "second.svg"]
    for path, corners in zip(paths, (4, 3), strict=True):
        line = np.array([[0.0, 0.0], [40.0, 5.0], [40.0, 80.0], [0.0, 60.0]])[:corners]
        write(path, sketch_from_polylines([np.append(line, line[:1], axis=0)]))
    return paths


def test_sample_draws_as_many_as_asked(bundle, tmp_path):
    out = tmp_path / "circles.ndjson"
    output_of(main, "sample", "circle", "-m", bundle.folder, "-n", 5, "-o", out)
    sketches = read_all(out)
    assert len(sketches) == 5
    assert {sketch.category for sketch in sketches} == {"circle"}


def test_what_is_sampled_is_not_multiplied_by_candidates(bundle):
    text = output_of(main, "sample", "circle", "-m", bundle.folder, "-n", 180, "--max-points", 1, "--json")
    assert len(json.loads(text)["sketches"]) == 180


def test_samples_differ_and_come_again(bundle):
    def drawn(seed):
        text = output_of(main, "sample", "square", "-m", bundle.folder, "-n", 3, "--seed", seed, "--json")
        return [each["strokes"] for each in json.loads(text)["sketches"]]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(1)[0] != drawn(1)[1]


def test_temperatures_is_a_sheet_with_a_row_each(bundle, tmp_path):
    out = tmp_path / "rows.svg"
    output_of(main, "temperatures", "zigzag", "-m", bundle.folder, "-n", 2, "--max-points", 30, "-o", out)
    assert all(f"t = {t:g}" in out.read_text() for t in TEMPERATURES)


def test_reconstruct_and_interpolate(bundle, two, tmp_path):
    output_of(main, "reconstruct", two[0], "-m", bundle.folder, "-n", 2, "-o", tmp_path / "again.svg")
    text = output_of(main, "interpolate", *two, "-m", bundle.folder, "-c", "circle", "--steps", 4, "--json")
    between = json.loads(text)["sketches"]
    assert len(between) == 4
    assert between[0] != between[-1]


def test_interpolate_draws_what_the_first_sketch_shows(bundle, two, tmp_path, monkeypatch):
    """Were it the second's, only a person who looks at the title would notice."""
    shown = dict(zip(map(len, map(read, two)), ("zigzag", "circle"), strict=True))
    monkeypatch.setattr(Completer, "classify", lambda self, sketch: Route(shown[len(sketch)], {}, "known", 0.0))
    for files, category in ((two, "zigzag"), (two[::-1], "circle")):
        text = output_of(main, "interpolate", *files, "-m", bundle.folder, "--steps", 2, "--json")
        assert {each["category"] for each in json.loads(text)["sketches"]} == {category}


def test_temperatures_takes_no_temperature(bundle, tmp_path):
    words = ("temperatures", "circle", "-m", bundle.folder, "--temperature", 0.4, "-o", tmp_path / "a.svg")
    assert "No such option '--temperature'" in error_of(main, *words)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["sample", "unicorn", "-o", "OUT"], "no category 'unicorn'; there are circle"),
        (["sample", "circle"], "-o FILE"),
        (["sample", "circle", "-n", 0, "-o", "OUT"], "variations"),
        (["reconstruct", "missing.svg", "-o", "OUT"], "missing.svg"),
    ],
)
def test_bad_input_is_one_sentence(bundle, tmp_path, words, part):
    words = [tmp_path / "out.svg" if word == "OUT" else word for word in words]
    assert part in error_of(main, *words, "-m", bundle.folder)
    assert not (tmp_path / "out.svg").exists()


def test_list_names_what_it_can_draw(bundle):
    assert output_of(main, "list", "-m", bundle.folder).split() == list(bundle.categories)
    assert json.loads(output_of(main, "list", "-m", bundle.folder, "--json")) == {"categories": list(bundle.categories)}


def test_list_finds_what_is_meant_by_a_word(bundle):
    assert output_of(main, "list", "rings", "-m", bundle.folder).split() == ["circle"]
    assert "called 'unicorn'" in error_of(main, "list", "unicorn", "-m", bundle.folder)


def test_list_draws_one_of_each(bundle, tmp_path):
    output_of(main, "list", "-m", bundle.folder, "--max-points", 9, "-o", tmp_path / "all.svg")
    assert all(f">{name}</text>" in (tmp_path / "all.svg").read_text() for name in bundle.categories)
    output_of(main, "list", "zig", "-m", bundle.folder, "--max-points", 9, "-o", tmp_path / "one.ndjson")
    assert [each.category for each in read_all(tmp_path / "one.ndjson")] == ["zigzag"]


def test_list_shows_the_drawings_that_are_stored_unless_an_option_says_how(tmp_path, monkeypatch):
    made = tiny_bundle(tmp_path / "tiny")
    before = (made.folder / "bundle.json").read_bytes()
    output_of(maker, "catalogue", made.folder, "--max-points", 9, "--seed", 3)
    assert (made.folder / "bundle.json").read_bytes() != before
    stored = Bundle.open(made.folder).catalogue()
    output_of(main, "list", "-m", made.folder, "--seed", 4, "-o", tmp_path / "anew.ndjson")
    anew = [each.points.tolist() for each in read_all(tmp_path / "anew.ndjson")]
    assert anew != [each.points.tolist() for each in stored.values()]
    monkeypatch.setattr(Completer, "sampler", lambda *_: pytest.fail("it was drawn anew"))
    output_of(main, "list", "-m", made.folder, "-o", tmp_path / "all.ndjson")
    for shown, kept in zip(read_all(tmp_path / "all.ndjson"), stored.values(), strict=True):
        assert shown.category == kept.category
        np.testing.assert_array_equal(shown.points, kept.points)


def test_names_stand_in_columns_that_the_terminal_has_room_for(monkeypatch, capsys):
    monkeypatch.setattr(module.shutil, "get_terminal_size", lambda: os.terminal_size((20, 24)))
    module._print_columns(["ant", "bee", "cat", "duck", "elephant"], Output(None))
    assert capsys.readouterr().out.splitlines() == ["ant       duck", "bee       elephant", "cat"]
