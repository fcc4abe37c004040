"""SVG drawings are read as strokes, and hostile ones are refused."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codes.errors import BadFile
from codes.formats import registry, svg_in
from codes.strokes.geometry import bounds
from codes.strokes.stroke3 import Sketch
from tests.support.drawings import HOUSE, assert_same_strokes, house

BOX = 'viewBox="0 0 100 100"'


def read(path: Path, body: str, attributes: str = BOX) -> Sketch:
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>', encoding="utf-8")
    (sketch,) = svg_in.iterate(path)
    return sketch


def strokes(path: Path, body: str, attributes: str = BOX) -> list[list[list[float]]]:
    return [np.round(line, 6).tolist() for line in read(path, body, attributes).polylines()]


STRAIGHT = {
    "path": ('<path d="M10 20L30 40 50 20"/>', [[[10, 20], [30, 40], [50, 20]]]),
    "relative": ('<path d="m10,20l20,20,20-20"/>', [[[10, 20], [30, 40], [50, 20]]]),
    "horizontal": ('<path d="M10 20H30v5h-20V20"/>', [[[10, 20], [30, 20], [30, 25], [10, 25], [10, 20]]]),
    "sub-paths": ('<path d="M0 0L9 0M5 5l4 4"/>', [[[0, 0], [9, 0]], [[5, 5], [9, 9]]]),
    "closed": ('<path d="M0 0L9 0 9 9z"/>', [[[0, 0], [9, 0], [9, 9], [0, 0]]]),
    "after-closing": ('<path d="M0 0L9 0z l4 4"/>', [[[0, 0], [9, 0], [0, 0]], [[0, 0], [4, 4]]]),
    "line": ('<line x1="1" y1="2" x2="30" y2="40"/>', [[[1, 2], [30, 40]]]),
    "polyline": ('<polyline points="1,2 30,40 5,6"/>', [[[1, 2], [30, 40], [5, 6]]]),
    "polygon": ('<polygon points="1,2 30,40 5,6"/>', [[[1, 2], [30, 40], [5, 6], [1, 2]]]),
    "rect": ('<rect x="1" y="2" width="30" height="4"/>', [[[1, 2], [31, 2], [31, 6], [1, 6], [1, 2]]]),
    "arc-without-radius": ('<path d="M0 0A0 5 0 0 0 30 40"/>', [[[0, 0], [30, 40]]]),
    "dot": ('<path d="M30 40L30 40"/>', [[[30, 40]]]),
    "group": ('<g transform="translate(5 6)"><path d="M0 0L9 0"/></g>', [[[5, 6], [14, 6]]]),
    "groups": (
        '<g transform="translate(5,6)"><g transform="scale(2)"><path transform="rotate(90)" d="M0 0L9 0"/></g></g>',
        [[[5, 6], [5, 24]]],
    ),
    "matrix": ('<path transform="matrix(1 2 3 4 5 6)" d="M0 0L1 0 0 1"/>', [[[5, 6], [6, 8], [8, 10]]]),
    "nested": (
        '<svg x="10" y="10" width="50" height="50" viewBox="0 0 10 20"><path d="M0 0L10 20"/></svg>',
        [[[22.5, 10], [47.5, 60]]],
    ),
    "stretched": (
        '<svg width="50" height="50" viewBox="0 0 10 20" preserveAspectRatio="none"><path d="M0 0L10 20"/></svg>',
        [[[0, 0], [50, 50]]],
    ),
    "percentages": ('<line x1="10%" y1="20%" x2="50%" y2="100%"/>', [[[10, 20], [50, 100]]]),
    "millimetres": ('<line x2="25.4mm" y2="0.5in"/>', [[[0, 0], [96, 48]]]),
    "order": ('<path d="M9 9L1 1"/><line x2="5"/>', [[[9, 9], [1, 1]], [[0, 0], [5, 0]]]),
    "link": ('<a href="x"><line x2="50"/></a>', [[[0, 0], [50, 0]]]),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), STRAIGHT.values(), ids=STRAIGHT.keys())
def test_straight_shapes_give_their_corners(tmp_path: Path, body: str, expected: list[list[list[float]]]) -> None:
    assert strokes(tmp_path / "a.svg", body) == expected


LINE = '<line x2="50" stroke="black"/>'
SKIPPED = {
    "text": "<text>hello <tspan>you</tspan></text>",
    "image": '<image href="file:///etc/passwd" width="9" height="9"/>',
    "definitions": '<defs><path d="M0 0L9 9"/></defs>',
    "clip": '<clipPath id="c"><path d="M0 0L9 9"/></clipPath>',
    "symbol": "<symbol><circle r='5'/></symbol>",
    "style": "<style>path { stroke: red }</style>",
    "script": "<script>alert('<path/>')</script>".replace("<path/>", ""),
    "not-displayed": '<g display="none"><path d="M0 0L9 9"/><g display="inline"><path d="M0 0L9 9"/></g></g>',
    "not-displayed-by-style": '<path style="stroke:red; display : none" d="M0 0L9 9"/>',
    "invisible": '<g visibility="hidden"><path d="M0 0L9 9" stroke="red"/></g>',
    "other-namespace": '<x:path xmlns:x="http://example.org" d="M0 0L9 9"/>',
    "paper": '<rect width="100" height="100" fill="white"/>',
    "fill-beside-strokes": '<circle cx="50" cy="50" r="9" fill="red" stroke="none"/>',
    "lone-move": '<path stroke="red" d="M5 5"/>',
    "empty-path": '<path stroke="red" d=""/>',
    "no-radius": '<circle stroke="red"/>',
    "comment": "<!-- <path d='M0 0L9 9'/> -->",
}


@pytest.mark.parametrize("other", SKIPPED.values(), ids=SKIPPED.keys())
def test_what_is_not_drawn_is_skipped(tmp_path: Path, other: str) -> None:
    assert strokes(tmp_path / "a.svg", other + LINE + other) == [[[0, 0], [50, 0]]]


def test_a_visible_part_of_an_invisible_group_is_read(tmp_path: Path) -> None:
    body = '<g visibility="hidden"><path visibility="visible" d="M0 0L9 9"/></g>'
    assert strokes(tmp_path / "a.svg", body) == [[[0, 0], [9, 9]]]


def test_fills_are_read_where_nothing_has_a_stroke_but_not_the_paper(tmp_path: Path) -> None:
    body = '<rect width="100%" height="100%" fill="white"/><path fill="black" d="M0 0L50 0"/>'
    assert strokes(tmp_path / "a.svg", body) == [[[0, 0], [50, 0]]]


def test_a_circle_is_round_and_closed(tmp_path: Path) -> None:
    sketch = read(tmp_path / "a.svg", '<circle cx="50" cy="40" r="30"/>')
    (line,) = sketch.polylines()
    middles = (line[1:] + line[:-1]) / 2
    radii = np.hypot(*(np.vstack([line, middles]) - [50, 40]).T)
    assert np.abs(radii - 30).max() < 0.1 * sketch.unit
    np.testing.assert_allclose(line[0], line[-1], atol=1e-9)


def test_rounded_corners_need_only_one_radius(tmp_path: Path) -> None:
    shape = '<rect width="50" height="50" {}/>'
    both, one, none = (strokes(tmp_path / "a.svg", shape.format(r)) for r in ('rx="9" ry="9"', 'ry="9"', 'rx="auto"'))
    assert both == one
    assert none == [[[0, 0], [50, 0], [50, 50], [0, 50], [0, 0]]]


def test_ellipses_and_arcs_agree(tmp_path: Path) -> None:
    (ellipse,) = read(tmp_path / "a.svg", '<ellipse cx="50" cy="50" rx="40" ry="20"/>').polylines()
    (arcs,) = read(tmp_path / "a.svg", '<path d="M90 50A40 20 0 0 1 10 50 40 20 0 0 1 90 50"/>').polylines()
    for line in (ellipse, arcs):
        inside = ((line - 50) / [40, 20]) ** 2
        np.testing.assert_allclose(inside.sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("kind", ["C 0 {0} {0} {0} {0} 0", "Q 0 {0} {0} {0}", "C {0} {0} 0 {0} {0} 0"])
def test_curves_stray_less_than_a_tenth_of_a_pixel(tmp_path: Path, size: float, kind: str) -> None:
    """Compare with the curve's own formula, at a thousand places."""
    data = kind.format(size * 100)
    sketch = read(tmp_path / "a.svg", f'<path d="M0 0{data}"/>', f'viewBox="0 0 {size * 100} {size * 100}"')
    (line,) = sketch.polylines()
    controls = np.array([0.0, 0.0, *map(float, data[1:].split())]).reshape(-1, 2)
    t = np.linspace(0, 1, 1001)[:, None]
    while len(controls) > 1:
        controls = [a + (b - a) * t for a, b in pairwise(controls)]
    assert max(_distance(point, line) for point in controls[0]) < 0.1 * sketch.unit


