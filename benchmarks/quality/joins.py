"""Measure where added strokes begin and end, against the ink that stood before them. Knows arrays; knows no models.

An added stroke *begins on ink* if its first point lies within :data:`REACH` pixels of a segment of an earlier stroke.
It *ends on ink* if its last point does, and it *closes* if its own two ends lie that near to each other. A segment of
its own stroke never counts as earlier ink. A stroke of a single point has that point as its segment.

A stroke that the prefix left unfinished began where the person began it, so it counts only for its end. Where there is
no earlier stroke at all, there is nothing to begin or end on, and the stroke counts only for closing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from codes.evaluation.bootstrap import bootstrap_of_means, resampled_means
from codes.strokes.stroke3 import LIFT, OFFSET, AnyStroke3, Floats

REACH = 6.0  # QuickDraw pixels, of a box of 255
JOINS = ("begins", "ends", "closes")


@dataclass(frozen=True)
class Joins:
    """Hold the gaps of the strokes that were added to one sketch, in pixels.

    Attributes:
        begins: ``[K]``, from the first point of each stroke to the nearest earlier segment.
        ends: ``[L]``, the same of each last point.
        closes: ``[M]``, from the first point to the last.
    """

    begins: Floats
    ends: Floats
    closes: Floats

    def counts(self) -> Floats:
        """Return how many gaps are within reach, and how many there are, for each of :data:`JOINS`; ``[6]``."""
        gaps = (getattr(self, name) for name in JOINS)
        return np.array([number for each in gaps for number in ((each <= REACH).sum(), len(each))], dtype=np.float64)


@dataclass(frozen=True)
class _Strokes:
    """Hold a sketch as strokes and segments, each stroke a range of rows.

    Attributes:
        first, last: ``[S, 2]``, the first and the last point of each stroke.
        began: ``[S]``, the row that put the pen down, -1 for the first stroke: its first point has no row.
        ended: ``[S]``, its last row.
        segments: ``[M, 2, 2]``, both ends of each.
        owners: ``[M]``, the stroke that each segment is of.
    """

    first: Floats
    last: Floats
    began: NDArray[np.int64]
    ended: NDArray[np.int64]
    segments: Floats
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, rows: AnyStroke3) -> _Strokes:
        positions = np.vstack([np.zeros((1, 2)), np.cumsum(rows[:, OFFSET].astype(np.float64), axis=0)])
        lifted = rows[:, LIFT] == 1
        in_air = np.concatenate([[False], lifted[:-1]])
        began = np.concatenate([[-1], np.flatnonzero(in_air)])
        ended = np.concatenate([began[1:] - 1, [len(rows) - 1]])
        is_dot = in_air & lifted  # its one row moves the pen through the air, and it has no other
        inked = np.flatnonzero(~in_air | is_dot)
        starts = np.where(is_dot[inked], inked + 1, inked)
        segments = np.stack([positions[starts], positions[inked + 1]], axis=1)
        return cls(positions[began + 1], positions[ended + 1], began, ended, segments, np.cumsum(in_air)[inked])


def measure_joins(rows: AnyStroke3, start: int) -> Joins:
    """Measure the strokes that the rows from ``start`` on added to a sketch.

    Args:
        rows: stroke-3 ``[n, 3]`` in QuickDraw pixels.
        start: rows of the prefix, at least 1.
    """
    strokes = _Strokes.of(rows)
    added = strokes.began >= start
    finished = ~added & (strokes.ended >= start)
    return Joins(
        begins=_gaps(strokes, strokes.first, added),
        ends=_gaps(strokes, strokes.last, added | finished),
        closes=np.hypot(*(strokes.last - strokes.first)[added].T),
    )


def measure_all_joins(sketches: Sequence[AnyStroke3], starts: NDArray[np.int64]) -> list[Joins]:
    """Measure what was added to each sketch from its row ``starts [N]`` on."""
    return [measure_joins(rows, start) for rows, start in zip(sketches, starts.tolist(), strict=True)]


def _gaps(strokes: _Strokes, points: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Return the distance from one point of each chosen stroke to the nearest segment of the strokes before it."""
    numbers = np.flatnonzero(chosen)
    numbers = numbers[numbers > 0]
    distances = segment_distances(points[numbers], strokes.segments)
    nearest: Floats = np.where(strokes.owners < numbers[:, None], distances, np.inf).min(axis=1, initial=np.inf)
    return nearest


