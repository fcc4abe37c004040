"""Drawing point by point, compiled from ``draw.c``: the next point and its likelihood, and looking back from it.

:class:`codes.model.mixture.PointDistribution` and :class:`codes.model.ink.InkAttention` say in torch what is computed.
"""

from codes.model.fused_draw.kernel import advance, can_draw, draw_points, prepare

__all__ = ["advance", "can_draw", "draw_points", "prepare"]
