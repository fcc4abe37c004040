"""Picture files are complete, crisp and timed as documented."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from codes.errors import BadOption
from codes.formats import images, svg_out
from codes.formats.registry import write_sheet
from codes.strokes.layout import ADDED_COLOUR, OWN_COLOUR, PAPER_COLOUR, view_of
from codes.strokes.render import image, svg_text
from codes.strokes.sheet import Cell, Sheet, sheet_image
from codes.strokes.stroke3 import Sketch, sketch_from_polylines


def spiral(turns: float = 2.0, **fields: object) -> Sketch:
    angle = np.linspace(0, 2 * np.pi * turns, 60)
    line = np.column_stack([np.cos(angle), np.sin(angle)]) * (10 + 15 * angle)[:, None]
    return sketch_from_polylines([line, np.array([[150.0, 150.0]])], **fields)


def half_spiral() -> Sketch:
    return replace(spiral(), prefix_rows=30)


def colours_of(picture: Image.Image) -> set[str]:
    return {"#{:02x}{:02x}{:02x}".format(*colour) for _, colour in picture.convert("RGB").getcolors(1 << 24)}


def durations_of(path: Path) -> list[int]:
    durations = []
    with Image.open(path) as picture:
        for frame in range(picture.n_frames):
            picture.seek(frame)
            durations.append(picture.info["duration"])
    return durations


def test_an_svg_of_one_sketch_is_its_still_picture(tmp_path):
    svg_out.write(tmp_path / "a.svg", [spiral(category="snail é")])
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == svg_text(spiral(category="snail é"))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("name", "moves"), [("a.svg", False), ("a.anim.svg", True), ("A.ANIM.SVG", True)])
def test_a_name_that_ends_in_anim_svg_asks_for_an_animation(count, name, moves, tmp_path):
    svg_out.write(tmp_path / name, [spiral()] * count)
    text = (tmp_path / name).read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    assert ("@keyframes" in text) is moves


def test_a_png_is_the_rendered_image(tmp_path):
    images.write(tmp_path / "a.png", [half_spiral()])
    with Image.open(tmp_path / "a.png") as picture:
        assert max(picture.size) == 512
        assert np.array_equal(np.array(picture), image(half_spiral(), view_of(half_spiral()).size(512)))


def test_several_sketches_become_a_sheet(tmp_path):
    images.write(tmp_path / "a.png", [spiral(category="snail")] * 4)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (24 + 2 * 168 + 12 + 24, 24 + 2 * (168 + 26) + 24)


def test_a_sheet_is_written_in_every_picture_format(tmp_path):
    sheet = Sheet([[Cell(spiral(), "bicycle 97 %"), Cell(half_spiral(), "bicycle 3 %")]], side=100)
    for suffix in (".svg", ".anim.svg", ".png", ".gif"):
        write_sheet(tmp_path / f"out{suffix}", sheet)
    assert "bicycle 97 %" in (tmp_path / "out.svg").read_text(encoding="utf-8")
    with Image.open(tmp_path / "out.png") as picture:
        assert np.array_equal(np.array(picture), sheet_image(sheet))
    with Image.open(tmp_path / "out.gif") as picture:
        assert picture.size == sheet.size


def test_a_gif_has_the_documented_frames_and_durations_and_loops(tmp_path):
    path = tmp_path / "a.gif"
    line = sketch_from_polylines([np.array([[0.0, 0.0], [0.0, 100.0], [100.0, 100.0]])])
    images.write(path, [line])
    durations = durations_of(path)
    # Two sides of a frame that is 110 long, at 20 frames a side.
    assert len(durations) == images.frame_count(200 / 110) == 36
    assert durations == [40] * 35 + [2000]
    with Image.open(path) as picture:
        assert picture.info["loop"] == 0


@pytest.mark.parametrize(("sides", "count"), [(0.0, 20), (0.1, 20), (3.0, 60), (1e9, 100)])
def test_a_gif_has_20_to_100_frames(sides, count):
    assert images.frame_count(sides) == count


def test_a_gif_has_exact_colours_and_ends_with_the_whole_drawing(tmp_path):
    images.write(tmp_path / "a.gif", [half_spiral()])
    with Image.open(tmp_path / "a.gif") as picture:
        assert ADDED_COLOUR not in colours_of(picture)
        picture.seek(picture.n_frames - 1)
        assert {PAPER_COLOUR, OWN_COLOUR, ADDED_COLOUR} <= colours_of(picture)
        still = image(half_spiral(), view_of(half_spiral()).size(360))
        assert np.abs(np.array(picture.convert("RGB")).astype(int) - still).mean() < 1.0


def test_a_gif_of_a_dot_is_one_long_frame(tmp_path):
    images.write(tmp_path / "a.gif", [sketch_from_polylines([np.array([[3.0, 4.0]])])])
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 1
        assert OWN_COLOUR in colours_of(picture)


def test_a_gif_of_several_sketches_draws_them_together_in_a_small_file(tmp_path):
    path = tmp_path / "a.gif"
    images.write(path, [half_spiral()] * 4)
    assert path.stat().st_size < 60_000
    with Image.open(path) as picture:
        picture.seek(5)
        early = np.array(picture.convert("RGB"))
    quarters = [early[24:192, 24:192], early[24:192, 204:372], early[204:372, 24:192], early[204:372, 204:372]]
    assert all((quarter < 100).all(axis=2).any() for quarter in quarters)


def test_a_gif_of_too_many_sketches_is_refused(tmp_path):
    with pytest.raises(BadOption, match="at most 100"):
        images.write(tmp_path / "a.gif", [spiral()] * 101)
    assert list(tmp_path.iterdir()) == []
