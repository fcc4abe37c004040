"""Pictures show every point of a sketch in the right colour, and leave the sketch as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from codes.errors import BadOption
from codes.formats import svg_in
from codes.strokes.layout import ADDED_COLOUR, CAPTION_COLOUR, OWN_COLOUR, PAPER_COLOUR, SHEET_COLOUR, View, view_of
from codes.strokes.render import Pixels, animated_svg_text, image, paced_frames, svg_text
from codes.strokes.sheet import Cell, Sheet, contact_sheet, sheet_frames, sheet_image, sheet_svg
from codes.strokes.stroke3 import Sketch, sketch_from_polylines

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'cat"></title><script>alert(1)</script>&amp; \x00\x1b\ud800 <b>'


def house(**fields: object) -> Sketch:
    """Walls, a roof and a door knob: two lines and a dot."""
    walls = np.array([[10.0, 100.0], [10, 200], [110, 200], [110, 100], [10, 100]])
    roof = np.array([[10.0, 100.0], [60, 40], [110, 100]])
    return sketch_from_polylines([walls, roof, np.array([[85.0, 160.0]])], **fields)


def half_house(rows: int = 2) -> Sketch:
    return replace(house(), prefix_rows=rows)


def share_of(pixels: Pixels, colour: str) -> float:
    """Return the share of a picture that has exactly this colour."""
    value = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return float((pixels == value).all(axis=2).mean())


def pixel_at(pixels: Pixels, view: View, position: tuple[float, float]) -> tuple[int, ...]:
    """Return the colour at a position of the sketch, in a picture of the frame's own shape."""
    column = (position[0] - view.x) / view.width * pixels.shape[1]
    row = (position[1] - view.y) / view.height * pixels.shape[0]
    return tuple(pixels[int(row), int(column)].tolist())


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def strokes_in(svg: str) -> list[np.ndarray]:
    """Return strokes as a reader sees them: one path is one stroke, and a joined path continues the stroke before."""
    strokes: list[np.ndarray] = []
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        line = np.array(re.findall(r"-?[\d.]+", path.attrib["d"]), dtype=float).reshape(-1, 2)
        if path.get("data-joined"):
            assert np.array_equal(strokes[-1][-1], line[0])
            strokes[-1] = np.vstack([strokes[-1], line[1:]])
        else:
            strokes.append(line)
    return strokes


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        shares = np.array(rgb(colour)) / 255
        linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# Every picture


@pytest.mark.parametrize(
    "draw",
    [
        svg_text,
        animated_svg_text,
        image,
        lambda sketch: list(paced_frames(sketch, (90, 90), step=20.0)),
        lambda sketch: sheet_svg(contact_sheet([sketch, sketch])),
        lambda sketch: list(sheet_frames(contact_sheet([sketch, sketch]), count=3)),
    ],
)
def test_drawing_leaves_the_sketch_as_it_was(draw):
    """An earlier renderer wrote the cumulative sum into the tensor it was given."""
    sketch = half_house()
    before = sketch.points.copy(), sketch.origin
    draw(sketch)
    assert np.array_equal(sketch.points, before[0])
    assert sketch.origin == before[1]


def test_colours_have_enough_contrast_on_their_backgrounds():
    assert contrast(OWN_COLOUR, PAPER_COLOUR) > 4.5
    assert contrast(ADDED_COLOUR, PAPER_COLOUR) > 4.5
    assert contrast(CAPTION_COLOUR, SHEET_COLOUR) > 4.5


# SVG


def test_an_svg_has_every_stroke_first_segment_included():
    sketch = house()
    lines = strokes_in(svg_text(sketch))
    expected = sketch.polylines()
    assert [len(line) for line in lines] == [5, 3, 2]
    assert np.array_equal(lines[0], expected[0])
    assert np.array_equal(lines[1], expected[1])
    assert np.array_equal(lines[2], np.repeat(expected[2], 2, axis=0))


@pytest.mark.parametrize("rows", range(9))
def test_a_stroke_in_two_colours_is_one_stroke_to_a_reader(rows):
    whole = strokes_in(svg_text(house()))
    cut = strokes_in(svg_text(half_house(rows)))
    # A prefix that ends where the pen came down has a dot there, which the continuation goes on from.
    tidy = [line[1:] if len(line) > 2 and np.array_equal(line[0], line[1]) else line for line in cut]
    assert all(np.array_equal(one, other) for one, other in zip(whole, tidy, strict=True))


@pytest.mark.parametrize(
    ("rows", "own", "added"),
    [(None, 3, 0), (0, 0, 3), (2, 1, 3), (4, 1, 2), (6, 2, 2), (8, 3, 0)],
)
def test_an_svg_has_each_stroke_in_its_colour(rows, own, added):
    root = ElementTree.fromstring(svg_text(replace(house(), prefix_rows=rows)))
    groups = {group.get("stroke"): len(group) for group in root.iter(f"{SVG}g") if group.get("stroke")}
    assert groups.get(OWN_COLOUR, 0) == own
    assert groups.get(ADDED_COLOUR, 0) == added


