"""Accuracy, calibration and refusal of trained routers, on sketches that they never saw. Knows nothing of decoders."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from codes.checkpoints.part import PartConfig
from codes.data.quickdraw import NONE_OF_THESE
from codes.errors import BadOption
from codes.evaluation.bootstrap import Estimate, Floats, RiskCurve, bootstrap, bootstrap_of_means, risk_curve
from codes.evaluation.prefixes import CutFunction, Prefixes, all_cuts, batches_by_length
from codes.model.calibration import Calibration, in_distribution_scores
from codes.model.router import RouterNet
from codes.strokes.stroke3 import AnyStroke3

BINS = 15  # of the expected calibration error


class RouterTest:
    """Test a router that has to choose among some of the categories that it learned.

    Raises:
        BadOption: the router never learned one of the categories.
    """

    def __init__(self, net: RouterNet, config: PartConfig, categories: Sequence[str]) -> None:
        if missing := [category for category in categories if category not in config.categories]:
            raise BadOption(f"the router never learned {', '.join(missing)}")
        self.net, self.config, self.categories = net, config, list(dict.fromkeys(categories))
        self.calibration = Calibration(**config.calibration)
        self.offered_labels = [config.categories.index(category) for category in self.categories]

    def logits(self, prefixes: Prefixes) -> Tensor:
        """Return the calibrated logits of all labels, ``[N, labels]``."""
        logits = logits_of(self.net, self.config, prefixes)
        return self.calibration.scaled(logits, torch.from_numpy(np.maximum(prefixes.lengths, 1)))

    def in_distribution_scores(self, prefixes: Prefixes) -> Floats:
        """Return the in-distribution scores ``[N]``, higher where a sketch is more like the categories on offer."""
        return in_distribution_scores(self.logits(prefixes), self.offered_labels).double().numpy()

    def predict(self, sketches: Mapping[str, Sequence[AnyStroke3]], cut: CutFunction) -> RouterPredictions:
        """Classify the sketches of the categories on offer, cut category by category, in order."""
        logits = [self.logits(cut(sketches[category])) for category in self.categories]
        probabilities = [F.softmax(each[:, self.offered_labels], dim=-1).double().numpy() for each in logits]
        scores = [in_distribution_scores(each, self.offered_labels).double().numpy() for each in logits]
        return RouterPredictions(probabilities, scores)

    def quality(self, predictions: RouterPredictions) -> RouterQuality:
        """Return every figure of these predictions."""
        hits, risk = predictions.hits, predictions.risk()
        top3 = predictions.hits_among(3)
        macro, micro = bootstrap_of_means(hits), bootstrap_of_means([np.concatenate(hits)])
        macro_top3 = bootstrap_of_means(top3)
        by_category = {name: bootstrap_of_means([each]) for name, each in zip(self.categories, hits, strict=True)}
        probabilities, scores = (
            np.concatenate(predictions.probabilities),
            np.concatenate(predictions.in_distribution_scores),
        )
        return RouterQuality(
            macro=macro.value,
            macro_95=macro.interval,
            macro_top3=macro_top3.value,
            macro_top3_95=macro_top3.interval,
            micro=micro.value,
            micro_95=micro.interval,
            calibration_error=expected_calibration_error(probabilities, np.concatenate(hits) == 1),
            accepted=float((scores >= self.calibration.known).mean()),
            risk_area=risk.area,
            risk_at_80=risk.at(0.8),
            by_category={name: estimate.value for name, estimate in by_category.items()},
            by_category_95={name: estimate.interval for name, estimate in by_category.items()},
            by_category_top3={name: float(each.mean()) for name, each in zip(self.categories, top3, strict=True)},
            count=micro.count,
        )

    def confusion(self, predictions: RouterPredictions) -> NDArray[np.int64]:
        """Count how often category i (row) was taken for category j (column)."""
        predicted = [each.argmax(axis=1) for each in predictions.probabilities]
        return np.stack([np.bincount(each, minlength=len(self.categories)) for each in predicted])

    def refusal(
        self, predictions: Mapping[str, RouterPredictions], unknown: Sequence[AnyStroke3]
    ) -> dict[str, RefusalQuality]:
        """Measure how well unknown sketches are told from known ones, for each cut.

        ``predictions`` are of the known sketches, by the names of :func:`all_cuts`.
        """
        cuts, threshold = all_cuts(), self.calibration.known
        return {
            name: refusal_quality(
                np.concatenate(each.in_distribution_scores), self.in_distribution_scores(cuts[name](unknown)), threshold
            )
            for name, each in predictions.items()
        }


def learned_categories(config: PartConfig, available: Container[str]) -> list[str]:
    """Return every category that the router of this configuration learned and that is available."""
    return [category for category in config.categories if category in available and category != NONE_OF_THESE]


@torch.no_grad()
def logits_of(net: RouterNet, config: PartConfig, prefixes: Prefixes) -> Tensor:
    """Return uncalibrated logits ``[N, labels]`` in the order of the prefixes."""
    rows = prefixes.rows()
    logits = torch.empty(len(rows), net.config.labels)
    for batch in batches_by_length(config.normaliser, rows, list(range(len(rows)))):
        logits[batch.labels] = net(batch.points, batch.lengths)
    return logits


@dataclass(frozen=True)
class RouterPredictions:
    """Hold what a router predicted for sketches under one cut, category by category.

    Attributes:
        probabilities: for each category's sketches ``[N, categories]``, given that they are of one on offer.
        in_distribution_scores: for each category's sketches ``[N]``.
    """

    probabilities: Sequence[Floats]
    in_distribution_scores: Sequence[Floats]

    @property
    def hits(self) -> list[Floats]:
        """Return 1 where the most probable category is the right one, else 0, for each category's sketches ``[N]``."""
        return self.hits_among(1)

    def hits_among(self, count: int) -> list[Floats]:
        """Return 1 where the right category is among the ``count`` most probable, for each category's sketches ``[N]``.

        Of equally probable categories the first counts as the more probable, as it does for ``argmax``.
        """
        ranked = [np.argsort(-each, axis=1, kind="stable")[:, :count] for each in self.probabilities]
        return [(each == i).any(axis=1).astype(np.float64) for i, each in enumerate(ranked)]

    def risk(self) -> RiskCurve:
        """Return the share of wrong answers by the share answered; categories count alike."""
        weights = np.concatenate([np.full(len(each), 1 / len(each)) for each in self.probabilities])
        return risk_curve(np.concatenate(self.probabilities).max(axis=1), 1 - np.concatenate(self.hits), weights)