def segment_distances(points: Floats, segments: Floats) -> Floats:
    """Return the distances ``[K, M]`` from points ``[K, 2]`` to segments ``[M, 2, 2]``."""
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    away = points[:, None] - start
    share = (away * along).sum(axis=2) / np.maximum(np.square(along).sum(axis=1), 1e-12)
    distances: Floats = np.linalg.norm(away - np.clip(share, 0, 1)[..., None] * along, axis=2)
    return distances


def joins_figures(
    people: Sequence[Sequence[Joins]], trials: Mapping[str, Sequence[Sequence[Joins]]]
) -> dict[str, dict[str, Any]]:
    """Return how often added strokes join earlier ink, and how far trials are from people, over all categories.

    Args:
        people: the joins of people's own sketches, by category and sketch.
        trials: by name, the joins of completions of the same prefixes, in the same order.

    Returns:
        For each of :data:`JOINS` a dictionary. ``people`` and the name of each trial hold the share within reach, the
        mean over categories. ``difference`` holds for each trial the mean over categories of the absolute difference
        to people's share, and ``wasserstein`` that of the Wasserstein distance between the gaps, in pixels.
        ``chance`` is the mean absolute difference between two sets of people's sketches, resampled from these: what is
        not above it may be chance. ``by_category`` has the shares, people's first, then each trial's.
    """
    return {name: _figures(number, name, people, trials) for number, name in enumerate(JOINS)}


def _figures(
    number: int, name: str, people: Sequence[Sequence[Joins]], trials: Mapping[str, Sequence[Sequence[Joins]]]
) -> dict[str, Any]:
    """Return the figures of one of :data:`JOINS`."""
    tables = {who: _counts(some, number) for who, some in {"people": people, **trials}.items()}
    shares = {who: np.array([_share(table.mean(axis=0)) for table in some]) for who, some in tables.items()}
    gaps = {who: [_gaps_of(each, name) for each in some] for who, some in {"people": people, **trials}.items()}
    return {
        **{who: bootstrap_of_means(some, lambda means: _share(means).mean(axis=-1)) for who, some in tables.items()},
        "difference": {who: float(np.abs(shares[who] - shares["people"]).mean()) for who in trials},
        "wasserstein": {who: _mean_wasserstein(gaps[who], gaps["people"]) for who in trials},
        "chance": _chance_difference(tables["people"]),
        "by_category": np.column_stack(list(shares.values())).tolist(),
    }


def _counts(categories: Sequence[Sequence[Joins]], number: int) -> list[Floats]:
    """Return for each category ``[N, 2]``: of each sketch, how many gaps are within reach, and how many there are."""
    return [np.array([each.counts()[2 * number : 2 * number + 2] for each in some]) for some in categories]


def _share(counts: Floats) -> Floats:
    """Return the share within reach from counts ``[..., 2]``, or from their means; 0 where there are none."""
    share: Floats = counts[..., 0] / np.maximum(counts[..., 1], 1e-9)
    return share


def _gaps_of(sketches: Sequence[Joins], name: str) -> Floats:
    return np.concatenate([getattr(each, name) for each in sketches])


def _mean_wasserstein(made: Sequence[Floats], people: Sequence[Floats]) -> float | None:
    """Return the mean over categories in which both have such gaps, or None if there is no such category."""
    pairs = [(one, other) for one, other in zip(made, people, strict=True) if len(one) and len(other)]
    return float(np.mean([wasserstein_distance(*pair) for pair in pairs])) if pairs else None


def _chance_difference(tables: Sequence[Floats]) -> float:
    """Return the mean absolute difference of a share between two resamples of each category's sketches."""
    first, second = (_share(resampled_means(tables, seed)) for seed in (0, 1))
    return float(np.abs(first - second).mean())