def test_a_repeated_origin_does_not_shift_the_colours():
    """Some files begin with a row 0, 0, which adds no position."""
    points = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [9, 0, 1]])
    lines = re.findall(r' d="([^"]*)"', svg_text(Sketch(points, prefix_rows=2)))
    assert lines == ["M0 0L10 0", "M10 0L10 10 19 10"]


def test_view_box_holds_the_drawing_and_a_margin():
    box = [float(value) for value in ElementTree.fromstring(svg_text(house())).attrib["viewBox"].split()]
    assert box[0] < 10 and box[1] < 40
    assert box[0] + box[2] > 110 and box[1] + box[3] > 200


@pytest.mark.parametrize("category", [HOSTILE, "<![CDATA[", "-->", "a\nb", "\uffff"])
def test_svg_is_well_formed_whatever_the_category(category):
    for text in (
        svg_text(house(category=category)),
        animated_svg_text(house(category=category)),
        sheet_svg(Sheet([[Cell(house(category=category), category)]], category, [category])),
    ):
        root = ElementTree.fromstring(text.encode())
        assert root.tag == f"{SVG}svg"
        assert not list(root.iter(f"{SVG}script"))


def test_svg_is_titled_with_the_category():
    assert ElementTree.fromstring(svg_text(house(category="R&B <3"))).findtext(f"{SVG}title") == "R&B <3"
    assert ElementTree.fromstring(svg_text(house())).find(f"{SVG}title") is None


@pytest.mark.parametrize("unit", [1e-6, 0.01, 1.0, 37.0, 1e4])
def test_coordinates_keep_a_hundredth_of_a_pixel_and_no_exponent(unit):
    sketch = sketch_from_polylines([line * unit / 3 for line in house().polylines()], unit=unit)
    text = svg_text(sketch)
    assert not re.search(r"\de[-+]?\d", text)
    for line, drawn in zip(sketch.polylines()[:2], strokes_in(text), strict=False):
        assert np.abs(line - drawn).max() <= 0.00501 * unit
    decimals = max(len(value.partition(".")[2]) for value in re.findall(r"[\d.]+", " ".join(path_data(text))))
    assert decimals <= max(0, np.ceil(2 - np.log10(unit)))


def path_data(text: str) -> list[str]:
    return re.findall(r' d="([^"]*)"', text)


def test_animation_draws_stroke_after_stroke_at_one_speed():
    text = animated_svg_text(house(), seconds=5.0)
    times = [(float(a), float(b or 0)) for a, b in re.findall(r"--at:([\d.]+)s(?:;--for:([\d.]+)s)?", text)]
    assert len(times) == 3
    assert times[0][0] == 0
    for (begin, duration), (following, _) in pairwise(times):
        assert following >= begin + duration - 0.002
    assert sum(times[-1]) == pytest.approx(5.0, abs=0.01)
    lengths = [400.0, 2 * float(np.hypot(50, 60))]
    assert times[0][1] / times[1][1] == pytest.approx(lengths[0] / lengths[1], abs=0.01)


def test_an_animation_respects_reduced_motion_and_runs_no_script():
    text = animated_svg_text(house())
    outside = text.partition("@media (prefers-reduced-motion: no-preference) {")
    assert "animation:" not in outside[0]
    assert outside[2].count("animation:") == outside[2].partition("@keyframes")[0].count("animation:") == 2
    assert "<script" not in text
    assert path_data(text) == path_data(svg_text(house()))


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_animation_takes_a_positive_time(seconds):
    with pytest.raises(BadOption, match="seconds"):
        animated_svg_text(house(), seconds=seconds)


# Pixels


def test_image_has_the_size_asked_for_and_white_paper():
    pixels = image(house(), (120, 80))
    assert pixels.shape == (80, 120, 3)
    assert pixels.dtype == np.uint8
    assert (pixels[0] == 255).all() and (pixels[:, -1] == 255).all()


def test_the_first_segment_is_drawn():
    """Renderers that move to the first row lose it."""
    sketch = house()
    view = view_of(sketch)
    pixels = image(sketch, view.size(400))
    assert pixel_at(pixels, view, (10, 103)) == rgb(OWN_COLOUR)
    assert pixel_at(pixels, view, (10, 150)) == rgb(OWN_COLOUR)


