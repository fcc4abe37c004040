"""JSON is parsed strictly, and coordinates are numbers."""

from __future__ import annotations

import pytest

from codes.formats.strict_json import NotJson, coordinates, parse


def test_ordinary_json_is_read() -> None:
    assert parse('{"a": [1, 2.5, null, true, "x"]}') == {"a": [1, 2.5, None, True, "x"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ('{"a": 1, "a": 2}', "the same name twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[1,", "it is no JSON"),
        ("", "it is no JSON"),
        ("1" * 5000, "absurdly long"),
        (b"\xff\xfe\xfa\x00", "it is not text in UTF-8|it is no JSON"),
    ],
    ids=["nan", "infinity", "twice", "deep", "cut", "empty", "digits", "bytes"],
)
def test_invalid_json_is_refused_in_one_sentence(text: str | bytes, reason: str) -> None:
    with pytest.raises(NotJson, match=reason):
        parse(text)


@pytest.mark.parametrize(
    "value",
    [[True], ["1"], [None], [[1]], [float("nan")], [float("inf")], [1e7], [10**400], 5, {}, "12"],
    ids=["bool", "text", "null", "list", "nan", "inf", "large", "huge", "number", "object", "string"],
)
def test_what_is_no_list_of_numbers_is_refused(value: object) -> None:
    with pytest.raises(NotJson):
        coordinates(value)


def test_coordinates_are_integers_or_floats() -> None:
    assert coordinates([1, -2.5, 0]) == [1, -2.5, 0]
