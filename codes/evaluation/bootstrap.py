"""How sure a measured figure is, and what is wrong of what is accepted. Knows arrays; knows no sketches and no models.

Intervals are of 95 %, by the bootstrap's percentiles (Efron 1979): the sketches of each category are drawn again with
replacement, the categories stay. So they tell how far chance in the choice of test sketches goes, and nothing of what
another training with another seed would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

RESAMPLES = 1000
FEW_RESAMPLES = 200  # of statistics that are slow to take
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A figure, its 95 % interval, and over how many sketches it was taken."""

    value: float
    low: float
    high: float
    count: int

    @property
    def interval(self) -> tuple[float, float]:
        """From low to high."""
        return self.low, self.high


def mean_of_means(means: Floats) -> Floats:
    """Of the first measure, all groups counted alike: ``[..., G, K]`` to ``[...]``."""
    average: Floats = means[..., 0].mean(axis=-1)
    return average


def estimated(groups: Sequence[Floats], statistic: Statistic = mean_of_means, seed: int = 0) -> Estimate:
    """A statistic of the means of groups, say of categories.

    Args:
        groups: of each group ``[N]``, or ``[N, K]`` for K measures of the same sketches.
        statistic: means ``[..., G, K]`` to numbers ``[...]``.
        seed: of the resampling.
    """
    tables = [group.reshape(len(group), -1).astype(np.float64) for group in groups]
    value = float(statistic(np.stack([table.mean(axis=0) for table in tables])))
    return _with_interval(value, statistic(resampled_means(tables, seed)), sum(map(len, tables)))


def resampled_means(tables: Sequence[Floats], seed: int = 0, times: int = RESAMPLES) -> Floats:
    """Means of each ``[N, K]`` drawn anew, ``[times, G, K]``."""
    rng = np.random.default_rng(seed)
    counts = (rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=times) for table in tables)
    return np.stack([drawn @ table / len(table) for drawn, table in zip(counts, tables, strict=True)], axis=1)


def estimated_of(samples: Sequence[Floats], statistic: Callable[[Sequence[Floats]], float], seed: int = 0) -> Estimate:
    """Any statistic of samples, each drawn anew on its own; for those that are no function of means."""
    rng = np.random.default_rng(seed)
    again = [
        statistic([sample[rng.integers(len(sample), size=len(sample))] for sample in samples])
        for _ in range(FEW_RESAMPLES)
    ]
    return _with_interval(statistic(samples), np.array(again), sum(map(len, samples)))


def _with_interval(value: float, again: Floats, count: int) -> Estimate:
    low, high = np.percentile(again, INTERVAL)
    return Estimate(value, float(low), float(high), count)


@dataclass(frozen=True)
class RiskCurve:
    """What is wrong of the surest sketches, by how many of them are accepted.

    Attributes:
        coverage: ``[N]``, share accepted, ascending to 1.
        risk: ``[N]``, share of the accepted that is wrong.
    """

    coverage: Floats
    risk: Floats

    @property
    def area(self) -> float:
        """Mean risk over all coverages; lower is better."""
        return float(np.sum(self.risk * np.diff(self.coverage, prepend=0.0)))

    def at(self, coverage: float) -> float:
        """The risk where this share is accepted."""
        return float(self.risk[min(len(self.risk) - 1, int(np.searchsorted(self.coverage, coverage - 1e-9)))])


def risk_curve(sureness: Floats, wrong: Floats, weights: Floats) -> RiskCurve:
    """The surest first (Geifman and El-Yaniv 2017); sketches equally sure are accepted in the order given.

    Args:
        sureness: ``[N]``.
        wrong: ``[N]``, 1 where the answer is wrong.
        weights: ``[N]``, how much each sketch counts; 1 over its category's count makes categories count alike.
    """
    order = np.argsort(-sureness, kind="stable")
    accepted = np.cumsum(weights[order])
    return RiskCurve(accepted / accepted[-1], np.cumsum((weights * wrong)[order]) / accepted)
