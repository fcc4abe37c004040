"""The router is asked about what it learned and the data has, and refuses what it should be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality import routing
from benchmarks.quality.choices import CHOICES, CORE, EARLIER_FIVE, FIVE, held_out_categories
from benchmarks.quality.routing import (
    NEVER_SEEN,
    SYNTHETIC,
    RoutingData,
    negatives,
    other_choices,
    read_strangers,
    routing_figures,
    unknown_sketches,
)
from codes.checkpoints.part import PartConfig
from codes.data.quickdraw import categories
from codes.errors import BadFile, BadOption
from codes.evaluation.prefixes import all_cuts
from codes.evaluation.recognition import RouterTest
from codes.formats import npz
from tests.benchmarks.quality.conftest import TINY, kind
from tests.support.worlds import CATEGORIES, SCALE, TINY_ROUTER, doodles, stirred_router

PLAN = replace(TINY, negatives=4)


@pytest.fixture
def strangers(tmp_path):
    """Return a folder of two files of what is no category."""
    (tmp_path / "strangers").mkdir()
    for count, name in enumerate(("kanji", "runes"), start=2):
        npz.write_splits(tmp_path / "strangers" / f"{name}.npz", {"test": doodles(count)})
    return tmp_path / "strangers"


def test_negatives_are_seeded_sketches_of_four_kinds():
    known = kind("zigzag", 6)
    made = negatives(known, 5, seed=1)
    assert tuple(made) == SYNTHETIC
    assert all(len(each) == 5 for each in made.values())
    for rows in (rows for each in made.values() for rows in each):
        assert rows.ndim == 2 and rows.shape[1] == 3 and rows[-1, 2] in (0, 1)
    again = negatives(known, 5, seed=1)
    assert all(np.array_equal(a, b) for name in made for a, b in zip(made[name], again[name], strict=True))
    assert any(len(a) != len(b) for a, b in zip(made["dots"], negatives(known, 5, seed=2)["dots"], strict=True))


def test_shuffled_sketches_have_the_rows_of_true_ones():
    known = kind("circle", 4)
    rows = {tuple(map(tuple, sorted(sketch.tolist()))) for sketch in known}
    assert all(tuple(map(tuple, sorted(each.tolist()))) in rows for each in negatives(known, 6)["shuffled"])


def test_choices_are_of_official_names_and_each_held_out_one_is_outside_the_core():
    assert {name for some in CHOICES.values() for name in some} <= set(categories())
    assert len(set(CORE)) == 39 and set(FIVE) <= set(CORE) and len(set(EARLIER_FIVE)) == 5
    held_out = held_out_categories()
    assert len(set(held_out)) == 35 and not set(held_out) & set(CORE)
    others = [name for name in categories() if name not in CORE]
    assert [others.index(name) for name in held_out] == [306 * i // 35 for i in range(35)]


def asked_among(learned: list[str], own: list[str]) -> RouterTest:
    sizes = replace(TINY_ROUTER, labels=len(learned))
    config = PartConfig("router", sizes.to_dict(), SCALE, learned, {"log_inverse_temperature": 0.0, "known": 0.0})
    return RouterTest(stirred_router(config=sizes), config, own)


def test_a_router_is_asked_only_about_sets_of_which_it_learned_all():
    everything = [*categories(), "none of these"]
    found = other_choices(asked_among(everything, list(categories())), categories())
    assert found == CHOICES
    of_core = other_choices(asked_among([*CORE, "hand", "none of these"], list(CORE)), categories())
    assert of_core == {"five": FIVE, "everything": [*CORE, "hand"]}
    without_cats = [name for name in categories() if name != "cat"]
    assert other_choices(asked_among(everything, without_cats), without_cats) == {"earlier five": EARLIER_FIVE}


def test_strangers_are_told_at_every_cut_and_synthetic_drawings_by_points(store, bundle, strangers):
    data = RoutingData(store.folder, strangers=read_strangers([strangers / "kanji.npz"]))
    figures = routing_figures(replace(PLAN, model=str(bundle.folder)), data, None)
    assert figures.keys() == {"own", "refusal"}
    assert figures["refusal"]["kanji"].keys() == figures["own"].keys() == all_cuts().keys()
    assert figures["refusal"]["kanji"]["100%"].unknown == 2 and figures["refusal"]["kanji"]["100%"].known == 18
    assert all("U50" not in figures["refusal"][name] for name in SYNTHETIC)


@pytest.mark.parametrize(("core", "shown"), [(("circle", "square"), ["circle", "square"]), (("cow",), [*CATEGORIES])])
def test_the_confusion_is_of_the_core_where_the_bundle_knows_more(store, bundle, tmp_path, monkeypatch, core, shown):
    drawn = []
    monkeypatch.setitem(CHOICES, "core", core)
    monkeypatch.setattr(routing, "draw_confusion", lambda path, table, names: drawn.append((path.name, table, names)))
    figures = routing_figures(replace(PLAN, model=str(bundle.folder)), RoutingData(store.folder), tmp_path)
    ((name, table, names),) = drawn
    assert name == "confusion.png" and names == shown and table.sum(axis=1).tolist() == [6] * len(shown)
    assert ("core" in figures) == (len(shown) == 2) and (tmp_path / "risk.png").exists()


def test_unknown_sketches_are_of_rare_categories_of_each_strangers_file_and_synthetic(tmp_path, strangers):
    (tmp_path / "rare").mkdir()
    npz.write_splits(tmp_path / "rare" / "ladder.npz", {"test": doodles(5)})
    data = RoutingData(tmp_path, tmp_path / "rare", read_strangers([strangers]))
    found = unknown_sketches(data, CATEGORIES, kind("circle", 3), PLAN)
    counts = {name: len(some) for name, some in found.items()}
    assert counts == {NEVER_SEEN: 5, "kanji": 2, "runes": 3, **dict.fromkeys(SYNTHETIC, 4)}
    few = unknown_sketches(data, CATEGORIES, kind("circle", 3), replace(PLAN, routed=1))
    assert {len(few[name]) for name in (NEVER_SEEN, "kanji", "runes")} == {1}


def test_strangers_that_say_nothing_are_refused(tmp_path, strangers):
    with pytest.raises(BadOption, match="there is already: kanji"):
        read_strangers([strangers, strangers / "kanji.npz"])
    npz.write_splits(tmp_path / "dots.npz", {"test": doodles(2)})
    with pytest.raises(BadOption, match="there is already: dots"):
        read_strangers([tmp_path / "dots.npz"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadOption, match="no test sketches of strangers"):
        read_strangers([tmp_path / "empty"])
    with pytest.raises(BadFile):
        read_strangers([tmp_path / "missing.npz"])
