"""Read SVG drawings as sketches: one sub-path, one stroke.

Paths, lines, polylines, polygons, circles, ellipses and rectangles are read, in groups and nested pictures, with their
transforms. Texts, images, definitions and hidden elements are skipped. If anything in the picture has a stroke, shapes
that are only filled count as paper and are skipped too; otherwise the outlines of the fills are taken.

The document is read as a stream of elements, never as a tree. Entities are refused, and with them every file outside
and every expansion. So are ``<use>`` elements, which can multiply without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from codes.errors import BadFile
from codes.formats import svg_shapes
from codes.formats.files import MEGABYTE, bad_sketches_of, read_text
from codes.formats.svg_shapes import NotSvg, Size, Subpath
from codes.strokes.geometry import Bounds, bounds, unit_of_canvas
from codes.strokes.stroke3 import MAX_COORDINATE, MAX_POINTS, Floats, Page, Polylines, Sketch, sketch_from_polylines

MAX_FILE = 10 * MEGABYTE
MAX_ELEMENTS = 50_000
MAX_DEPTH = 200
FLATNESS = 0.05

LENGTH = re.compile(r"(?=[0-9.]*[1-9])[0-9]{0,9}(\.[0-9]{1,9})?(px|pt|pc|mm|cm|in|em|rem)?")
NAMESPACES = ("", "{http://www.w3.org/2000/svg}")
CONTAINERS = frozenset({"svg", "g", "a", "switch"})

_TOO_MANY = f"has too many points; at most {MAX_POINTS} are taken"
_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class _Context:
    """Hold what an element inherits.

    Attributes:
        matrix: ``[2, 3]``, from the element's coordinates to the picture's.
        viewport: width and height that percentages refer to.
        displayed: false inside ``display: none``, in definitions and in texts; children cannot undo it.
        visible: the ``visibility``, which children can undo.
        stroked: true if lines have a colour.
    """

    matrix: Floats
    viewport: Size
    displayed: bool = True
    visible: bool = True
    stroked: bool = False


@dataclass(frozen=True)
class _Shape:
    """Hold the lines of one element in the coordinates of the picture.

    ``continues`` is true if the pen did not lift before it (``data-joined``, see :mod:`codes.strokes.render`).
    """

    paths: list[Subpath]
    tag: str
    stroked: bool
    continues: bool

    def control_points(self) -> Floats:
        return np.vstack([curve for path in self.paths for curve in path])


def iterate(path: Path) -> Iterator[Sketch]:
    """Yield the one sketch of the picture, in its user units.

    Raises:
        BadFile: the file is no SVG, is unsafe or too large, or nothing is drawn in it.
    """
    text = read_text(path, MAX_FILE)
    with bad_sketches_of(path, "the picture"):
        try:
            sketch = decode(text)
        except NotSvg as error:
            raise BadFile(path, str(error)) from error
    yield sketch


def decode(text: str) -> Sketch:
    """Return the sketch in the text of a picture.

    Raises:
        NotSvg: the text is no SVG, is unsafe or too large, or nothing is drawn in it.
        BadSketch: there are too many points.
    """
    picture = _collect(text)
    strokes, unit = _strokes(picture)
    return sketch_from_polylines(strokes, unit=unit, drawn=True, page=_page(picture))


class _ShapeCollector:
    """Collect shapes while the parser walks through the document."""

    def __init__(self) -> None:
        self.shapes: list[_Shape] = []
        self.canvas: Bounds | None = None
        self.printed: tuple[str, str] | None = None
        self.open: list[_Context] = []
        self.elements = 0
        self.tokens = 0
        self.curves = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.elements += 1
        if self.elements > MAX_ELEMENTS or len(self.open) > MAX_DEPTH:
            raise NotSvg(f"has more than {MAX_ELEMENTS} elements, or more than {MAX_DEPTH} inside one another")
        tag = name.rpartition("}")[2] if name.startswith(NAMESPACES[1]) or "}" not in name else ""
        if self.open:
            self.open.append(self.enter(tag, attributes, self.open[-1]))
        elif tag == "svg":
            self.canvas, self.printed = _canvas(attributes), _printed(attributes)
            size = (self.canvas.width, self.canvas.height) if self.canvas else (100.0, 100.0)
            self.open.append(_inherited(attributes, _Context(_IDENTITY, size)))
        else:
            raise NotSvg("is XML, but no SVG")

    def end(self, name: str) -> None:
        self.open.pop()

    def enter(self, tag: str, attributes: Mapping[str, str], parent: _Context) -> _Context:
        if not parent.displayed or tag not in CONTAINERS | svg_shapes.SHAPES | {"use"}:
            return replace(parent, displayed=False)
        context = _inherited(attributes, parent)
        if tag == "svg":
            return _nested(attributes, context)
        if context.displayed and context.visible:
            self.draw(tag, attributes, context)
        return context

    def draw(self, tag: str, attributes: Mapping[str, str], context: _Context) -> None:
        if tag == "use":
            raise NotSvg("has a <use> element, which is not read; turn it into paths first")
        if tag not in svg_shapes.SHAPES:
            return
        self.tokens += svg_shapes.token_count(attributes.get("d", "") + attributes.get("points", ""))
        if self.tokens > svg_shapes.MAX_TOKENS:
            raise NotSvg(_TOO_MANY)
        paths = [_transformed(path, context) for path in svg_shapes.subpaths(tag, attributes, context.viewport)]
        self.curves += sum(len(path) for path in paths)
        if self.curves > MAX_POINTS:
            raise NotSvg(_TOO_MANY)
        if paths:
            continues = attributes.get("data-joined") == "true"
            self.shapes.append(_Shape(paths, tag, context.stroked, continues))


def _collect(text: str) -> _ShapeCollector:
    if "<!ENTITY" in text:
        raise NotSvg("defines XML entities, which are not read")
    picture = _ShapeCollector()
    parser = ElementTree.XMLParser(target=picture)
    try:
        parser.feed(text)
        parser.close()
    except ElementTree.ParseError as error:
        raise NotSvg(f"is no SVG ({error})") from error
    return picture


def _inherited(attributes: Mapping[str, str], parent: _Context) -> _Context:
    given = _properties(attributes)
    context = parent
    if "transform" in attributes:
        matrix = svg_shapes.compose(parent.matrix, svg_shapes.parse_transform(attributes["transform"]))
        context = replace(context, matrix=matrix)
    if given.get("display") == "none":
        context = replace(context, displayed=False)
    if given.get("visibility", "inherit") != "inherit":
        context = replace(context, visible=given["visibility"] == "visible")
    if given.get("stroke", "inherit") != "inherit":
        context = replace(context, stroked=given["stroke"] not in ("none", "transparent"))
    return context


def _properties(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that matter here; ``style`` wins over attributes, as in CSS."""
    given = {name: attributes[name].strip() for name in ("display", "visibility", "stroke") if name in attributes}
    for declaration in attributes.get("style", "").split(";"):
        name, _, value = declaration.partition(":")
        if name.strip() in ("display", "visibility", "stroke"):
            given[name.strip()] = value.partition("!")[0].strip()
    return given


