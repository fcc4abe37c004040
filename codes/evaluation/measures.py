"""What trained parts are worth, in the measures of docs/results.md: nats per point, accuracy by how much was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from codes.checkpoints.part import PartConfig
from codes.data.batches import Batch, collate
from codes.data.transforms import PREFIX_RULES, PrefixRule, u50_lengths
from codes.evaluation.bootstrap import Estimate, RiskCurve, estimated, estimated_of, risk_curve
from codes.model.calibration import Calibration, in_distribution_scores
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE
from codes.sketch.stroke3 import AnyStroke3
from codes.training.objectives import PointNats

Scores = NDArray[np.float64]
TOGETHER = 200


@dataclass(frozen=True)
class Nats:
    """Nats per point, and over how many points.

    Attributes:
        total: offset and pen.
        offset: of the offsets in model units.
        offset_pixels: of the offsets in QuickDraw pixels; comparable between models of different scales.
        pen: of the pen states.
        points: rows counted.
    """

    total: float
    offset: float
    offset_pixels: float
    pen: float
    points: int

    @property
    def pixels(self) -> float:
        """Offset in pixels and pen together."""
        return self.offset_pixels + self.pen


@dataclass(frozen=True)
class DrawQuality:
    """How well a part draws.

    Attributes:
        sketches: how many it was tested on.
        whole: entire sketches with z from each itself; the KL divergence comes on top.
        kl: nats a point that z costs; ``whole.total + kl`` is a bound on the model's own coding length.
        without_latent: entire sketches with z = 0.
        continuation: what follows the prefix, z from the prefix.
        continuation_zero: the same with z = 0.
    """

    sketches: int
    whole: Nats
    kl: float
    without_latent: Nats
    continuation: Nats
    continuation_zero: Nats

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


@torch.no_grad()
def draw_quality(vae: SketchVAE, config: PartConfig, sketches: Sequence[AnyStroke3], fraction: float) -> DrawQuality:
    """Test a category's part on stroke-3 sketches in QuickDraw pixels; prefixes are this fraction of the points."""
    whole, zero, after, after_zero = (_Sum() for _ in range(4))
    divergence = 0.0
    for batch in _batches(config, sketches):
        prefix = (batch.lengths.double() * fraction).round().long().clamp(min=1)
        posterior = vae.encode(batch.points, batch.lengths)
        nothing = torch.zeros_like(posterior.mean)
        from_prefix = vae.encode(batch.points, prefix).mean
        bare = PointNats.of(vae.predict(batch.points, batch.lengths, nothing), batch)
        whole.add(PointNats.of(vae.predict(batch.points, batch.lengths, posterior.mean), batch), batch.lengths)
        zero.add(bare, batch.lengths)
        rest = batch.lengths - prefix
        after.add(PointNats.of(vae.predict(batch.points, batch.lengths, from_prefix), batch).after(prefix), rest)
        after_zero.add(bare.after(prefix), rest)
        divergence += float(posterior.kl().sum()) * posterior.mean.shape[1]
    parts = [each.nats(config.scale) for each in (whole, zero, after, after_zero)]
    return DrawQuality(len(sketches), parts[0], divergence / max(1, whole.points), *parts[1:])


class _Sum:
    """Adds up nats and points."""

    def __init__(self) -> None:
        self.offset = self.pen = 0.0
        self.points = 0

    def add(self, nats: PointNats, points: Tensor) -> None:
        self.offset += float(nats.offset.sum())
        self.pen += float(nats.pen.sum())
        self.points += int(points.sum())

    def nats(self, scale: float) -> Nats:
        count = max(1, self.points)
        offset, pen = self.offset / count, self.pen / count
        return Nats(offset + pen, offset, offset + 2 * log(scale), pen, self.points)


def _batches(
    config: PartConfig, sketches: Sequence[AnyStroke3], labels: Sequence[int] | None = None
) -> Iterator[Batch]:
    """All sketches in order of length, in model units."""
    order = sorted(range(len(sketches)), key=lambda i: len(sketches[i]))
    labels = labels or [0] * len(sketches)
    for start in range(0, len(order), TOGETHER):
        some = order[start : start + TOGETHER]
        yield collate([config.normaliser.apply(sketches[i]) for i in some], [labels[i] for i in some])


