"""The messages of clients, checked once and made into typed values, and the messages that answer them.

`msgspec` checks the types; :mod:`codes.formats.strict_json` reads the text, since msgspec would let a name pass that
stands twice in an object. Knows JSON, sketches and limits; knows no sockets and no models. Every function here may be
called from any thread.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, get_args

import msgspec
import numpy as np
from msgspec import Meta, Struct

from codes.errors import BadOption, BadSketch, OverLimit, SketchError
from codes.formats import strict_json
from codes.formats.polyline_json import sketch_from_record
from codes.formats.strict_json import NotJson
from codes.inference.options import Completion, SamplingOptions, route_record
from codes.inference.requests import OUR_MISTAKE, Classified, Completed, Event, PointsDrawn, Refused, Started
from codes.strokes.geometry import simplify_drawn
from codes.strokes.stroke3 import LIFT, Sketch
from codes.web.limits import Limits, check_limit

LOG = logging.getLogger(__name__)
DIGITS = 6  # significant digits of a number that is sent; a canvas has a thousand units
CANDIDATES = 8  # drawings among which each variation is chosen
MAX_ECHO = 40  # letters of a client's own word that an error repeats
FAULT_AND_FIELD = re.compile(r"(?P<fault>.*?)(?: - at `\$\.?(?P<field>.*)`)?", re.DOTALL)
UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
MISSING_FIELD = re.compile(r"Object missing required field `(.*)`")

Id = Annotated[int, Meta(ge=0, le=2**53 - 1)]  # a browser counts no further exactly
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class LiveOptions(Struct, kw_only=True, forbid_unknown_fields=True):
    """Hold the sampling options of a canvas; the names and defaults are those of :class:`SamplingOptions`.

    ``candidates`` is not among them: it is the server's to say how much is drawn for everybody.
    """

    temperature: float = SamplingOptions.temperature
    seed: Seed = SamplingOptions.seed
    category: str | None = SamplingOptions.category
    only: tuple[str, ...] = ()
    top: Count = SamplingOptions.top
    max_points: Count = SamplingOptions.max_points
    draw_unknown: bool = SamplingOptions.draw_unknown


class AskMessage(LiveOptions, tag_field="type", tag="ask", kw_only=True):
    """Ask for a sketch to be recognised and finished; ``draw`` counts variations, 0 only recognises."""

    id: Id
    sketch: dict[str, Any]
    draw: Count = 1


class StopMessage(Struct, tag_field="type", tag="stop"):
    """End the request before it."""


class CompletionOptions(LiveOptions, kw_only=True):
    """Hold the sampling options of ``POST /api/complete``."""

    variations: Count = SamplingOptions.variations
    latent: str = SamplingOptions.latent


class CompleteBody(Struct, forbid_unknown_fields=True):
    """Hold the body of ``POST /api/complete``."""

    sketch: dict[str, Any]
    options: CompletionOptions = msgspec.field(default_factory=CompletionOptions)


class ConvertBody(Struct, forbid_unknown_fields=True):
    """Hold the body of ``POST /api/convert``; ``drawn`` is the index of the first stroke that the machine drew."""

    sketch: dict[str, Any]
    drawn: Count | None = None


class KeepBody(Struct, forbid_unknown_fields=True):
    """Hold the body of ``POST /api/gallery``."""

    sketch: dict[str, Any]
    word: str


class _Strokes(Struct):
    """Hold the part of a sketch that limits count."""

    strokes: list[list[Any]]


@dataclass(frozen=True)
class Ask:
    """Hold a request of a canvas, checked and ready for the engine.

    Attributes:
        id: the client's own number.
        sketch: simplified.
        options: what it may be and how to finish it.
        draws: false to have it classified and no more.
    """

    id: int
    sketch: Sketch
    options: SamplingOptions
    draws: bool


@dataclass(frozen=True)
class InvalidMessage:
    """Report a message that cannot be answered.

    Attributes:
        id: of the ask, or None where not even that could be read.
        error: why, and which limit it hit, if any (:class:`codes.errors.OverLimit`).
    """

    id: int | None
    error: SketchError


def parse_message(text: str, limits: Limits) -> Ask | StopMessage | InvalidMessage:
    """Return the message in the text of a socket."""
    number = None
    try:
        record = _parse_json(text, limits)
        number = _id_of(record)
        message: AskMessage | StopMessage = _convert(record, AskMessage | StopMessage)
        if isinstance(message, StopMessage):
            return message
        sketch = simplify(parse_sketch(message.sketch, limits), limits)
        options = _sampling_options(message, limits, variations=message.draw or 1)
        return Ask(message.id, sketch, options, draws=message.draw > 0)
    except SketchError as error:
        return InvalidMessage(number, error)
    except Exception:
        LOG.exception("a message could not be read")
        return InvalidMessage(number, SketchError(OUR_MISTAKE))


def parse_complete(body: bytes, limits: Limits) -> tuple[Sketch, SamplingOptions]:
    """Return the sketch to finish, as drawn, and how to finish it.

    Raises:
        BadOption: a field is missing, unknown, of the wrong type or out of range.
        BadSketch: the sketch is none.
        OverLimit: something exceeds a limit.
    """
    message = _convert(_parse_json(body, limits), CompleteBody)
    sketch = parse_sketch(message.sketch, limits)
    simplify(sketch, limits)
    return sketch, _sampling_options(message.options, limits)


def parse_convert(body: bytes, limits: Limits) -> Sketch:
    """Return the sketch to make a file of; the machine's strokes begin after its ``prefix_rows``.

    Raises:
        BadOption: a field is missing, unknown or of the wrong type, or there is no stroke number ``drawn``.
        BadSketch: the sketch is none.
        OverLimit: something exceeds a limit.
    """
    message = _convert(_parse_json(body, limits), ConvertBody)
    sketch = parse_sketch(message.sketch, limits)
    if message.drawn is None:
        return sketch
    strokes = message.sketch["strokes"]
    if message.drawn > len(strokes):
        raise BadOption(f"drawn: there is no stroke {message.drawn}, the sketch has {len(strokes)}")
    own = sum(1 for stroke in strokes[: message.drawn] if stroke)
    ends = np.flatnonzero(sketch.points[:, LIFT] == 1) + 1
    rows = 0 if own == 0 else int(ends[own - 1]) if own <= len(ends) else len(sketch)
    return replace(sketch, prefix_rows=rows)


def parse_keep(body: bytes, limits: Limits) -> tuple[Sketch, str]:
    """Return the sketch to keep and the word for it.

    Raises:
        BadOption: a field is missing, unknown or of the wrong type.
        BadSketch: the sketch is none.
        OverLimit: something exceeds a limit.
    """
    message = _convert(_parse_json(body, limits), KeepBody)
    sketch = parse_sketch(message.sketch, limits)
    simplify(sketch, limits)
    return sketch, message.word


def parse_sketch(record: dict[str, Any], limits: Limits) -> Sketch:
    """Return the sketch of a message, as drawn.

    Raises:
        BadOption: there are no strokes.
        BadSketch: it is no sketch.
        OverLimit: it has too many strokes or points.
    """
    strokes = _convert(record, _Strokes, "sketch").strokes
    check_limit("strokes", limits.strokes, len(strokes), "strokes in a sketch")
    check_limit("points", limits.points, sum(map(len, strokes)), "points in a sketch")
    try:
        return sketch_from_record(record)
    except NotJson as error:
        raise BadSketch(f"sketch: {error}") from error


def simplify(sketch: Sketch, limits: Limits) -> Sketch:
    """Return the sketch as a model sees it, in its own units.

    Raises:
        OverLimit: it has too many corners.
    """
    fewer = simplify_drawn(sketch)
    check_limit("rows", limits.rows, len(fewer), "corners in a sketch, simplified")
    return fewer


def payload(number: int, event: Event) -> dict[str, Any]:
    """Return the message that tells a client of an event."""
    match event:
        case Classified(route):
            message: dict[str, Any] = {"type": "route", "id": number, **route_record(route)}
        case Started(categories, candidates):
            message = {"type": "drawing", "id": number, "categories": list(categories), "candidates": list(candidates)}
        case PointsDrawn(rows):
            message = {"type": "ink", "id": number, "rows": [_row(*row) for row in rows]}
        case Completed(completions):
            drawings = [_drawing(variation, each) for variation, each in enumerate(completions)]
            message = {"type": "done", "id": number, "drawings": drawings}
        case Refused(error):
            message = error_message(number, error)
        case _:
            message = {"type": "stopped", "id": number}
    return message


def error_message(number: int | None, error: SketchError) -> dict[str, Any]:
    """Return the message that tells a client why its own is not answered, and which limit it hit."""
    limit = {"limit": error.limit} if isinstance(error, OverLimit) else {}
    return {"type": "refused", "id": number, "error": str(error), **limit}


def _drawing(variation: int, completion: Completion) -> dict[str, Any]:
    return {
        "variation": variation,
        "category": completion.category,
        "ended": completion.ended,
        "log_likelihood": completion.log_likelihood,
    }


def _row(variation: int, dx: float, dy: float, lift: bool, end: bool) -> list[float]:
    return [variation, float(f"{dx:.{DIGITS}g}"), float(f"{dy:.{DIGITS}g}"), int(lift), int(end)]


def _parse_json(text: str | bytes, limits: Limits) -> Any:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    check_limit("message_bytes", limits.message_bytes, size, "bytes in a message")
    try:
        return strict_json.parse(text)
    except NotJson as error:
        raise BadOption(f"the message cannot be read: {error}") from error


def _id_of(record: Any) -> int | None:
    """Return the number of an ask, also where the rest of it is wrong."""
    try:
        return msgspec.convert(record["id"], Id) if record["type"] == "ask" else None
    except (KeyError, TypeError, msgspec.ValidationError):
        return None


def _convert(value: Any, kind: Any, inside: str = "") -> Any:
    """Return parsed JSON as a value of a type.

    Args:
        value: what :func:`codes.formats.strict_json.parse` returned, or a part of it.
        kind: a :class:`msgspec.Struct`, or a union of them.
        inside: the field that the value stands in.

    Raises:
        BadOption: it is no such value; the sentence names the field and the fault.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = FAULT_AND_FIELD.fullmatch(str(error))
        assert found is not None
        fault, path = found["fault"], found["field"] or ""
        if unknown := UNKNOWN_FIELD.fullmatch(fault):
            fault = f"there is no field {unknown[1][:MAX_ECHO]!r}; there are {', '.join(_fields(kind, path))}"
        elif missing := MISSING_FIELD.fullmatch(fault):
            fault = f"the field {missing[1]!r} is missing"
        elif fault.startswith("Invalid value"):  # a union's tag
            tags = " or ".join(repr(each.__struct_config__.tag) for each in get_args(kind))
            fault = f"it is {tags}, not {fault.removeprefix('Invalid value ')[:MAX_ECHO]}"
        else:
            fault = fault[:1].lower() + fault[1:].replace("`", "")
        where = ".".join(filter(None, (inside, path))) or "the message"
        raise BadOption(f"{where}: {fault}") from error