def _canvas(attributes: Mapping[str, str]) -> Bounds | None:
    """Return the area that the picture shows, in user units, if the file says so."""
    box = _view_box(attributes)
    if box:
        return box
    sizes = [attributes.get(name, "") for name in ("width", "height")]
    if not all(sizes) or any("%" in size or size == "auto" for size in sizes):
        return None
    width, height = (svg_shapes.parse_length(size, 0.0) for size in sizes)
    return Bounds(0.0, 0.0, width, height) if width > 0 and height > 0 else None


def _printed(attributes: Mapping[str, str]) -> tuple[str, str] | None:
    """Return width and height as the file says them, if both are plain lengths."""
    width, height = (attributes.get(name, "").strip() for name in ("width", "height"))
    return (width, height) if LENGTH.fullmatch(width) and LENGTH.fullmatch(height) else None


def _page(picture: _ShapeCollector) -> Page | None:
    canvas = picture.canvas
    return Page(canvas.left, canvas.top, canvas.width, canvas.height, picture.printed) if canvas else None


def _view_box(attributes: Mapping[str, str]) -> Bounds | None:
    words = attributes.get("viewBox", "")[:400].replace(",", " ").split()
    if len(words) != 4:
        return None
    x, y, width, height = (svg_shapes.parse_length(word, 0.0) for word in words)
    sound = 0 < width <= MAX_COORDINATE and 0 < height <= MAX_COORDINATE
    return Bounds(x, y, x + width, y + height) if sound else None