def test_the_prefix_and_the_continuation_have_their_colours():
    sketch = half_house(2)
    view = view_of(sketch)
    pixels = image(sketch, view.size(400))
    assert pixel_at(pixels, view, (10, 150)) == rgb(OWN_COLOUR)
    assert pixel_at(pixels, view, (60, 200)) == rgb(OWN_COLOUR)
    assert pixel_at(pixels, view, (110, 150)) == rgb(ADDED_COLOUR)
    assert pixel_at(pixels, view, (60, 100)) == rgb(ADDED_COLOUR)
    assert pixel_at(pixels, view, (85, 160)) == rgb(ADDED_COLOUR)
    assert share_of(image(house()), ADDED_COLOUR) == 0


def test_a_dot_is_drawn():
    dot = sketch_from_polylines([np.array([[5.0, 5.0]])])
    pixels = image(dot, (256, 256))
    assert tuple(pixels[128, 128]) == rgb(OWN_COLOUR)
    assert share_of(pixels, PAPER_COLOUR) > 0.9
    view = view_of(house())
    assert pixel_at(image(house(), view.size(400)), view, (85, 160)) == rgb(OWN_COLOUR)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e3, 9e3])
def test_huge_and_tiny_sketches_fit(scale):
    lines = [line * scale for line in house().polylines()]
    assert np.array_equal(image(sketch_from_polylines(lines)), image(house()))


def test_a_line_without_height_fits():
    flat = sketch_from_polylines([np.array([[0.0, 0.0], [100.0, 0.0]])])
    assert share_of(image(flat), OWN_COLOUR) > 0.005
    assert min(view_of(flat).size(512)) == 128


def test_sketches_in_one_view_lie_on_each_other():
    sketch, prefix = half_house(2), house().prefix(2)
    view = view_of(sketch)
    whole, part = image(sketch, view=view), image(prefix, view=view)
    inked = (part == rgb(OWN_COLOUR)).all(axis=2)
    assert inked.any()
    assert (whole[inked] == rgb(OWN_COLOUR)).all(axis=1).mean() > 0.97


def test_a_view_may_show_a_small_part_of_a_huge_drawing():
    line = sketch_from_polylines([np.array([[-9e5, 0.5], [9e4, 0.5]])])
    pixels = image(line, (200, 200), view=View(0.0, 0.0, 1.0, 1.0))
    assert tuple(pixels[100, 100]) == rgb(OWN_COLOUR)
    assert tuple(pixels[50, 100]) == rgb(PAPER_COLOUR)


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (10, 100_000)])
def test_a_picture_without_pixels_or_with_too_many_is_refused(size):
    with pytest.raises(BadOption, match="pixels"):
        image(house(), size)


# Frames


def test_frames_grow_and_the_last_shows_the_whole_sketch():
    sketch = half_house()
    shown = list(paced_frames(sketch, (90, 90), step=20.0))
    ink = [int((frame < 250).any(axis=2).sum()) for frame in shown]
    assert len(shown) > 3 and all(later > earlier for earlier, later in pairwise(ink))
    assert np.abs(shown[-1].astype(int) - image(sketch, (90, 90))).mean() < 0.2


def test_paced_frames_add_equal_lengths():
    line = sketch_from_polylines([np.array([[0.0, 0.0], [100.0, 0.0]])])
    shown = list(paced_frames(line, (400, 100), step=10.0))
    assert len(shown) == 10
    ink = [share_of(frame, OWN_COLOUR) for frame in shown]
    gains = np.diff(ink)
    assert gains.max() < 1.5 * gains.min()


# Sheets


def test_sheet_draws_each_sketch_in_its_cell():
    sheet = Sheet([[Cell(house(), "one"), Cell(None), Cell(half_house(), "two")], [Cell(house())]], side=120)
    pixels = sheet_image(sheet)
    assert pixels.shape[:2] == sheet.size[::-1]
    tiles = [pixels[place.y : place.y + 120, place.x : place.x + 120] for place in sheet.placed_cells]
    assert [share_of(tile, OWN_COLOUR) > 0.003 for tile in tiles] == [True, True, True]
    assert [share_of(tile, ADDED_COLOUR) > 0.01 for tile in tiles] == [False, True, False]
    assert np.array_equal(tiles[0], tiles[2])


def test_texts_of_a_sheet_are_shortened_to_fit():
    sheet = Sheet([[Cell(house(), "a caption that is far too long for a cell " * 3)]], "Title", ["cats"], side=80)
    words = [text.text for text in ElementTree.fromstring(sheet_svg(sheet)).iter(f"{SVG}text")]
    assert words[:2] == ["Title", "cats"]
    assert words[2].startswith("a caption") and words[2].endswith("…") and len(words[2]) < 20
    pixels = sheet_image(sheet)
    place = sheet.placed_cells[0]
    assert (pixels[place.y + 81 : place.y + 100, place.x : place.x + 80] < 150).any()
    assert (pixels[place.y : place.y + 80, : place.x] < 150).any()
    assert (pixels[: place.y] < 150).any()
    assert (pixels[:, place.x + 85 :] > 240).all()


