"""Words that people type, and the category that is meant."""

from __future__ import annotations

import json

import pytest

from codes.data.quickdraw import categories
from codes.errors import ModelNotFound
from codes.vocabulary import WORDS, find, resolve, same_name

ALL = sorted(json.loads(WORDS.read_text()))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cat", "cat"),
        ("Cats", "cat"),
        ("bike", "bicycle"),
        ("a bike", "bicycle"),
        ("puppies", "dog"),
        ("tv", "television"),
        ("sneakers", "shoe"),
        ("leaves", "leaf"),
        ("knives", "knife"),
        ("mice", "mouse"),
        ("teddy bear", "teddy-bear"),
        ("t shirts", "t-shirt"),
        ("the eiffel tower", "The Eiffel Tower"),
        ("eiffel", "The Eiffel Tower"),
        ("matches", "matches"),
        ("glass", "cup"),
        ("bus", "bus"),
        ("  HOUSES ", "house"),
        ("Cat!", "cat"),
        ("it's a cat", "cat"),
        ("This is my bike.", "bicycle"),
        ("girafe", "giraffe"),
        ("bycicle", "bicycle"),
        ("aeroplane", "airplane"),
    ],
)
def test_what_is_typed_finds_what_is_meant(typed, meant):
    assert find(typed, ALL)[0] == meant


def test_a_beginning_finds_names_first_then_other_words():
    found = find("ca", ALL)
    assert found[:5] == ["cactus", "cake", "calculator", "calendar", "camel"]
    assert found.index("birthday cake") > found.index("castle")
    assert "skeleton" not in found and find("skel", ALL) == ["skull"]


def test_nothing_typed_is_everything_and_nonsense_is_nothing():
    assert find(" ", ALL) == ALL
    assert find("xqzw", ALL) == []


def test_only_what_a_model_knows_is_found():
    assert find("bike", ["cat", "motorbike"]) == ["motorbike"]
    assert find("kitten", ["dog", "cat"]) == ["cat"]
    assert find("widget", ["widget", "cat"]) == ["widget"]


def test_every_category_is_found_by_its_own_name_and_by_each_of_its_words():
    for category, words in json.loads(WORDS.read_text()).items():
        assert find(category, ALL)[0] == category
        for word in words:
            assert category in find(word, ALL)


def plural(name: str) -> str:
    """Return the plural that English has for most words."""
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "sh", "ch")) else f"{name}s"


def test_every_category_is_taken_in_any_case_spacing_and_number():
    """Of 345 names, none is mistaken for another."""
    known = categories()
    for name in known:
        spaced = f"  {name.replace(' ', '   ')} "
        for text in (name, name.upper(), name.lower(), spaced, name.replace(" ", "-"), f"the {name}", plural(name)):
            assert resolve(text, known) == name, text
    assert resolve("AlarmClocks", known) == "alarm clock"
    assert [resolve(text, known) for text in ("leaves", "knives", "grape", "scissor")] == [
        "leaf", "knife", "grapes", "scissors",
    ]  # fmt: skip


def test_the_name_itself_goes_first_and_what_may_be_two_is_none():
    assert same_name("cats", ["cat", "cats"]) == "cats"
    assert same_name("Cats", ["cat", "cats"]) == "cats"
    assert same_name("CAT", ["cat", "Cat"]) is None
    assert same_name("puppy", ["dog", "cat"]) is None


@pytest.mark.parametrize(
    ("text", "names", "sentence"),
    [
        ("bike", ["bicycle", "cat"], "no category 'bike'; did you mean 'bicycle'? there are bicycle, cat"),
        ("xqzw", ["bicycle", "cat"], "no category 'xqzw'; there are bicycle, cat"),
        (" ", ["bicycle", "cat"], "no category ' '; there are bicycle, cat"),
        ("puppy", ALL, "no category 'puppy'; did you mean 'dog'? draw_client.py list shows all 345"),
    ],
)
def test_an_unknown_name_says_what_is_near_and_what_there_is(text, names, sentence):
    with pytest.raises(ModelNotFound) as error:
        resolve(text, names)
    assert str(error.value) == sentence