@dataclass(frozen=True)
class RouterQuality:
    """Say how well a router recognises sketches under one cut.

    Attributes:
        macro: accuracy, averaged over categories.
        macro_95: its 95 % interval.
        macro_top3: share of sketches whose category is among the three most probable, averaged over categories.
        macro_top3_95: its 95 % interval.
        micro: accuracy, averaged over sketches.
        micro_95: its 95 % interval.
        calibration_error: expected calibration error, 15 bins.
        accepted: share of these sketches that are not ``unknown``.
        risk_area: mean share of wrong answers over all shares of sketches, the surest first; categories count alike.
        risk_at_80: share of wrong answers among the surest 80 %.
        by_category: accuracy of each.
        by_category_95: their 95 % intervals.
        by_category_top3: share of each whose category is among the three most probable.
        count: sketches.
    """

    macro: float
    macro_95: tuple[float, float]
    macro_top3: float
    macro_top3_95: tuple[float, float]
    micro: float
    micro_95: tuple[float, float]
    calibration_error: float
    accepted: float
    risk_area: float
    risk_at_80: float
    by_category: dict[str, float]
    by_category_95: dict[str, tuple[float, float]]
    by_category_top3: dict[str, float]
    count: int


def expected_calibration_error(probabilities: Floats, hits: NDArray[np.bool_]) -> float:
    """Return the mean gap of confidence and accuracy over bins of the top probability (Guo et al. 2017).

    There are :data:`BINS` bins of equal width; each weighs as much as it has sketches.

    Args:
        probabilities: ``[N, categories]``.
        hits: ``[N]``, True where the most probable category is the right one.
    """
    top = probabilities.max(axis=1)
    bin_of = np.minimum((top * BINS).astype(int), BINS - 1)
    counts = np.bincount(bin_of, minlength=BINS)
    gaps = np.bincount(bin_of, weights=top - hits, minlength=BINS)
    return float(np.abs(gaps).sum() / counts.sum())


@dataclass(frozen=True)
class RefusalQuality:
    """Say how well known and unknown sketches are told apart.

    Attributes:
        auroc: probability that a known sketch scores higher than an unknown one.
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


def refusal_quality(known: Floats, unknown: Floats, threshold: float) -> RefusalQuality:
    """Compare the in-distribution scores of known and of unknown sketches; the threshold is the bundle's own."""
    from sklearn.metrics import roc_auc_score

    truth = np.concatenate([np.ones(len(known)), np.zeros(len(unknown))])
    false_alarms = _bootstrap_of_both(known, unknown, _false_alarms)
    return RefusalQuality(
        auroc=float(roc_auc_score(truth, np.concatenate([known, unknown]))),
        auroc_95=_bootstrap_of_both(known, unknown, rank_auroc).interval,
        false_alarms=false_alarms.value,
        false_alarms_95=false_alarms.interval,
        accepted_unknown=float((unknown >= threshold).mean()),
        known=len(known),
        unknown=len(unknown),
    )


def _bootstrap_of_both(known: Floats, unknown: Floats, statistic: Callable[[Floats, Floats], float]) -> Estimate:
    return bootstrap([known, unknown], lambda samples: statistic(samples[0], samples[1]))


def rank_auroc(known: Floats, unknown: Floats) -> float:
    """Return the AUROC by counting ranks; scikit-learn's takes too long to be taken hundreds of times."""
    ranked = np.sort(unknown)
    below, up_to = np.searchsorted(ranked, known, side="left"), np.searchsorted(ranked, known, side="right")
    return float((below + up_to).mean() / (2 * len(unknown)))


def _false_alarms(known: Floats, unknown: Floats) -> float:
    """Return the share of the unknown that scores no lower than 95 % of the known do."""
    return float((unknown >= np.quantile(known, 0.05)).mean())
