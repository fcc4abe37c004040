"""Anchors: earlier ink as a mixture over where the next point is put, so that a line can end where another one is.

Every point of earlier ink is the centre of a round Gaussian, and every segment that of one which lies along it (a
pointer: Vinyals, Fortunato and Jaitly 2015; here with a width). QuickDraw's points are whole pixels, and the density of
hitting one exactly has no bound, so widths have a floor of a pixel and a half. How anchors are weighed stands in
:mod:`codes.model.fused_ink.reference`. Knows points and their weights; knows no sketches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from codes.model.config import InkConfig
from codes.model.fused_ink import Pen, anchor_log_prob, anchor_logits, anchor_places


@dataclass(frozen=True)
class Anchors:
    """Hold a mixture of Gaussians on earlier ink for the offset after each of ``[B, I]`` rows; immutable.

    Attributes:
        config: sizes of the attention.
        query: ``[B, I, Q]``, weighs the anchors.
        spread: ``[B, I]`` standard deviation across an anchor and around its ends, in model units.
        table: ``[B, J, W]`` the earlier points.
        pen: ``[B, I]``, where the offset begins.
    """

    config: InkConfig
    query: Tensor
    spread: Tensor
    table: Tensor
    pen: Pen

    def log_prob(self, offset: Tensor) -> Tensor:
        """Return the log density of one offset for each row in nats; ``[B I, 2]`` in any shape, and so the result."""
        offsets = offset.view(*self.spread.shape, -1)
        found = anchor_log_prob(self.config, self.query, self.spread, self.table, self.pen, offsets)
        return found.view(offset.shape[:-1])

    def sample(self, uniform: Tensor, normal: Tensor, inverse_temperature: Tensor) -> Tensor:
        """Return one offset for each of ``[B, 1]`` rows, ``[B, 2]``.

        The anchor is the one at which the running sum of the weights passes a number drawn beforehand: there are more
        anchors with every point, and so no number of Gumbel draws that could be fixed before the first.

        Args:
            uniform: ``[B, 1]`` in 0 to 1, chooses the anchor.
            normal: ``[B, 2]`` standard normal, or smaller where it is to be colder.
            inverse_temperature: ``[B, 1]``, multiplies the logits.
        """
        logits = anchor_logits(self.config, self.query, self.table, self.pen).squeeze(1)
        sums = (logits * inverse_temperature).softmax(dim=-1).cumsum(dim=-1)
        chosen = (sums <= uniform * sums[:, -1:]).sum(dim=-1).clamp(max=sums.shape[-1] - 1)
        rows = torch.arange(len(chosen))
        centre, axis = (part[rows, chosen] for part in anchor_places(self.table))
        length = torch.linalg.vector_norm(axis, dim=-1, keepdim=True)
        along = torch.where(length > 0, axis / length.clamp(min=1e-12), axis.new_tensor([1.0, 0.0]))
        across = torch.stack([-along[:, 1], along[:, 0]], dim=-1)
        first, second = normal.tensor_split(2, dim=-1)
        away = along * (first * torch.hypot(self.spread, length)) + across * (second * self.spread)
        return centre - self.pen.position.squeeze(1) + away

    def at(self, offset: Tensor) -> KnownDensity:
        """Return these anchors for one ``offset`` of each row and no other, without the ink they are made of."""
        return KnownDensity(self.log_prob(offset))

    def select(self, rows: Tensor) -> Anchors:
        """Return the anchors of these rows, of ``[B]``."""
        pen = Pen(*(part[rows] for part in self.pen))
        return replace(self, query=self.query[rows], spread=self.spread[rows], table=self.table[rows], pen=pen)


@dataclass(frozen=True)
class KnownDensity:
    """Hold the log density ``[A]`` of one offset for each row, so that many rows can be scored together later."""

    values: Tensor

    def log_prob(self, offset: Tensor) -> Tensor:
        """Return the log density, ``[A]``, of the offsets that it was computed for."""
        return self.values
