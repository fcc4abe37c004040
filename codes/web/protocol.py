"""What clients say, made into typed values once, at the door; and what they are told.

Knows JSON, sketches and limits; knows no sockets and no models. Everything here may be called from any thread.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from codes.errors import BadOption, BadSketch, SketchError
from codes.formats import strict_json
from codes.formats.polyline_json import sketch_from_record
from codes.formats.strict_json import NotJson
from codes.inference.options import Completion, SamplingOptions, route_record
from codes.inference.requests import OUR_MISTAKE, Classified, Completed, Event, PointsDrawn, Refused, Started
from codes.sketch.geometry import simplify_drawn
from codes.sketch.stroke3 import Sketch
from codes.web.limits import Limits, check_limit

LOG = logging.getLogger(__name__)
LARGEST_ID = 2**53 - 1  # what a browser counts exactly
DIGITS = 6  # of a number that is sent; a canvas has a thousand units
ASK = frozenset({"type", "id", "sketch", "draw"})
NOT_HERE = "candidates"  # what is shown as it is drawn cannot be chosen afterwards
OPTIONS = {each.name: each.default for each in fields(SamplingOptions) if each.name != NOT_HERE}
LIVE_OPTIONS = OPTIONS.keys() - {"variations", "latent"}


@dataclass(frozen=True)
class Ask:
    """A question from a canvas.

    Attributes:
        id: the client's own number.
        sketch: simplified.
        options: how to finish it; None to have it classified and no more.
    """

    id: int
    sketch: Sketch
    options: SamplingOptions | None


@dataclass(frozen=True)
class Stop:
    """Draw no more."""


@dataclass(frozen=True)
class InvalidMessage:
    """A message that cannot be answered.

    Attributes:
        id: of the ask, where that much was understood.
        error: why, and which limit it hit, if any (an :class:`codes.errors.OverLimit`).
    """

    id: int | None
    error: SketchError


def parse_message(text: str, limits: Limits) -> Ask | Stop | InvalidMessage:
    """What a message of a socket says."""
    number = None
    try:
        record = record_in(text, limits)
        if record.get("type") == "stop":
            return Stop()
        if record.get("type") != "ask":
            raise BadOption('the "type" of a message is "ask" or "stop"')
        number = _id(record)
        return Ask(number, simplified(sketch_in(record, limits), limits), _live_options(record, limits))
    except SketchError as error:
        return InvalidMessage(number, error)
    except Exception:
        LOG.exception("a message could not be read")
        return InvalidMessage(number, SketchError(OUR_MISTAKE))


def record_in(text: str | bytes, limits: Limits) -> dict[str, Any]:
    """The JSON object in a text.

    Raises:
        OverLimit: the text is too long.
        BadOption: it is no JSON object.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    check_limit("message_bytes", limits.message_bytes, size, "bytes in a message")
    try:
        record = strict_json.parse(text)
    except NotJson as error:
        raise BadOption(f"the message cannot be read: {error}") from error
    if not isinstance(record, dict):
        raise BadOption("a message is one JSON object")
    return record


def sketch_in(record: Mapping[str, Any], limits: Limits) -> Sketch:
    """The sketch of a message, as drawn.

    Raises:
        BadSketch: it is none.
        OverLimit: it has too many strokes or points.
    """
    value = record.get("sketch")
    strokes = value.get("strokes") if isinstance(value, dict) else None
    if isinstance(strokes, list):
        points = sum(len(stroke) for stroke in strokes if isinstance(stroke, list))
        check_limit("strokes", limits.strokes, len(strokes), "strokes in a sketch")
        check_limit("points", limits.points, points, "points in a sketch")
    try:
        return sketch_from_record(value)
    except NotJson as error:
        raise BadSketch(f'the "sketch" cannot be read: {error}') from error


def simplified(sketch: Sketch, limits: Limits) -> Sketch:
    """The sketch as a model sees it, in its own units.

    Raises:
        OverLimit: there is too much in it.
    """
    fewer = simplify_drawn(sketch)
    check_limit("rows", limits.rows, len(fewer), "corners in a sketch, simplified")
    return fewer


def options_in(record: Any, limits: Limits) -> SamplingOptions:
    """How a sketch is to be finished, in the names of :class:`SamplingOptions`.

    Raises:
        BadOption: an unknown name, a wrong type, or a value out of range.
        OverLimit: more is asked for than this server draws.
    """
    if not isinstance(record, dict):
        raise BadOption("the options are an object")
    odd = sorted(record.keys() - OPTIONS.keys())
    if odd:
        raise BadOption(f"no option {odd[0][:40]!r}; there are {', '.join(OPTIONS)}")
    for name, value in record.items():
        if not _fits(value, OPTIONS[name]):
            raise BadOption(f"{name} is {strict_json.shown(value)}, which is not of its kind")
    options = SamplingOptions(**record, candidates=1)
    check_limit("variations", limits.variations, options.variations, "variations")
    check_limit("top", limits.top, options.top, "categories drawn (top)")
    check_limit("max_points", limits.max_points, options.max_points, "points added (max_points)")
    return options


def message_of(number: int, event: Event) -> dict[str, Any]:
    """What a socket is told of an event."""
    match event:
        case Classified(route):
            said: dict[str, Any] = {"type": "route", "id": number, **route_record(route)}
        case Started(categories):
            said = {"type": "drawing", "id": number, "categories": list(categories)}
        case PointsDrawn(rows):
            said = {"type": "ink", "id": number, "rows": [_row(*row) for row in rows]}
        case Completed(completions):
            drawings = [_drawing(variation, each) for variation, each in enumerate(completions)]
            said = {"type": "done", "id": number, "drawings": drawings}
        case Refused(error):
            said = refusal(number, error)
        case _:
            said = {"type": "stopped", "id": number}
    return said


def refusal(number: int | None, error: SketchError) -> dict[str, Any]:
    """What a client is told whose message is not answered."""
    return {"type": "refused", "id": number, "error": str(error)}


def _drawing(variation: int, completion: Completion) -> dict[str, Any]:
    return {
        "variation": variation,
        "category": completion.category,
        "ended": completion.ended,
        "log_likelihood": completion.log_likelihood,
    }


def _row(variation: int, dx: float, dy: float, lift: bool, end: bool) -> list[float]:
    return [variation, float(f"{dx:.{DIGITS}g}"), float(f"{dy:.{DIGITS}g}"), int(lift), int(end)]


def _id(record: Mapping[str, Any]) -> int:
    number = record.get("id")
    if type(number) is not int or not 0 <= number <= LARGEST_ID:
        raise BadOption('an ask has an "id": a whole number, 0 or more')
    return number


def _live_options(record: Mapping[str, Any], limits: Limits) -> SamplingOptions | None:
    odd = sorted(record.keys() - ASK - LIVE_OPTIONS)
    if odd:
        raise BadOption(f"an ask has no {odd[0][:40]!r}; there are {', '.join(sorted(ASK | LIVE_OPTIONS))}")
    draw = record.get("draw", 1)
    if type(draw) is not int:
        raise BadOption(f"draw is {strict_json.shown(draw)}, not a whole number")
    asked = {name: record[name] for name in LIVE_OPTIONS if name in record}
    options = options_in({**asked, "variations": draw or 1}, limits)
    return options if draw else None


def _fits(value: Any, default: Any) -> bool:
    """Whether a value is of the kind of an option with this default."""
    if default is None:
        return value is None or isinstance(value, str)
    if type(default) is float:
        return type(value) in (int, float)
    return type(value) is type(default)
