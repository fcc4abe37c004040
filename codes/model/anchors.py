"""Anchors: earlier ink as a mixture over where the next point is put, so that a line can end where another one is.

Every point of earlier ink is the centre of a round Gaussian, and every segment that of one which lies along it (a
pointer: Vinyals, Fortunato and Jaitly 2015; here with a width). QuickDraw's points are whole pixels, and the density of
hitting one exactly has no bound, so widths have a floor of a pixel and a half. How anchors are weighed stands in
:mod:`codes.model.fused_ink.reference`. Knows points and their weights; knows no sketches.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from codes.model.config import InkConfig
from codes.model.fused_ink import AnchorNoise, Pen, Table, anchor_log_prob, anchor_sample


@dataclass(frozen=True)
class Anchors:
    """Hold a mixture of Gaussians on earlier ink for the offset after each of ``[B, I]`` rows; immutable.

    Attributes:
        config: sizes of the attention.
        query: ``[B, I, Q]``, weighs the anchors.
        spread: ``[B, I]`` standard deviation across an anchor and around its ends, in model units.
        table: the earlier points.
        pen: ``[B, I]``, where the offset begins.
    """

    config: InkConfig
    query: Tensor
    spread: Tensor
    table: Table
    pen: Pen

    def log_prob(self, offset: Tensor) -> Tensor:
        """Return the log density of one offset for each row in nats; ``[B I, 2]`` in any shape, and so the result."""
        offsets = offset.view(*self.spread.shape, -1)
        found = anchor_log_prob(self.config, self.query, self.spread, self.table, self.pen, offsets)
        return found.view(offset.shape[:-1])

    def sample(self, noise: AnchorNoise) -> Tensor:
        """Draw one offset for each of ``[B, 1]`` rows, ``[B, 2]``."""
        return anchor_sample(self.config, self.query, self.spread, self.table, self.pen, noise)

    def at(self, offset: Tensor) -> KnownDensity:
        """Return these anchors for one ``offset`` of each row and no other, without the ink they are made of."""
        return KnownDensity(self.log_prob(offset))


@dataclass(frozen=True)
class KnownDensity:
    """Hold the log density ``[A]`` of one offset for each row, so that many rows can be scored together later."""

    values: Tensor

    def log_prob(self, offset: Tensor) -> Tensor:
        """Return the log density, ``[A]``, of the offsets that it was computed for."""
        return self.values