def _fields(kind: Any, path: str) -> list[str]:
    """Return the names of the fields of an object in a message; of a union, those of its first type."""
    struct = (get_args(kind) or (kind,))[0]
    for name in filter(None, path.split(".")):
        struct = next(each.type for each in msgspec.structs.fields(struct) if each.name == name)
    return [each.name for each in msgspec.structs.fields(struct)]


def _sampling_options(options: LiveOptions, limits: Limits, **extra: Any) -> SamplingOptions:
    """Return options of the wire as those of a completer.

    Raises:
        BadOption: a value is out of range.
        OverLimit: more is asked for than this server draws.
    """
    names = [*options.only, *([options.category] if options.category else [])]
    check_limit("names", limits.names, len(names), "names of categories")
    check_limit("letters", limits.letters, max(map(len, names), default=0), "letters in the name of a category")
    given = {**msgspec.structs.asdict(options), **extra}
    known = {each.name for each in fields(SamplingOptions)}
    result = SamplingOptions(**{name: value for name, value in given.items() if name in known}, candidates=CANDIDATES)
    check_limit("variations", limits.variations, result.variations, "variations")
    check_limit("top", limits.top, result.top, "categories drawn (top)")
    check_limit("max_points", limits.max_points, result.max_points, "points added (max_points)")
    return result
