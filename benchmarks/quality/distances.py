"""Distances and shares that say what completions are worth. Knows arrays; knows no models and no judge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codes.sketch.stroke3 import AnyStroke3

Floats = NDArray[np.float64]

SPACING = 2.0  # pixels between the points that stand for a line
LEAST_GAP = 0.1  # a smaller one is not worth dividing by


def frechet(first: Floats, second: Floats) -> float:
    """Distance of the normal distributions with the means and covariances of ``[N, D]`` and ``[M, D]``.

    (Dowson and Landau 1982; squared, as is usual.) It is computed from eigenvalues of symmetric matrices, so nothing
    has to be added to covariances of few samples; but it falls with the number of samples, so it only means something
    beside the distance of two sets of true sketches of the same sizes.
    """
    apart = first.mean(axis=0) - second.mean(axis=0)
    one, other = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (first, second))
    values, vectors = np.linalg.eigh(one)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ other @ root), 0, None)).sum()
    return float(apart @ apart + np.trace(one) + np.trace(other) - 2 * shared)


def ink(sketch: AnyStroke3, start: int) -> Floats:
    """Points along what the rows from ``start`` on lay on paper, ``[K, 2]``; where the pen stands if that is nothing.

    Positions are those of stroke-3 rows ``[n, 3]`` whose pen starts at the origin.
    """
    places = np.vstack([np.zeros((1, 2)), np.cumsum(np.asarray(sketch[:, :2], dtype=np.float64), axis=0)])
    lifted = np.concatenate([[0], sketch[:-1, 2]]).astype(bool)
    parts = [places[start + 1 :]] if start < len(sketch) else [places[start : start + 1]]
    for row in range(start, len(sketch)):
        if not lifted[row]:
            parts.append(_along(places[row], places[row + 1]))
    return np.concatenate(parts)


def _along(start: Floats, end: Floats) -> Floats:
    """Points between two, the second left out."""
    steps = max(1, int(np.ceil(np.hypot(*(end - start)) / SPACING)))
    return start + (end - start) * (np.arange(steps) / steps)[:, None]


def chamfer(first: Floats, second: Floats) -> float:
    """Mean distance from each point of the one, ``[N, 2]``, to the nearest of the other, ``[M, 2]``, both ways."""
    squares = np.square(first[:, None] - second[None]).sum(axis=2)
    return float(np.sqrt(squares.min(axis=1)).mean() + np.sqrt(squares.min(axis=0)).mean()) / 2


def spread(features: Floats) -> float:
    """Mean distance between two different rows of ``[N, D]``, ``N >= 2``."""
    apart = np.sqrt(np.square(features[:, None] - features[None]).sum(axis=2))
    return float(apart.sum() / (len(features) * (len(features) - 1)))


def gap_closed(means: Floats) -> Floats:
    """How much of what prefixes lack to be recognised as true sketches are, completions have.

    ``means [..., G, K]`` with prefixes, completions and true sketches first; of the averages over groups, ``[...]``.
    """
    prefix, completion, true = (means[..., i].mean(axis=-1) for i in range(3))
    closed: Floats = (completion - prefix) / _not_tiny(true - prefix)
    return closed


def _not_tiny(gaps: Floats) -> Floats:
    """So that a resampled gap of nearly nothing does not become a share of nearly infinity."""
    return np.maximum(gaps, LEAST_GAP / 10)
