"""One drawing of each category: what the bundle draws, what is stored of it, and what a bundle is at every moment."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codes.building import catalogue as module
from codes.building.catalogue import add_catalogue
from codes.checkpoints import bundle as bundles
from codes.checkpoints.bundle import CATALOGUE, CRITIC, Bundle, write_critic
from codes.errors import BadFile
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.strokes.geometry import simplify_like_quickdraw
from codes.strokes.stroke3 import sketch_from_polylines
from tests.checkpoints.test_bundle import critic_part
from tests.support.worlds import CATEGORIES, sketch_of

FEW = SamplingOptions(variations=3, latent="prior", candidates=2, max_points=12, seed=5)


@pytest.fixture
def folder(bundle, tmp_path) -> Path:
    """A copy of the tiny bundle that a test may change."""
    return Path(shutil.copytree(bundle.folder, tmp_path / "tiny"))


def test_of_several_drawings_the_most_surely_recognised_is_kept_as_quickdraw_would(folder):
    before = Bundle.open(folder)
    assert (before.catalogue(), before.has_catalogue) == ({}, False)
    made = add_catalogue(before, FEW)
    assert (made.categories, made.decoders) == (before.categories, before.decoders)
    assert made.hashes.items() > before.hashes.items()
    assert list(made.catalogue()) == list(CATEGORIES)
    completer, chosen = Completer(before), []
    for name, sketch in made.catalogue().items():
        sketches = completer.sampler(name).sample(FEW)
        scores = [route.known_score + route.log_probability(name) for route in completer.classify_many(sketches)]
        drawn = sketches[int(np.argmax(scores))]
        expected = sketch_from_polylines(simplify_like_quickdraw(drawn.polylines()))
        np.testing.assert_array_equal(sketch.points, expected.points)
        chosen.append(int(np.argmax(scores)))
        ends = np.concatenate(sketch.polylines())
        assert sketch.category == name and np.array_equal(ends, np.round(ends)) and ends.min() == 0
    assert any(chosen), "the first of each is not always the best"


def test_opening_a_bundle_reads_no_drawings(folder, monkeypatch):
    add_catalogue(Bundle.open(folder), FEW)
    (folder / CATALOGUE).unlink()
    opened = Bundle.open(folder)
    assert opened.has_catalogue and opened.categories == CATEGORIES
    with pytest.raises(BadFile, match="missing"):
        opened.catalogue()


def test_drawings_that_are_known_are_not_drawn_again(folder):
    known = {"square": replace(sketch_of("square"), category="square")}
    drawn = add_catalogue(Bundle.open(folder), FEW, known).catalogue()
    np.testing.assert_array_equal(drawn["square"].points, known["square"].points)
    assert list(drawn) == list(CATEGORIES)


def test_a_bundle_is_whole_wherever_the_making_is_stopped(folder, monkeypatch):
    """While drawing nothing changes; while writing there are the old drawings, none or the new ones."""
    add_catalogue(Bundle.open(folder), FEW)
    old = Bundle.open(folder).catalogue()
    monkeypatch.setattr(module, "write_catalogue", interrupt)
    with pytest.raises(KeyboardInterrupt):
        add_catalogue(Bundle.open(folder), SamplingOptions(latent="prior", max_points=3))
    assert_same(Bundle.open(folder).catalogue(), old)
    monkeypatch.undo()
    monkeypatch.setattr(bundles.ndjson, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        add_catalogue(Bundle.open(folder), FEW)
    assert Bundle.open(folder).catalogue() == {}
    monkeypatch.undo()
    assert_same(add_catalogue(Bundle.open(folder), FEW).catalogue(), old)


def interrupt(*_):
    raise KeyboardInterrupt


def assert_same(some, others):
    assert list(some) == list(others)
    for name, sketch in some.items():
        np.testing.assert_array_equal(sketch.points, others[name].points)


def test_a_damaged_part_is_not_declared_whole(folder):
    """Only the drawings' own hash is taken anew."""
    weights = folder / "router" / "weights.safetensors"
    made = add_catalogue(Bundle.open(folder), FEW)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    known = made.catalogue()
    with pytest.raises(BadFile, match="sha256 differs"):
        add_catalogue(Bundle.open(folder), FEW, known).router()


def test_a_critic_leaves_the_catalogue_where_it_is(folder):
    made = add_catalogue(Bundle.open(folder), FEW)
    after = write_critic(made, *critic_part("circle"))
    assert after.has_critic and f"{CRITIC}/config.json" in after.hashes
    assert_same(after.catalogue(), made.catalogue())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("nonsense", "line 1"),
        ('{"word": "cow", "drawing": [[[0, 9], [0, 9]]]}', "shows 'cow', which the bundle cannot draw"),
        ('{"drawing": [[[0, 9], [0, 9]]]}', "which the bundle cannot draw"),
        ("", "empty"),
    ],
)
def test_a_catalogue_of_something_else_is_refused(folder, text, part):
    """Even where the table of contents agrees: a bundle may be a stranger's."""
    add_catalogue(Bundle.open(folder), FEW)
    (folder / CATALOGUE).write_text(text)
    facts = json.loads((folder / "bundle.json").read_text())
    facts["sha256"][CATALOGUE] = bundles.sha256(folder / CATALOGUE)
    (folder / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(BadFile) as error:
        Bundle.open(folder).catalogue()
    assert part in str(error.value) and "\n" not in str(error.value)


def test_a_catalogue_that_was_changed_or_is_huge_is_refused(folder, monkeypatch):
    made = add_catalogue(Bundle.open(folder), FEW)
    monkeypatch.setattr(bundles, "MAX_CATALOGUE", 10)
    with pytest.raises(BadFile, match="at most"):
        made.catalogue()
    with (folder / CATALOGUE).open("a") as file:
        file.write("\n")
    with pytest.raises(BadFile, match="sha256 differs"):
        made.catalogue()
