"""Anchors: earlier ink as a mixture over where the next point is put, so that a line can end where another one is.

Every point of earlier ink is the centre of a round Gaussian, and every segment that of one which lies along it (a
pointer: Vinyals, Fortunato and Jaitly 2015; here with a width). QuickDraw's points are whole pixels, and the density of
hitting one exactly has no bound, so widths have a floor of a pixel and a half. How anchors are weighed stands in
:mod:`codes.model.fused_ink.reference`. Knows points and their weights; knows no sketches.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from codes.model.config import InkConfig
from codes.model.fused_ink import AnchorNoise, Pen, Table, anchor_log_prob, anchor_sample

SPREAD, SPREAD_SHIFT = 0.3, -1.0  # model units; a fresh decoder's anchors are about four pixels wide
MIN_SPREAD = 0.045  # model units: 1.5 pixels at the scale of Quick, Draw! sketches


@dataclass(frozen=True)
class Anchors:
    """Hold a mixture of Gaussians on earlier ink for the offset after each of ``[B, I]`` rows; immutable.

    Attributes:
        config: sizes of the attention.
        outputs: ``[B, I, 1 + Q]`` of a decoder: the width of the Gaussians, and what weighs them.
        table: the earlier points.
        pen: ``[B, I]``, where the offset begins.
    """

    config: InkConfig
    outputs: Tensor
    table: Table
    pen: Pen

    @property
    def query(self) -> Tensor:
        """Return what weighs the anchors, ``[B, I, Q]``."""
        return self.outputs[..., 1:]

    @property
    def spread(self) -> Tensor:
        """Return the standard deviation across an anchor and around its ends in model units, ``[B, I]``."""
        return F.softplus(self.outputs[..., 0] + SPREAD_SHIFT) * SPREAD + MIN_SPREAD

    def log_prob(self, offset: Tensor) -> Tensor:
        """Return the log density of one offset for each row in nats; ``[B I, 2]`` in any shape, and so the result."""
        offsets = offset.view(*self.outputs.shape[:2], -1)
        found = anchor_log_prob(self.config, self.query, self.spread, self.table, self.pen, offsets)
        return found.view(offset.shape[:-1])

    def sample(self, noise: AnchorNoise) -> Tensor:
        """Draw one offset for each of ``[B, 1]`` rows, ``[B, 2]``."""
        return anchor_sample(self.config, self.query, self.spread, self.table, self.pen, noise)
