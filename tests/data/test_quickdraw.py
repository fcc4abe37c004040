"""The names are those of the data set, and half of them never teach refusal."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from codes.data import quickdraw


def test_there_are_345_different_names_in_order():
    names = quickdraw.categories()
    assert len(set(names)) == len(names) == 345
    assert list(names) == sorted(names, key=str.lower)
    assert all(map(quickdraw.is_category_name, names))


@pytest.mark.skipif("HALFDRAWN_DATA" not in os.environ, reason="HALFDRAWN_DATA is not set")
def test_the_names_are_those_of_the_data():
    counts = json.loads((Path(os.environ["HALFDRAWN_DATA"]) / "counts.json").read_text())
    assert set(counts) == set(quickdraw.categories())


def test_a_name_teaches_refusal_if_its_hash_is_even_and_it_is_not_kept_for_testing():
    for name in quickdraw.categories():
        even = int(hashlib.sha256(name.encode("utf-8")).hexdigest(), 16) % 2 == 0
        assert quickdraw.may_teach_refusal(name) == (even and name not in ("hand", "spider"))


def test_the_names_that_teach_refusal_are_those_that_models_were_trained_with():
    """They are written out, so that no change of the rule goes unnoticed."""
    teaching = [name for name in quickdraw.categories() if quickdraw.may_teach_refusal(name)]
    assert teaching[:4] == ["airplane", "animal migration", "arm", "asparagus"]
    assert len(teaching) == 183
    assert not quickdraw.may_teach_refusal("hand")
    assert not quickdraw.may_teach_refusal("spider")


@pytest.mark.parametrize(
    ("typed", "first"),
    [("caat", "cat"), ("eiffel tower", "The Eiffel Tower"), ("Alarm Clock", "alarm clock"), ("tshirt", "t-shirt")],
)
def test_the_nearest_name_comes_first(typed, first):
    assert quickdraw.similar_names(typed)[0] == first


@pytest.mark.parametrize("typed", ["", "qqqqqqqq", "猫"])
def test_an_unknown_name_without_similar_names_is_still_one_sentence(typed):
    assert quickdraw.similar_names(typed) == []
    assert quickdraw.SOURCE_URL in str(quickdraw.unknown_category(typed))


@pytest.mark.parametrize("name", ["", " cat", "../cat", "a/b", "a\\b", ".hidden", "a\nb", "x" * 101, 3, None, "c:"])
def test_a_name_that_could_be_a_path_is_no_category_name(name):
    assert not quickdraw.is_category_name(name)


def test_names_in_any_script_are_names():
    assert quickdraw.is_category_name("snail é 猫")


def test_the_attribution_names_the_maker_and_the_licence():
    for part in ("Google", "Quick, Draw!", "CC BY 4.0", quickdraw.SOURCE_URL, quickdraw.LICENCE_URL):
        assert part in quickdraw.ATTRIBUTION
