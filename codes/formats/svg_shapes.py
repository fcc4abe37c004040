"""Turn SVG's shapes into Bezier curves, and curves into polylines.

This module knows the attributes of single elements: paths, lines, circles, transforms, lengths. It knows no documents
and no files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from codes.strokes.stroke3 import MAX_POINTS, Floats

Curve = Floats
"""Control points, ``[2, 2]`` for a line, ``[3, 2]`` and ``[4, 2]`` for curves; ``[1, 2]`` for a dot."""
Subpath = list[Curve]
Size = tuple[float, float]

SHAPES = frozenset({"path", "line", "polyline", "polygon", "circle", "ellipse", "rect"})

# A cubic curve has a letter and six numbers, so no drawing of MAX_POINTS points needs more.
MAX_TOKENS = 8 * MAX_POINTS
MAX_TRANSFORM = 10_000
MAX_LENGTH_TEXT = 60

_TOKEN = re.compile(r"[A-Za-z]|\d*\.?\d+")
_LENGTH = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*([a-z]{2}|%)?\s*")
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
_TRANSFORM = re.compile(r"[\s,]*(?:(?:matrix|translate|scale|rotate|skewX|skewY)\s*\([\s,\d.eE+-]+\)[\s,]*)*")
_SHAPE_LENGTHS = {
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "rect": ("x", "y", "width", "height", "rx", "ry"),
    "line": ("x1", "y1", "x2", "y2"),
}

_EXTENTS = {"circle": ("r",), "ellipse": ("rx", "ry"), "rect": ("width", "height")}


class NotSvg(ValueError):
    """Report an attribute or a document that is no valid SVG, or too large."""


def subpaths(tag: str, attributes: Mapping[str, str], viewport: Size) -> list[Subpath]:
    """Return the lines of one element in its own coordinates; each starts where the pen is put down.

    Raises:
        NotSvg: the element cannot be understood.
    """
    segments = _parse_or_refuse(
        f"the <{tag}> cannot be understood", lambda: list(_curves(_path(tag, attributes, viewport)))
    )
    return _split_at_lifts(segments)


def token_count(text: str) -> int:
    """Count letters and numbers, on which the cost of reading a path depends."""
    return sum(1 for _ in _TOKEN.finditer(text))


def parse_transform(transform: str) -> Floats:
    """Return the ``[2, 3]`` matrix of a ``transform`` attribute.

    Raises:
        NotSvg: it cannot be understood.
    """
    from svgelements import Matrix

    if len(transform) > MAX_TRANSFORM:
        raise NotSvg("a transform is absurdly long")
    # svgelements skips what it does not know, and would draw things in the wrong place.
    if not _TRANSFORM.fullmatch(transform):
        raise NotSvg(f"the transform {transform[:40]!r} cannot be understood")

    def parse() -> Floats:
        m = Matrix(transform)
        m.render(ppi=96.0)
        return np.array([[m.a, m.c, m.e], [m.b, m.d, m.f]], dtype=np.float64)

    matrix: Floats = _parse_or_refuse("a transform cannot be understood", parse)
    return matrix


def apply_matrix(matrix: Floats, curve: Curve) -> Curve:
    """Return the control points transformed by a ``[2, 3]`` matrix."""
    transformed: Floats = curve @ matrix[:, :2].T + matrix[:, 2]
    return transformed


def compose(outer: Floats, inner: Floats) -> Floats:
    """Return the matrix that applies ``inner`` first, then ``outer``."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def flatten(subpath: Subpath, tolerance: float) -> Floats:
    """Return the curves as one polyline that stays within ``tolerance`` of them."""
    return np.vstack([subpath[0][:1], *(_flatten_curve(curve, tolerance) for curve in subpath)])


def parse_length(text: str, whole: float) -> float:
    """Return a length such as ``12``, ``3mm`` or ``50%`` (of ``whole``) in user units.

    Raises:
        NotSvg: the text is no length.
    """
    match = _LENGTH.fullmatch(text) if len(text) <= MAX_LENGTH_TEXT else None
    unit = (match[2] or "") if match else "?"
    if match is None or (unit != "%" and unit not in _UNITS):
        raise NotSvg(f"{text[:40]!r} is no length")
    return float(match[1]) * (whole / 100 if unit == "%" else _UNITS[unit])