@dataclass(frozen=True)
class Prefixes:
    """Sketches as they are shown to a router: each cut to some rows.

    Attributes:
        sketches: stroke-3 in QuickDraw pixels.
        rows: how many rows of each are shown.
    """

    sketches: Sequence[AnyStroke3]
    rows: NDArray[np.int64]

    @classmethod
    def at(cls, sketches: Sequence[AnyStroke3], fraction: float, law: PrefixRule = "points") -> Prefixes:
        """Each cut to a fraction of it."""
        return cls(sketches, np.array([PREFIX_RULES[law](sketch, fraction) for sketch in sketches], dtype=np.int64))

    @classmethod
    def u50(cls, sketches: Sequence[AnyStroke3]) -> Prefixes:
        """Each cut by a share uniform in 0 to 50 %, see :func:`codes.data.transforms.u50_lengths`."""
        return cls(sketches, u50_lengths(np.array([len(sketch) for sketch in sketches], dtype=np.int64)))

    def shown(self) -> list[AnyStroke3]:
        """The prefixes."""
        return [sketch[:rows] for sketch, rows in zip(self.sketches, self.rows.tolist(), strict=True)]


MakePrefixes = Callable[[Sequence[AnyStroke3]], Prefixes]


@torch.no_grad()
def logits_of(net: RouterNet, config: PartConfig, views: Prefixes) -> Tensor:
    """``[N, labels]``, in the order of the views."""
    prefixes = views.shown()
    batches = _batches(config, prefixes, list(range(len(prefixes))))
    logits = torch.empty(len(prefixes), net.config.labels)
    for batch in batches:
        logits[batch.labels] = net(batch.points, batch.lengths)
    return logits


@dataclass(frozen=True)
class RouterPredictions:
    """What a router said of sketches that it was shown in one way, category by category.

    Attributes:
        chances: of each category's sketches ``[N, categories]``, of what they are if they are one of them.
        known: of each category's sketches ``[N]``, their known scores.
    """

    chances: Sequence[NDArray[np.float64]]
    known: Sequence[NDArray[np.float64]]

    @property
    def hits(self) -> list[NDArray[np.float64]]:
        """1 where it was right, of each category ``[N]``."""
        return [(each.argmax(axis=1) == i).astype(np.float64) for i, each in enumerate(self.chances)]

    def risk(self) -> RiskCurve:
        """What is wrong where the router is surest; categories count alike."""
        weights = np.concatenate([np.full(len(each), 1 / len(each)) for each in self.chances])
        return risk_curve(np.concatenate(self.chances).max(axis=1), 1 - np.concatenate(self.hits), weights)


