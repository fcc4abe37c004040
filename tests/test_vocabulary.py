"""Words that people type, and the category that is meant."""

from __future__ import annotations

import json

import pytest

from codes.vocabulary import WORDS, find

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