def _parse_or_refuse(complaint: str, parse: Callable[[], Any]) -> Any:
    # For malformed attributes svgelements raises what its arithmetic happens to raise.
    try:
        with np.errstate(all="ignore"):
            return parse()
    except NotSvg:
        raise
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, ArithmeticError) as error:
        raise NotSvg(complaint) from error


def _path(tag: str, attributes: Mapping[str, str], viewport: Size) -> Any:
    import svgelements

    if tag == "path":
        return svgelements.Path(attributes.get("d", ""))
    if tag in ("polyline", "polygon"):
        kind = svgelements.Polyline if tag == "polyline" else svgelements.Polygon
        return svgelements.Path(kind(attributes.get("points", "")))
    lengths = _lengths(tag, attributes, viewport)
    if tag == "line":
        x1, y1, x2, y2 = lengths.values()
        return [svgelements.Move(end=(x1, y1)), svgelements.Line((x1, y1), (x2, y2))]
    if min(lengths[name] for name in _EXTENTS[tag]) <= 0:
        return []
    kind = {"circle": svgelements.Circle, "ellipse": svgelements.Ellipse, "rect": svgelements.Rect}[tag]
    return svgelements.Path(kind(**lengths))


def _lengths(tag: str, attributes: Mapping[str, str], viewport: Size) -> dict[str, float]:
    given = {name: attributes.get(name, "auto").replace("auto", "0") for name in _SHAPE_LENGTHS[tag]}
    lengths = {name: parse_length(text, _percent_base(name, viewport)) for name, text in given.items()}
    # A radius given in one direction only is meant for both.
    for name, other in (("rx", "ry"), ("ry", "rx")):
        if name in lengths:
            lengths[name] = lengths[name] or lengths[other]
    return lengths


def _percent_base(name: str, viewport: Size) -> float:
    """Return the length that a percentage of this attribute refers to."""
    if name in ("r", "rx", "ry"):
        return math.hypot(*viewport) / math.sqrt(2)
    return viewport[0] if name in ("x", "cx", "x1", "x2", "width") else viewport[1]


def _curves(path: Any) -> Iterator[Curve | None]:
    """Yield the control points of each segment, and None where the pen lifts."""
    import svgelements

    for segment in path:
        if isinstance(segment, svgelements.Move):
            yield None
        elif isinstance(segment, svgelements.Arc):
            # An arc without a radius is a straight line.
            cubics = list(segment.as_cubic_curves()) or [svgelements.Line(segment.start, segment.end)]
            yield from (_control_points(cubic) for cubic in cubics)
        else:
            yield _control_points(segment)
            if isinstance(segment, svgelements.Close):
                yield None


def _control_points(segment: Any) -> Curve:
    names = ("start", "control", "control1", "control2", "end")
    points = [getattr(segment, name) for name in names if hasattr(segment, name)]
    return np.array([[point.x, point.y] for point in points], dtype=np.float64)


def _split_at_lifts(segments: list[Curve | None]) -> list[Subpath]:
    paths: list[Subpath] = [[]]
    for segment in segments:
        if segment is None:
            paths.append([])
        else:
            paths[-1].append(segment)
    return [path for path in paths if path]


def _flatten_curve(curve: Curve, tolerance: float) -> Floats:
    """Return points along the curve without its start."""
    if len(curve) <= 2:
        return curve[1:]
    degree = len(curve) - 1
    # A chord strays from its curve by at most an eighth of the second derivative times its step squared.
    bend = degree * (degree - 1) * float(np.hypot(*np.diff(curve, n=2, axis=0).T).max())
    steps = max(1, math.ceil(math.sqrt(bend / (8 * tolerance))))
    t = np.arange(1, steps + 1)[:, None] / steps
    weights = [math.comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(degree + 1)]
    points: Floats = np.hstack(weights) @ curve
    points[-1] = curve[-1]
    return points
