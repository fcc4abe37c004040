"""Distances and shares by which completions are measured. Knows arrays; knows no models and no judge."""

from __future__ import annotations

import numpy as np

from codes.strokes.stroke3 import LIFT, OFFSET, AnyStroke3, Floats

SPACING = 2.0  # pixels between the points that stand for a line
MIN_GAP = 0.1  # a category with a smaller gap between prefixes and true sketches is left out of its mean
MIN_DIVISOR = 0.01  # so that a resampled gap of nearly nothing does not become a share of nearly infinity


def frechet_distance(first: Floats, second: Floats) -> float:
    """Return the squared Fréchet distance of the Gaussians with the moments of ``[N, D]`` and ``[M, D]``.

    (Dowson and Landau 1982; Heusel et al. 2017 use it on network features.) The matrix root is taken through
    eigenvalues of symmetric matrices, so nothing is added to covariances of few samples. The distance falls with the
    number of samples: compare it only with the distance of two sets of true sketches of the same sizes.
    """
    difference = first.mean(axis=0) - second.mean(axis=0)
    cov_1, cov_2 = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (first, second))
    values, vectors = np.linalg.eigh(cov_1)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    trace_of_root = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_2 @ root), 0, None)).sum()
    return float(difference @ difference + np.trace(cov_1) + np.trace(cov_2) - 2 * trace_of_root)


def ink_points(sketch: AnyStroke3, start: int) -> Floats:
    """Return points ``[K, 2]`` along the ink that the rows from ``start`` on lay on paper.

    Positions are those of stroke-3 rows ``[n, 3]`` whose pen starts at the origin. Without any rows from ``start`` on,
    the only point is where the pen stands.
    """
    positions = np.vstack([np.zeros((1, 2)), np.cumsum(np.asarray(sketch[:, OFFSET], dtype=np.float64), axis=0)])
    lifted = np.concatenate([[0], sketch[:-1, LIFT]]).astype(bool)
    parts = [positions[start + 1 :]] if start < len(sketch) else [positions[start : start + 1]]
    for row in range(start, len(sketch)):
        if not lifted[row]:
            parts.append(_points_between(positions[row], positions[row + 1]))
    return np.concatenate(parts)


def _points_between(start: Floats, end: Floats) -> Floats:
    """Return points from ``start`` to ``end``, the end left out."""
    steps = max(1, int(np.ceil(np.hypot(*(end - start)) / SPACING)))
    return start + (end - start) * (np.arange(steps) / steps)[:, None]


def chamfer_distance(first: Floats, second: Floats) -> float:
    """Return the mean distance from each point to the nearest of the other set, of ``[N, 2]`` and ``[M, 2]``."""
    squares = np.square(first[:, None] - second[None]).sum(axis=2)
    return float(np.sqrt(squares.min(axis=1)).mean() + np.sqrt(squares.min(axis=0)).mean()) / 2


def mean_pairwise_distance(features: Floats) -> float:
    """Return the mean distance between two different rows of ``[N, D]``, ``N >= 2``."""
    distances = np.sqrt(np.square(features[:, None] - features[None]).sum(axis=2))
    return float(distances.sum() / (len(features) * (len(features) - 1)))


def gap_closed(means: Floats) -> Floats:
    """Return (completions - prefixes) / (true sketches - prefixes) of the shares that are recognised.

    ``means [..., G, K]`` holds prefixes, completions and true sketches first. The averages over the G groups are
    divided, which gives ``[...]``.
    """
    prefix, completed, true = (means[..., i].mean(axis=-1) for i in range(3))
    closed: Floats = (completed - prefix) / np.maximum(true - prefix, MIN_DIVISOR)
    return closed


def category_gap(table: Floats) -> float | None:
    """Return how much of one category's gap was closed, or None where it is smaller than :data:`MIN_GAP`.

    ``table [N, K]`` says of each sketch whether prefix, completion and true sketch are recognised, in this order.
    """
    prefix, _, true = (float(table[:, i].mean()) for i in range(3))
    return float(gap_closed(table.mean(axis=0)[None])) if true - prefix >= MIN_GAP else None