def expected_calibration_error(probabilities: NDArray[np.float64], hits: NDArray[np.bool_], bins: int = 15) -> float:
    """Distance of confidence from accuracy, over equal-width bins of the top probability, weighted by their counts."""
    top = probabilities.max(axis=1)
    bin_of = np.minimum((top * bins).astype(int), bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    gaps = np.bincount(bin_of, weights=top - hits, minlength=bins)
    return float(np.abs(gaps).sum() / counts.sum())


@dataclass(frozen=True)
class RouteQuality:
    """How well a router recognises, under one law.

    Attributes:
        macro: accuracy, averaged over categories.
        macro_95: its 95 % interval.
        micro: accuracy, averaged over sketches.
        micro_95: its 95 % interval.
        calibration_error: expected calibration error, 15 bins.
        accepted: share of these sketches that are not ``unknown``.
        risk_area: mean share of wrong answers over all shares of sketches, the surest first; categories count alike.
        risk_at_80: share of wrong answers among the surest 80 %.
        by_category: accuracy of each.
        by_category_95: their 95 % intervals.
        count: sketches.
    """

    macro: float
    macro_95: tuple[float, float]
    micro: float
    micro_95: tuple[float, float]
    calibration_error: float
    accepted: float
    risk_area: float
    risk_at_80: float
    by_category: dict[str, float]
    by_category_95: dict[str, tuple[float, float]]
    count: int


class RouterTest:
    """A router and what it is asked to tell apart."""

    def __init__(self, net: RouterNet, config: PartConfig, categories: Sequence[str]) -> None:
        self.net, self.config, self.categories = net, config, list(categories)
        self.calibration = Calibration(**config.calibration)
        self.offered_labels = [config.categories.index(category) for category in categories]

    def logits(self, views: Prefixes) -> Tensor:
        """Calibrated logits of all labels."""
        logits = logits_of(self.net, self.config, views)
        return self.calibration.scaled(logits, torch.from_numpy(np.maximum(views.rows, 1)))

    def answers(self, sketches: dict[str, list[AnyStroke3]], cut: MakePrefixes) -> RouterPredictions:
        """On sketches of the categories on offer; the cut is made category by category, in order."""
        logits = [self.logits(cut(sketches[category])) for category in self.categories]
        chances = [F.softmax(each[:, self.offered_labels], dim=-1).double().numpy() for each in logits]
        return RouterPredictions(
            chances, [in_distribution_scores(each, self.offered_labels).double().numpy() for each in logits]
        )

    def quality(self, answers: RouterPredictions) -> RouteQuality:
        """All figures of these answers."""
        hits, risk = answers.hits, answers.risk()
        macro, micro = estimated(hits), estimated([np.concatenate(hits)])
        each = {name: estimated([some]) for name, some in zip(self.categories, hits, strict=True)}
        return RouteQuality(
            macro=macro.value,
            macro_95=macro.interval,
            micro=micro.value,
            micro_95=micro.interval,
            calibration_error=expected_calibration_error(np.concatenate(answers.chances), np.concatenate(hits) == 1),
            accepted=float((np.concatenate(answers.known) >= self.calibration.known).mean()),
            risk_area=risk.area,
            risk_at_80=risk.at(0.8),
            by_category={name: estimate.value for name, estimate in each.items()},
            by_category_95={name: estimate.interval for name, estimate in each.items()},
            count=micro.count,
        )

    def confusion(self, answers: RouterPredictions) -> NDArray[np.int64]:
        """How often category i (row) was taken for category j (column)."""
        taken = [each.argmax(axis=1) for each in answers.chances]
        return np.stack([np.bincount(each, minlength=len(self.categories)) for each in taken])

    def scores(self, views: Prefixes) -> NDArray[np.float64]:
        """Known scores, higher where a sketch is more like what is on offer."""
        return in_distribution_scores(self.logits(views), self.offered_labels).double().numpy()


@dataclass(frozen=True)
class RefusalQuality:
    """How well the known and the unknown are told apart.

    Attributes:
        auroc: chance that a known sketch scores higher than an unknown one.
        auroc_95: its 95 % interval.
        false_alarms: share of the unknown that is accepted where 95 % of the known are.
        false_alarms_95: its 95 % interval.
        accepted_unknown: share of the unknown that the bundle's own threshold accepts.
        known, unknown: how many of each.
    """

    auroc: float
    auroc_95: tuple[float, float]
    false_alarms: float
    false_alarms_95: tuple[float, float]
    accepted_unknown: float
    known: int
    unknown: int


def refusal_quality(known: NDArray[np.float64], unknown: NDArray[np.float64], threshold: float) -> RefusalQuality:
    """From the known scores of both; AUROC by scikit-learn."""
    from sklearn.metrics import roc_auc_score

    truth = np.concatenate([np.ones(len(known)), np.zeros(len(unknown))])
    false_alarms = _resampled(known, unknown, _false_alarms)
    return RefusalQuality(
        auroc=float(roc_auc_score(truth, np.concatenate([known, unknown]))),
        auroc_95=_resampled(known, unknown, _chance_of_order).interval,
        false_alarms=false_alarms.value,
        false_alarms_95=false_alarms.interval,
        accepted_unknown=float((unknown >= threshold).mean()),
        known=len(known),
        unknown=len(unknown),
    )


def _resampled(known: Scores, unknown: Scores, measure: Callable[[Scores, Scores], float]) -> Estimate:
    return estimated_of([known, unknown], lambda samples: measure(samples[0], samples[1]))


def _chance_of_order(known: Scores, unknown: Scores) -> float:
    """That a known sketch scores higher than an unknown one: AUROC, quickly enough to be taken hundreds of times."""
    ranked = np.sort(unknown)
    below, up_to = np.searchsorted(ranked, known, side="left"), np.searchsorted(ranked, known, side="right")
    return float((below + up_to).mean() / (2 * len(unknown)))


def _false_alarms(known: Scores, unknown: Scores) -> float:
    """Share of the unknown at or above where 95 % of the known are."""
    return float((unknown >= np.quantile(known, 0.05)).mean())
