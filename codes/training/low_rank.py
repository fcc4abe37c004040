"""Train a small difference: the matrices of a model stay, and each learns a sum of few rank-one matrices beside it.

(Hu et al. 2022.) What is learned has the shape in which bundles store decoders, so nothing is lost when it is cut to
that rank afterwards, and a few hundred sketches cannot bend a matrix in every direction.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from codes.model.low_rank import Difference, LowRank
from codes.model.vae import SketchVAE


class AddedLowRank(nn.Module):
    """Add ``left^T right`` to a matrix ``[R, C]``; nothing at first, as ``left`` begins at 0."""

    def __init__(self, matrix: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = matrix.shape
        self.left = nn.Parameter(matrix.new_zeros(rank, rows))
        self.right = nn.Parameter(torch.randn(rank, columns, dtype=matrix.dtype) / rank**0.5)

    def forward(self, matrix: Tensor) -> Tensor:
        """Return the sum."""
        with torch.autocast(matrix.device.type, enabled=False):
            return matrix + self.left.t() @ self.right


def train_low_rank(model: SketchVAE, rank: int) -> None:
    """Let every matrix of a model's decoder change by no more than this rank; the smaller ones and all vectors, freely.

    The encoder stays as it is: all categories of a bundle share it.
    """
    model.requires_grad_(False)
    model.decoder.requires_grad_(True)
    matrices = [
        (module, name)
        for module in model.decoder.modules()
        for name, value in module.named_parameters(recurse=False)
        if value.dim() == 2 and rank * sum(value.shape) < value.numel()
    ]
    for module, name in matrices:
        matrix = getattr(module, name)
        matrix.requires_grad_(False)
        parametrize.register_parametrization(module, name, AddedLowRank(matrix, rank))


@torch.no_grad()
def begin_at(model: nn.Module, difference: Difference) -> None:
    """Let a model that :func:`train_low_rank` prepared begin at this difference, of the same rank, from its weights."""
    for name, away in difference.items():
        path, _, last = name.rpartition(".")
        module: Any = model.get_submodule(path)
        if isinstance(away, LowRank):
            added: AddedLowRank = module.parametrizations[last][0]
            added.left.copy_(away.left)
            added.right.copy_(away.right)
        else:
            getattr(module, last).add_(away)


def plain_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a model's weights by the names of one that was not prepared by :func:`train_low_rank`."""
    weights = dict(model.state_dict())
    for path, module in model.named_modules():
        if parametrize.is_parametrized(module):
            for name in module.parametrizations:
                whole = f"{path}.{name}" if path else name
                own = [each for each in weights if each.startswith(f"{path}.parametrizations.{name}.".lstrip("."))]
                for each in own:
                    del weights[each]
                weights[whole] = getattr(module, name).detach()
    return weights