def test_svg_sheet_has_one_frame_for_each_sketch():
    root = ElementTree.fromstring(sheet_svg(contact_sheet([house(category="house")] * 5)))
    assert len(list(root.iter(f"{SVG}svg"))) == 1 + 5
    assert [text.text for text in root.iter(f"{SVG}text")] == ["house"] * 5


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (4, 2), (9, 3), (10, 5), (40, 8)])
def test_contact_sheets_are_nearly_square_and_leave_few_places_empty(count, columns):
    sheet = contact_sheet([house()] * count)
    assert [len(sheet.rows[0]), sum(len(row) for row in sheet.rows)] == [columns, count]


def test_completions_of_one_prefix_share_one_frame():
    one, other = half_house(2), Sketch(np.vstack([house().points, [400, 0, 1]]), house().origin, prefix_rows=2)
    shared = contact_sheet([one, other]).placed_cells
    assert shared[0].view == shared[1].view == view_of(one, other)
    apart = contact_sheet([one, replace(other, prefix_rows=3)]).placed_cells
    assert apart[0].view == view_of(one)


def test_last_frame_of_a_sheet_is_its_image():
    sheet = Sheet([[Cell(half_house(), "a"), Cell(house().prefix(2), "b")]], "Title", side=60)
    shown = list(sheet_frames(sheet, count=12))
    assert 11 <= len(shown) <= 14
    assert np.abs(shown[-1].astype(int) - sheet_image(sheet)).mean() < 0.2
    assert not np.array_equal(shown[0], shown[-1])


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (lambda: Sheet([]), "1 to 1000"),
        (lambda: Sheet([[Cell(None)]]), "1 to 1000"),
        (lambda: Sheet([[Cell(house())] * 1001]), "1 to 1000"),
        (lambda: Sheet([[Cell(house())]], headings=["a", "b"]), "headings"),
        (lambda: Sheet([[Cell(house())]], side=2), "16 pixels"),
        (lambda: sheet_image(Sheet([[Cell(house())] * 300])), "too large"),
        (lambda: sheet_frames(contact_sheet([house()]), count=0), "at least one frame"),
    ],
)
def test_impossible_sheets_are_refused(sheet, message):
    with pytest.raises(BadOption, match=message):
        sheet()


PAGE = (
    '<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="{box}"><path d="M20 30L80 30L80 70" stroke="#000"/></svg>'
)


@pytest.mark.parametrize("size", ["", ' width="210mm" height="148.5mm"', ' width="400" height="283"'])
def test_a_picture_keeps_the_page_that_it_was_read_from(size):
    """So that it lies over the original; there is no background unless it is asked for."""
    text = svg_text(svg_in.decode(PAGE.format(size=size, box="0 0 100 70.75")))
    assert f'<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="0 0 100 70.75"' in text
    assert "background" not in text
    assert "background" in svg_text(svg_in.decode(PAGE.format(size=size, box="0 0 100 70.75")), paper=True)


@pytest.mark.parametrize("size", [' width="50%" height="20"', ' width="auto" height="auto"', ' width="0" height="0"'])
def test_a_size_that_is_no_length_is_left_out(size):
    assert '"http://www.w3.org/2000/svg" viewBox=' in svg_text(svg_in.decode(PAGE.format(size=size, box="0 0 100 70")))


def test_a_page_grows_only_where_the_drawing_leaves_it():
    """And its printed size with it, so that everything stays as large as it was."""
    text = svg_text(svg_in.decode(PAGE.format(size=' width="100mm" height="50mm"', box="0 0 60 60")))
    x, y, width, height = map(float, re.search(r'viewBox="([^"]+)"', text)[1].split())
    assert (x, y) == (0, 0)
    assert 80 < width < 82
    assert 70 < height < 72
    wide, high = (float(re.search(rf'{name}="([0-9.]+)mm"', text)[1]) for name in ("width", "height"))
    assert wide / 100 == pytest.approx(width / 60, rel=1e-3)
    assert high / 50 == pytest.approx(height / 60, rel=1e-3)


@pytest.mark.parametrize(("box", "grown"), [("30 0 100 100", "left"), ("0 40 100 100", "top")])
def test_a_page_grows_to_the_left_and_upwards_too(box, grown):
    text = svg_text(svg_in.decode(PAGE.format(size="", box=box)))
    x, y, width, height = map(float, re.search(r'viewBox="([^"]+)"', text)[1].split())
    left, top, right, bottom = map(float, box.split())
    assert (x + width, y + height) == pytest.approx((left + right, top + bottom))
    assert (x < left, y < top) == (grown == "left", grown == "top")
    assert 18 < x < 20 if grown == "left" else 28 < y < 30
