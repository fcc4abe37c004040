"""A matrix that is the sum of few: what a decoder learned beyond the one it began as (Hu et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class LowRank(NamedTuple):
    """Hold a matrix ``[R, C]`` as a product of two.

    Attributes:
        left: ``[rank, R]``.
        right: ``[rank, C]``.
    """

    left: Tensor
    right: Tensor

    def whole(self) -> Tensor:
        """Return the matrix, ``[R, C]``."""
        return self.left.t() @ self.right


Difference = Mapping[str, LowRank | Tensor]  # of some weights from others, by their names