def _distance(point: np.ndarray, line: np.ndarray) -> float:
    start, along = line[:-1], np.diff(line, axis=0)
    share = np.clip(((point - start) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)[:, None]
    return float(np.hypot(*(point - start - share * along).T).min())


@pytest.mark.parametrize(
    ("attributes", "body", "unit"),
    [
        ('viewBox="0 0 560 420"', '<line x2="300"/>', 2.0),
        ('viewBox="-50,-50,560,420" width="10"', '<line x2="300"/>', 2.0),
        ('width="280" height="140"', '<line x2="100"/>', 1.0),
        ('width="10in" height="100pt"', '<line x2="500"/>', 960 / 280),
        ('width="100%" height="100%"', '<line x2="100"/>', 0.5),
        ("", '<line x2="100"/>', 0.5),
        ('viewBox="0 0 560 420"', '<line x2="50"/>', 0.25),
        ('viewBox="0 0 560 420"', '<line x2="600"/>', 3.0),
        ('viewBox="0 0 0 0"', '<line x2="100"/>', 0.5),
        (BOX, '<path d="M5 5h0"/>', 100 / 280),
    ],
)
def test_the_canvas_sets_the_unit(tmp_path: Path, attributes: str, body: str, unit: float) -> None:
    sketch = read(tmp_path / "a.svg", body, attributes)
    assert sketch.unit == pytest.approx(unit)
    assert sketch.drawn


@pytest.mark.parametrize("name", ["a.svg", "a.anim.svg"])
@pytest.mark.parametrize("unit", [1.0, 0.004, 30.0])
def test_our_own_pictures_give_the_same_strokes_back(tmp_path: Path, name: str, unit: float) -> None:
    lines = [line * unit for line in HOUSE]
    sketch = replace(house(unit=unit), points=house().points * [unit, unit, 1], origin=tuple(HOUSE[0][0] * unit))
    registry.write(tmp_path / name, sketch)
    assert_same_strokes(registry.read(tmp_path / name).polylines(), lines, atol=0.02 * unit)


@pytest.mark.parametrize("name", ["a.svg", "a.anim.svg"])
@pytest.mark.parametrize("rows", [0, 1, 5, 7, 9, 12])
def test_a_completion_in_two_colours_gives_the_same_strokes_back(tmp_path: Path, name: str, rows: int) -> None:
    """The stroke in which the continuation takes over is two paths, and still one stroke to our reader."""
    registry.write(tmp_path / name, replace(house(), prefix_rows=rows))
    assert_same_strokes(registry.read(tmp_path / name).polylines(), HOUSE, atol=0.02)


def test_the_nine_example_sketches_read_as_half_a_quickdraw_sketch() -> None:
    paths = sorted((Path(__file__).parents[2] / "examples" / "sketches").glob("*.svg"))
    assert len(paths) == 9
    for path in paths:
        (sketch,) = svg_in.iterate(path)
        assert 1 <= len(sketch.polylines()) <= 12, path.stem
        assert sketch.unit == 1.0, path.stem
        assert 100 < bounds(sketch.polylines()).longest <= 255, path.stem


def test_a_sheet_of_our_own_holds_the_strokes_and_not_the_paper(tmp_path: Path) -> None:
    registry.write(tmp_path / "a.svg", [house(), house(), house()])
    assert len(registry.read(tmp_path / "a.svg").polylines()) == 3 * len(HOUSE)


def test_a_document_type_without_entities_is_harmless(tmp_path: Path) -> None:
    kind = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    (tmp_path / "a.svg").write_text(f'\ufeff<?xml version="1.0" encoding="UTF-8"?>{kind}<svg><line x2="5"/></svg>')
    (sketch,) = svg_in.iterate(tmp_path / "a.svg")
    assert sketch.points.tolist() == [[5, 0, 1]]


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
NOT_SVG = {
    "billion-laughs": (f'<!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]><svg>&l12;</svg>', "defines XML entities"),
    "outside": ('<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>', "defines XML entities"),
    "undefined-entity": ("<svg>&x;</svg>", "is no SVG"),
    "html": ("<html><body/></html>", "is XML, but no SVG"),
    "words": ("hello", "is no SVG"),
    "unclosed": ("<svg><g></svg>", "is no SVG"),
    "nothing": ("<svg/>", "nothing drawn"),
    "only-text": ("<svg><text>hello</text></svg>", "nothing drawn"),
    "use": ('<svg><g id="a"><line x2="5"/></g><use href="#a"/></svg>', "<use> element"),
    "deep": ("<svg>" + "<g>" * 100_000, "inside one another"),
    "elements": ("<svg>" + "<g/>" * 60_000 + "</svg>", "more than 50000 elements"),
    "points": ('<svg><polyline points="' + "1,2 3,4 " * 50_000 + '"/></svg>', "too many points"),
    "commands": ('<svg><path d="M0 0' + "h1" * 200_000 + '"/></svg>', "too many points"),
    "circles": ("<svg>" + '<circle r="5"/>' * 40_000 + "</svg>", "too many points"),
    "nan": ('<svg><path d="M0 0L nan 5"/></svg>', "cannot be understood|no number"),
    "1e999": ('<svg><path d="M0 0L 1e999 5"/></svg>', "no number or larger"),
    "large": ('<svg><path d="M0 0L 1e9 5"/></svg>', "no number or larger"),
    "large-by-transform": ('<svg><line x2="5" transform="scale(1e300)"/></svg>', "no number or larger"),
    "half-a-curve": ('<svg><path d="M0 0C 1 2 3"/></svg>', "cannot be understood"),
    "words-in-a-path": ('<svg><path d="hello"/></svg>', "cannot be understood"),
    "words-in-a-length": ('<svg><circle r="wide"/></svg>', "is no length"),
    "no-unit": ('<svg><circle r="5em"/></svg>', "is no length"),
    "long-length": (f'<svg><circle r="{"1" * 100_000}x"/></svg>', "is no length"),
    "turned-by-degrees": ('<svg><line x2="5" transform="rotate(45deg)"/></svg>', "transform 'rotate"),
    "transform": ('<svg><line x2="5" transform="translate(3qq, 4zz)"/></svg>', "transform"),
    "long-transform": (f'<svg><line x2="5" transform="{"scale(1)" * 9999}"/></svg>', "absurdly long"),
    "view-box": ('<svg viewBox="a b c d"><line x2="5"/></svg>', "is no length"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), NOT_SVG.values(), ids=NOT_SVG.keys())
def test_invalid_and_hostile_files_are_refused_in_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.svg").write_text(text, encoding="utf-8")
    start = time.perf_counter()
    with pytest.raises(BadFile, match=rf"a\.svg: .*({reason})") as refused:
        list(svg_in.iterate(tmp_path / "a.svg"))
    assert len(refused.value.reason) < 200
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp037"])
def test_encodings_that_could_hide_entities_are_refused(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE svg [<!ENTITY x "y">]><svg><line x2="5"/></svg>'
    (tmp_path / "a.svg").write_text(text, encoding=encoding)
    with pytest.raises(BadFile):
        list(svg_in.iterate(tmp_path / "a.svg"))


def test_the_encoding_a_file_claims_does_not_change_what_is_checked(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-ENTITY<svg><line x2="5"/></svg>'
    (tmp_path / "a.svg").write_text(text)
    with pytest.raises(BadFile, match="is no SVG"):
        list(svg_in.iterate(tmp_path / "a.svg"))


letters = st.text("MmLlHhVvCcSsQqTtAaZz0123456789.,-+e ", max_size=60)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=letters, transform=st.text("matrixscaleskewX(0123456789.,-) ", max_size=30))
def test_any_path_is_read_or_refused(tmp_path: Path, data: str, transform: str) -> None:
    try:
        read(tmp_path / "a.svg", f'<path d="{data}" transform="{transform}"/>')
    except BadFile as error:
        assert error.reason