def _nested(attributes: Mapping[str, str], context: _Context) -> _Context:
    """Return the context inside a nested ``<svg>``, which has a place, a size and coordinates of its own."""
    width, height = context.viewport
    x, y = (svg_shapes.parse_length(attributes.get(name, "0"), side) for name, side in (("x", width), ("y", height)))
    width, height = (
        svg_shapes.parse_length(attributes.get(name, "100%"), side)
        for name, side in (("width", width), ("height", height))
    )
    box = _view_box(attributes) or Bounds(0.0, 0.0, width, height)
    if min(width, height, box.width, box.height) <= 0:
        return replace(context, displayed=False)
    inner = _viewport_matrix(box, Bounds(x, y, x + width, y + height), attributes.get("preserveAspectRatio", ""))
    return replace(context, matrix=svg_shapes.compose(context.matrix, inner), viewport=(box.width, box.height))


def _viewport_matrix(box: Bounds, place: Bounds, aspect: str) -> Floats:
    """Return the matrix that puts ``box`` in the middle of ``place``, as large as it fits."""
    scale = np.array([place.width / box.width, place.height / box.height])
    if not aspect.startswith("none"):
        scale = np.repeat(scale.min(), 2)
    middle = np.array([place.left + place.right, place.top + place.bottom]) / 2
    own_middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
    return np.column_stack([np.diag(scale), middle - scale * own_middle])


def _transformed(path: Subpath, context: _Context) -> Subpath:
    with np.errstate(all="ignore"):
        transformed = [svg_shapes.apply_matrix(context.matrix, curve) for curve in path]
        sound = all((np.abs(curve) <= MAX_COORDINATE).all() for curve in transformed)
    if not sound:
        raise NotSvg(f"has a coordinate that is no number or larger than {MAX_COORDINATE:g}")
    return transformed


def _strokes(picture: _ShapeCollector) -> tuple[Polylines, float]:
    """Return the strokes in drawing order, and how many user units make one Quick, Draw! pixel."""
    shapes = _drawn_shapes(picture)
    if not shapes:
        raise NotSvg("there is nothing drawn in it")
    coarse = bounds([shape.control_points() for shape in shapes]).longest / 1000 or 1.0
    canvas = (picture.canvas.width, picture.canvas.height) if picture.canvas else None
    unit = unit_of_canvas(bounds(_flatten(shapes, coarse)), canvas)
    return _flatten(shapes, FLATNESS * unit), unit


def _drawn_shapes(picture: _ShapeCollector) -> list[_Shape]:
    """Return the shapes that are drawn, without the paper that they are drawn on."""
    stroked = [shape for shape in picture.shapes if shape.stroked]
    return stroked or [shape for shape in picture.shapes if not _covers_canvas(shape, picture.canvas)]


def _covers_canvas(shape: _Shape, canvas: Bounds | None) -> bool:
    if shape.tag != "rect" or canvas is None:
        return False
    box = bounds([shape.control_points()])
    reaches = box.left <= canvas.left and box.top <= canvas.top
    return reaches and box.right >= canvas.right and box.bottom >= canvas.bottom


def _flatten(shapes: list[_Shape], tolerance: float) -> Polylines:
    lines: Polylines = []
    points = 0
    for shape in shapes:
        for index, path in enumerate(shape.paths):
            line = _stroke(path, tolerance)
            points += len(line)
            if points > 2 * MAX_POINTS:
                raise NotSvg(_TOO_MANY)
            if index == 0 and shape.continues and lines and np.array_equal(lines[-1][-1], line[0]):
                lines[-1] = np.vstack([lines[-1], line[1:]])
            else:
                lines.append(line)
    return lines


def _stroke(path: Subpath, tolerance: float) -> Floats:
    line = svg_shapes.flatten(path, tolerance)
    # A path without length is how SVG draws a dot.
    return line[:1] if (line == line[0]).all() else line
