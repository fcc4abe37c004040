"""The measures that are reported, against slow and independent ways to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from codes.checkpoints.part import PartConfig
from codes.data.batches import collate
from codes.evaluation import measures as quality
from codes.evaluation.measures import Prefixes, RouterTest, draw_quality, refusal_quality
from codes.training.objectives import PointNats
from tests.support.worlds import CATEGORIES, SCALE, TINY_ROUTER, TINY_VAE, doodles, stirred_router, stirred_vae

DRAW = PartConfig("decoder", TINY_VAE.to_dict(), SCALE, ["circle"])
ROUTE = PartConfig(
    "router",
    TINY_ROUTER.to_dict(),
    SCALE,
    list(CATEGORIES),
    {"log_inverse_temperature": -math.log(2), "known": -0.5, "sure": 0.5},
)


@pytest.mark.parametrize("fraction", [0.25, 0.35, 0.5, 1.0])
def test_nats_a_point_are_all_nats_over_all_rows(fraction, monkeypatch):
    """One sketch at a time, cut by Python's own rounding; in batches of four."""
    monkeypatch.setattr(quality, "TOGETHER", 4)
    vae, sketches = stirred_vae(), doodles(11, seed=5)
    names = ("whole", "without_latent", "continuation", "continuation_zero")
    offset, pen, rows = (dict.fromkeys(names, 0.0) for _ in range(3))
    divergence = 0.0
    for sketch in sketches:
        batch = collate([DRAW.normaliser.apply(sketch)], [0])
        prefix = max(1, round(fraction * len(sketch)))
        posterior = vae.encode(batch.points, batch.lengths)
        begun = vae.encode(batch.points, torch.tensor([prefix])).mean
        codes = (posterior.mean, torch.zeros(1, 4), begun, torch.zeros(1, 4))
        for name, z, start in zip(names, codes, (0, 0, prefix, prefix), strict=True):
            nats = PointNats.of(vae.predict(batch.points, batch.lengths, z), batch)
            offset[name] += float(nats.offset[0, start:].sum())
            pen[name] += float(nats.pen[0, start:].sum())
            rows[name] += len(sketch) - start
        divergence += 4 * float(posterior.kl())
    measured = draw_quality(vae, DRAW, sketches, fraction)
    assert measured.sketches == 11
    assert measured.kl == pytest.approx(divergence / rows["whole"], rel=1e-4)
    for name in names:
        found, count = getattr(measured, name), max(1, rows[name])
        assert found.points == rows[name]
        assert found.offset == pytest.approx(offset[name] / count, rel=1e-4, abs=1e-6)
        assert found.pen == pytest.approx(pen[name] / count, rel=1e-4)
        assert found.total == pytest.approx(found.offset + found.pen)
        assert found.offset_pixels == pytest.approx(found.offset + math.log(SCALE**2))
        assert found.pixels == pytest.approx(found.offset_pixels + found.pen)


@pytest.fixture
def by_category() -> dict[str, list[np.ndarray]]:
    return {name: doodles(5 + i, seed=i, categories=(name,)) for i, name in enumerate(CATEGORIES)}


def test_accuracy_is_macro_and_micro_with_counts(by_category):
    net = stirred_router()
    tested = RouterTest(net, ROUTE, CATEGORIES)
    measured = tested.quality(tested.answers(by_category, lambda rows: Prefixes.at(rows, 0.5)))
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
    answers = tested.answers(by_category, lambda rows: Prefixes.at(rows, 1.0))
    table, measured = tested.confusion(answers), tested.quality(answers)
    assert table.sum(axis=1).tolist() == [5, 6, 7]
    assert np.trace(table) / 18 == pytest.approx(measured.micro)


def test_the_risk_at_full_coverage_is_what_macro_accuracy_leaves(by_category):
    tested = RouterTest(stirred_router(), ROUTE, CATEGORIES)
    answers = tested.answers(by_category, lambda rows: Prefixes.at(rows, 1.0))
    measured = tested.quality(answers)
    assert answers.risk().at(1.0) == pytest.approx(1 - measured.macro)
    assert 0 <= measured.risk_area <= 1


def test_logits_stand_in_the_order_of_the_views(by_category, monkeypatch):
    monkeypatch.setattr(quality, "TOGETHER", 3)
    net, sketches = stirred_router(), by_category["zigzag"]
    together = quality.logits_of(net, ROUTE, Prefixes.at(sketches, 1.0))
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
    assert quality._chance_of_order(known.round(1), unknown.round(1)) == pytest.approx(
        roc_auc_score(truth, np.concatenate([known.round(1), unknown.round(1)]))  # many alike
    )
    assert 0 < measured.auroc_95[1] - measured.auroc_95[0] < 0.1
    assert measured.auroc_95[0] < measured.auroc < measured.auroc_95[1]
    assert measured.false_alarms_95[0] < measured.false_alarms < measured.false_alarms_95[1]
