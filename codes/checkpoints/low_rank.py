"""Decoders on disk as small differences from a common one: a hundred of them take the room of ten.

A category's decoder began as one of all categories and learned for a few hundred steps more, and of what it learned a
few directions of each matrix hold nearly all (Hu et al. 2022 train such differences; here they are cut from trained
weights). Of a matrix ``W [R, C]``, ``left [rank, R]`` and ``right [rank, C]`` are kept such that ``left^T right`` is
nearly ``W - common``; where these are no smaller, the difference is kept. Knows names and shapes; knows no models.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from codes.checkpoints.tensors import StoragePrecision, dequantise, quantise
from codes.model.low_rank import Difference, LowRank

LEFT, RIGHT = ".left", ".right"


def difference(
    tensors: Mapping[str, Tensor],
    common: Mapping[str, Tensor],
    rank: int,
    precision: StoragePrecision,
    prefix: str = "",
) -> dict[str, Tensor]:
    """Return what is stored of ``tensors``, given the common ones: the best approximation of this rank, quantised.

    Names that do not begin with the prefix are left out: there the common tensors stand for these.

    Raises:
        ValueError: a name or a shape differs.
    """
    if {name: value.shape for name, value in tensors.items()} != {name: each.shape for name, each in common.items()}:
        raise ValueError("the weights are not those of the common decoder's sizes")
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if not name.startswith(prefix):
            continue
        away = value.float() - common[name]
        if away.dim() == 2 and rank * sum(away.shape) < away.numel():
            left, sizes, right = torch.linalg.svd(away, full_matrices=False)  # Eckart and Young 1936
            root = sizes[:rank].sqrt().unsqueeze(1)
            found[name + LEFT], found[name + RIGHT] = left[:, :rank].t() * root, right[:rank] * root
        else:
            found[name] = away
    return quantise(found, precision)


def read_difference(stored: Mapping[str, Tensor]) -> dict[str, LowRank | Tensor]:
    """Invert :func:`difference`; half of a pair stays as it is, for :func:`add_difference` to refuse."""
    away: dict[str, LowRank | Tensor] = dict(dequantise(dict(stored)))
    for name in [name.removesuffix(LEFT) for name in away if name.endswith(LEFT)]:
        left, right = away[name + LEFT], away.get(name + RIGHT)
        if isinstance(left, Tensor) and isinstance(right, Tensor) and left.shape[0] == right.shape[0]:
            away[name] = LowRank(left, right)
            del away[name + LEFT], away[name + RIGHT]
    return away


@torch.no_grad()
def add_difference(tensors: Mapping[str, Tensor], away: Difference) -> None:
    """Add a difference to those of the tensors that it names, in place.

    Raises:
        ValueError: a name is unknown, a shape differs, or a number is not finite.
    """
    for name, each in away.items():
        pair = each if isinstance(each, LowRank) else (each,)
        if not all(half.isfinite().all() for half in pair):
            raise ValueError(f"{name} is not finite")
        shape = (each.left.shape[1], each.right.shape[1]) if isinstance(each, LowRank) else each.shape
        if name not in tensors or tensors[name].shape != shape:
            raise ValueError(f"{name} does not fit")
        if isinstance(each, LowRank):
            tensors[name].addmm_(each.left.t(), each.right)
        else:
            tensors[name].add_(each)
