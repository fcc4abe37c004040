"""Attention over earlier points and the density of anchors: numbers in, numbers out; knows no modules and no sketches.

:mod:`~codes.model.fused_ink.reference` says in torch what is computed, and :mod:`~codes.model.fused_ink.kernel`
computes it.
"""

from codes.model.fused_ink.kernel import anchor_log_prob, attend, prepare
from codes.model.fused_ink.pen import PLACE, Pen
from codes.model.fused_ink.reference import GEOMETRY, KINDS, AnchorNoise, Table, anchor_sample, columns_of

__all__ = [
    "GEOMETRY",
    "KINDS",
    "PLACE",
    "AnchorNoise",
    "Pen",
    "Table",
    "anchor_log_prob",
    "anchor_sample",
    "attend",
    "columns_of",
    "prepare",
]
