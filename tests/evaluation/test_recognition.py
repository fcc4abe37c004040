"""Accuracy, calibration and refusal, against slow and independent ways to them; and what sketches routers are shown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from codes.checkpoints.part import PartConfig
from codes.data.batches import collate
from codes.data.transforms import rows_by_strokes
from codes.errors import BadOption
from codes.evaluation import prefixes
from codes.evaluation.prefixes import Prefixes, all_cuts, never_learned, select_categories
from codes.evaluation.recognition import (
    RouterPredictions,
    RouterTest,
    expected_calibration_error,
    learned_categories,
    logits_of,
    rank_auroc,
    refusal_quality,
)
from codes.formats import npz
from tests.support.worlds import CATEGORIES, SCALE, TINY_ROUTER, doodles, stirred_router

ROUTE = PartConfig(
    "router",
    TINY_ROUTER.to_dict(),
    SCALE,
    list(CATEGORIES),
    {"log_inverse_temperature": -math.log(2), "known": -0.5, "sure": 0.5},
)


@pytest.fixture
def by_category() -> dict[str, list[np.ndarray]]:
    return {name: doodles(5 + i, seed=i, categories=(name,)) for i, name in enumerate(CATEGORIES)}


def test_accuracy_is_macro_and_micro_with_counts(by_category):
    net = stirred_router()
    tested = RouterTest(net, ROUTE, CATEGORIES)
    measured = tested.quality(tested.predict(by_category, lambda rows: Prefixes.at(rows, 0.5)))
    hits: dict[str, list[bool]] = {}
    for label, (name, sketches) in enumerate(by_category.items()):
        for sketch in sketches:
            kept = sketch[: max(1, round(0.5 * len(sketch)))]
            batch = collate([ROUTE.normaliser.apply(kept)], [0])
            hits.setdefault(name, []).append(int(net(batch.points, batch.lengths).argmax()) == label)
    assert measured.count == 18
    assert measured.by_category == pytest.approx({name: np.mean(each) for name, each in hits.items()})
    assert measured.macro == pytest.approx(np.mean([np.mean(each) for each in hits.values()]))
    assert measured.micro == pytest.approx(np.mean(np.concatenate(list(hits.values()))))
    assert measured.macro_95[0] <= measured.macro <= measured.macro_95[1]
    assert all(low <= measured.by_category[name] <= high for name, (low, high) in measured.by_category_95.items())


def test_confusion_counts_every_sketch_and_its_diagonal_is_the_hits(by_category):
    tested = RouterTest(stirred_router(), ROUTE, CATEGORIES)
    predictions = tested.predict(by_category, lambda rows: Prefixes.at(rows, 1.0))
    table, measured = tested.confusion(predictions), tested.quality(predictions)
    assert table.sum(axis=1).tolist() == [5, 6, 7]
    assert np.trace(table) / 18 == pytest.approx(measured.micro)


def test_the_first_three_are_those_that_no_more_than_two_others_beat():
    rng = np.random.default_rng(0)
    groups = [rng.dirichlet(np.ones(6), size=20 + i) for i in range(6)]
    groups[0][0] = 1 / 6  # the first of equals comes first
    predictions = RouterPredictions(groups, [np.zeros(len(each)) for each in groups])
    for i, (each, hits) in enumerate(zip(groups, predictions.hits_among(3), strict=True)):
        before = [sum(p > row[i] or (p == row[i] and j < i) for j, p in enumerate(row)) for row in each.tolist()]
        assert hits.tolist() == [float(count < 3) for count in before]
        assert predictions.hits[i].tolist() == (each.argmax(axis=1) == i).astype(float).tolist()


def test_top_3_accuracy_is_macro_with_an_interval():
    """Every second sketch of the first category has it third; those of the others have theirs last of four."""
    labels = [f"label {i}" for i in range(4)]
    config = replace(ROUTE, model=replace(TINY_ROUTER, labels=4).to_dict(), categories=labels)
    third, last = [0.2, 0.3, 0.4, 0.1], [0.1, 0.2, 0.3, 0.4]
    groups = [np.array([third, last] * 10), *(np.roll([last] * 5, i, axis=1) for i in (1, 2, 3))]
    tested = RouterTest(stirred_router(config=replace(TINY_ROUTER, labels=4)), config, labels)
    measured = tested.quality(RouterPredictions(groups, [np.zeros(len(each)) for each in groups]))
    assert measured.by_category_top3 == {"label 0": 0.5, "label 1": 0, "label 2": 0, "label 3": 0}
    assert measured.macro_top3 == pytest.approx(0.125) and measured.macro == 0
    assert measured.macro_top3_95[0] < 0.125 < measured.macro_top3_95[1]


def test_the_risk_at_80_is_of_the_surest_four_in_five():
    """Of ten sketches of either category the eighth by confidence is wrong, all others right."""
    confidence = np.linspace(0.99, 0.6, 10)
    right, wrong = np.column_stack([confidence, 1 - confidence]), np.column_stack([1 - confidence, confidence])
    probabilities = np.concatenate([right[:7], wrong[7:8], right[8:]])
    predictions = RouterPredictions([probabilities, probabilities[:, ::-1]], [np.zeros(10), np.zeros(10)])
    assert [predictions.risk().at(share) for share in (0.7, 0.9, 1.0)] == pytest.approx([0, 1 / 9, 1 / 10])
    measured = RouterTest(stirred_router(), ROUTE, CATEGORIES[:2]).quality(predictions)
    assert measured.risk_at_80 == pytest.approx(1 / 8)


def test_the_risk_at_full_coverage_is_what_macro_accuracy_leaves(by_category):
    tested = RouterTest(stirred_router(), ROUTE, CATEGORIES)
    predictions = tested.predict(by_category, lambda rows: Prefixes.at(rows, 1.0))
    measured = tested.quality(predictions)
    assert predictions.risk().at(1.0) == pytest.approx(1 - measured.macro)
    assert 0 <= measured.risk_area <= 1


def test_every_cut_has_the_rows_that_its_name_says(by_category):
    sketches = by_category["square"]
    lengths = {name: cut(sketches).lengths.tolist() for name, cut in all_cuts().items()}
    assert lengths["25%"] == [max(1, round(0.25 * len(rows))) for rows in sketches]
    for share in (0.1, 0.3, 0.5):
        assert lengths[f"{share:.0%} of strokes"] == [rows_by_strokes(rows, share) for rows in sketches]
    assert lengths["50% of strokes"] != lengths["50%"]
    assert all(round(len(rows) / 2) <= n <= len(rows) for rows, n in zip(sketches, lengths["U50"], strict=True))
    assert lengths["100%"] == [len(rows) for rows in sketches]
    assert [len(rows) for rows in all_cuts()["75%"](sketches).rows()] == lengths["75%"]


def test_a_router_is_asked_about_what_it_learned_and_the_data_has():
    with pytest.raises(BadOption, match="never learned unicorn, yeti"):
        RouterTest(stirred_router(), ROUTE, ["circle", "unicorn", "yeti"])
    assert RouterTest(stirred_router(), ROUTE, ["zigzag", "circle", "zigzag"]).offered_labels == [2, 0]
    assert learned_categories(ROUTE, {"zigzag", "circle", "unicorn"}) == ["circle", "zigzag"]
    sketches = {"circle": doodles(2), "square": doodles(1), "zigzag": []}
    assert list(select_categories(sketches, ["square", "circle"])) == ["square", "circle"]
    with pytest.raises(BadOption, match="no sketches of zigzag, cow"):
        select_categories(sketches, ["circle", "zigzag", "cow"])


def test_refusal_is_tested_on_categories_that_may_never_be_trained_on(tmp_path):
    """The SHA-256 of axe is even, so it may teach refusal; those of ladder and snow are odd."""
    for count, name in enumerate(("axe", "ladder", "snow"), start=1):
        npz.write_splits(tmp_path / f"{name}.npz", {"test": doodles(count)})
    assert len(never_learned(tmp_path, "test", [])) == 5
    assert len(never_learned(tmp_path, "test", ["snow"])) == 2
    with pytest.raises(BadOption, match="no sketches of a category that may test refusal"):
        never_learned(tmp_path, "test", ["snow", "ladder"])


def test_logits_stand_in_the_order_of_the_prefixes(by_category, monkeypatch):
    monkeypatch.setattr(prefixes, "BATCH_SIZE", 3)
    net, sketches = stirred_router(), by_category["zigzag"]
    together = logits_of(net, ROUTE, Prefixes.at(sketches, 1.0))
    for row, sketch in zip(together, sketches, strict=True):
        batch = collate([ROUTE.normaliser.apply(sketch)], [0])
        torch.testing.assert_close(row, net(batch.points, batch.lengths)[0])


def test_refusal_is_auroc_and_false_alarms_at_nineteen_in_twenty():
    rng = np.random.default_rng(0)
    known, unknown = rng.normal(1, 1, 400), rng.normal(0, 1, 300)
    measured = refusal_quality(known, unknown, threshold=0.5)
    truth = np.concatenate([np.ones(400), np.zeros(300)])
    assert measured.auroc == pytest.approx(roc_auc_score(truth, np.concatenate([known, unknown])))
    assert measured.auroc == pytest.approx((known[:, None] > unknown).mean())
    assert measured.false_alarms == pytest.approx((unknown >= np.sort(known)[20]).mean(), abs=0.01)
    assert measured.accepted_unknown == pytest.approx((unknown >= 0.5).mean())
    assert (measured.known, measured.unknown) == (400, 300)
    assert rank_auroc(known.round(1), unknown.round(1)) == pytest.approx(
        roc_auc_score(truth, np.concatenate([known.round(1), unknown.round(1)]))  # many alike
    )
    assert 0 < measured.auroc_95[1] - measured.auroc_95[0] < 0.1
    assert measured.auroc_95[0] < measured.auroc < measured.auroc_95[1]
    assert measured.false_alarms_95[0] < measured.false_alarms < measured.false_alarms_95[1]


def test_the_calibration_error_is_that_of_a_slow_loop():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.5] * 5, size=3000)
    probabilities[0] = [1, 0, 0, 0, 0]
    hits = rng.random(3000) < 0.6
    expected = 0.0
    top = probabilities.max(axis=1)
    for i in range(15):
        inside = (top >= i / 15) & ((top < (i + 1) / 15) | (i == 14))
        if inside.any():
            expected += inside.mean() * abs(top[inside].mean() - hits[inside].mean())
    assert expected_calibration_error(probabilities, hits) == pytest.approx(expected)
    assert expected_calibration_error(np.eye(3), np.ones(3, dtype=bool)) == 0.0
