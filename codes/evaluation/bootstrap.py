"""Confidence intervals of measured figures, and the risk of accepted answers. Knows arrays, not sketches or models.

Intervals are of 95 %, by percentiles of the bootstrap (Efron 1979). The sketches of each category are resampled with
replacement; the categories stay. The intervals therefore cover chance in the choice of test sketches, but not what
another training run with another seed would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

RESAMPLES = 1000
FEW_RESAMPLES = 200  # for statistics that take long
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """Hold a figure, its 95 % interval, and the number of sketches behind it."""

    value: float
    low: float
    high: float
    count: int

    @property
    def interval(self) -> tuple[float, float]:
        """Return the interval's two ends."""
        return self.low, self.high


def mean_of_means(means: Floats) -> Floats:
    """Average the first measure over groups that count alike, ``[..., G, K]`` to ``[...]``."""
    average: Floats = means[..., 0].mean(axis=-1)
    return average


def bootstrap_of_means(groups: Sequence[Floats], statistic: Statistic = mean_of_means, seed: int = 0) -> Estimate:
    """Estimate a statistic of the means of groups, for example of categories.

    Args:
        groups: for each group ``[N]``, or ``[N, K]`` for K measures of the same sketches.
        statistic: means ``[..., G, K]`` to numbers ``[...]``.
        seed: of the resampling.
    """
    tables = [group.reshape(len(group), -1).astype(np.float64) for group in groups]
    value = float(statistic(np.stack([table.mean(axis=0) for table in tables])))
    return _with_interval(value, statistic(resampled_means(tables, seed)), sum(map(len, tables)))


def resampled_means(tables: Sequence[Floats], seed: int) -> Floats:
    """Resample each table ``[N, K]`` and return the means, ``[RESAMPLES, G, K]``."""
    rng = np.random.default_rng(seed)
    counts = (rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=RESAMPLES) for table in tables)
    return np.stack([drawn @ table / len(table) for drawn, table in zip(counts, tables, strict=True)], axis=1)


def bootstrap(samples: Sequence[Floats], statistic: Callable[[Sequence[Floats]], float]) -> Estimate:
    """Estimate any statistic of samples, each resampled on its own; slower than :func:`bootstrap_of_means`."""
    rng = np.random.default_rng(0)
    values = [
        statistic([sample[rng.integers(len(sample), size=len(sample))] for sample in samples])
        for _ in range(FEW_RESAMPLES)
    ]
    return _with_interval(statistic(samples), np.array(values), sum(map(len, samples)))


def _with_interval(value: float, resampled: Floats, count: int) -> Estimate:
    low, high = np.percentile(resampled, INTERVAL)
    return Estimate(value, float(low), float(high), count)


@dataclass(frozen=True)
class RiskCurve:
    """Hold the share of wrong answers by the share of sketches answered, the surest first.

    Attributes:
        coverage: ``[N]``, share answered, ascending to 1.
        risk: ``[N]``, share of the answers that is wrong.
    """

    coverage: Floats
    risk: Floats

    @property
    def area(self) -> float:
        """Return the mean risk over all coverages; lower is better."""
        return float(np.sum(self.risk * np.diff(self.coverage, prepend=0.0)))

    def at(self, coverage: float) -> float:
        """Return the risk where this share is answered."""
        return float(self.risk[min(len(self.risk) - 1, int(np.searchsorted(self.coverage, coverage - 1e-9)))])


def risk_curve(confidence: Floats, wrong: Floats, weights: Floats) -> RiskCurve:
    """Build the risk-coverage curve (Geifman and El-Yaniv 2017); equal confidences keep the order given.

    Args:
        confidence: ``[N]``.
        wrong: ``[N]``, 1 where the answer is wrong.
        weights: ``[N]``, how much each sketch counts; 1 over its category's count makes categories count alike.
    """
    order = np.argsort(-confidence, kind="stable")
    accepted = np.cumsum(weights[order])
    return RiskCurve(accepted / accepted[-1], np.cumsum((weights * wrong)[order]) / accepted)
