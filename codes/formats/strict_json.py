"""Parse JSON strictly: no NaN, no infinity, no name twice in an object.

This module knows text and numbers. It knows no files and no sketches.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from codes.strokes.stroke3 import MAX_COORDINATE


class NotJson(ValueError):
    """Report text that is no JSON, or values that are not of the expected kind."""


def parse(text: str | bytes) -> Any:
    """Return the value in ``text``.

    Raises:
        NotJson: the text is malformed, nested too deeply, or holds NaN, an infinity or a name twice in one object.
    """
    try:
        return json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_unique_names)
    except RecursionError as error:
        raise NotJson("the JSON is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise NotJson(f"it is no JSON ({error.msg.lower()} at character {error.pos})") from error
    except UnicodeDecodeError as error:
        raise NotJson("it is not text in UTF-8") from error
    except NotJson:
        raise
    except ValueError as error:
        raise NotJson("a number in the JSON is absurdly long") from error


def coordinates(values: Any) -> list[float]:
    """Return ``values`` after checking that they are a list of coordinates; true and false are no numbers.

    Raises:
        NotJson: they are anything else.
    """
    if not isinstance(values, list):
        raise NotJson("where a list of numbers should be there is none")
    for value in values:
        if not is_coordinate(value):
            raise NotJson(f"{short_repr(value)} is no number between -{MAX_COORDINATE:g} and {MAX_COORDINATE:g}")
    return values


def is_coordinate(value: Any) -> bool:
    """Return true for a number, not a boolean, of a size that a drawing can have."""
    return type(value) in (int, float) and -MAX_COORDINATE <= value <= MAX_COORDINATE


def short_repr(value: Any) -> str:
    """Return a value as text that is short enough for a message."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "an absurdly large number"
    return repr(value)[:40]


def _reject_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no number in JSON")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise NotJson("an object has the same name twice")
    return result
