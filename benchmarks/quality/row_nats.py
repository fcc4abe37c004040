"""Measure what the rows after a prefix cost a decoder, apart by what they do: jump, end a stroke, or all that moves.

Costs are pixel nats: those of offsets are of densities in QuickDraw pixels, so decoders of different scales compare.
Rows that move nothing are left out of all three, because the density of standing still has no bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from codes.checkpoints.part import PartConfig
from codes.data.batches import Batch
from codes.evaluation.bootstrap import bootstrap_of_means
from codes.evaluation.prefixes import batches_by_length
from codes.model.vae import SketchVAE
from codes.strokes.stroke3 import OFFSET, UP, AnyStroke3, Floats
from codes.training.objectives import PointNats, prefix_lengths

ROWS = ("moved", "jumps", "stroke_ends")


@torch.no_grad()
def row_nats(vae: SketchVAE, config: PartConfig, sketches: Sequence[AnyStroke3], fraction: float) -> Floats:
    """Return what the rows after a prefix of each sketch cost, z inferred from the prefix; ``[N, 6]``.

    For each of :data:`ROWS` there are two columns, nats and how many rows they are of. ``moved`` has the offsets and
    the pen states of all rows, by rows; ``jumps`` the offsets of rows after a pen-up; ``stroke_ends`` the offsets of
    rows after which the pen lifts. The shortest sketch comes first.
    """
    tables = []
    for batch in batches_by_length(config.normaliser, sketches):
        prefix = prefix_lengths(batch.lengths, fraction)
        z = vae.encode(batch.points, prefix).mean
        nats = PointNats.of(vae(batch.points, batch.lengths, z), batch).after(prefix).moving(batch)
        tables.append(_table(nats, batch, prefix, 2 * log(config.scale)))
    return np.concatenate(tables)


def _table(nats: PointNats, batch: Batch, prefix: Tensor, pixel_nats: float) -> Floats:
    """Return the table of one batch; ``pixel_nats`` are added to the cost of an offset."""
    rows = torch.arange(batch.points.shape[1])
    moves = (batch.points[..., OFFSET] != 0).any(dim=-1)
    counted = moves & (rows >= prefix.unsqueeze(1)) & (rows < batch.lengths.unsqueeze(1))
    offset = torch.where(counted, nats.offset[:, :-1] + pixel_nats, 0.0)
    lifts = batch.points[..., UP] > 0
    columns = [offset.sum(dim=1) + nats.pen.sum(dim=1), batch.lengths - prefix]
    for chosen in (counted & F.pad(lifts, (1, -1)), counted & lifts):
        columns += [(offset * chosen).sum(dim=1), chosen.sum(dim=1)]
    return torch.stack([column.double() for column in columns], dim=1).numpy()


def row_nats_figures(tables: Sequence[Floats]) -> dict[str, Any]:
    """Return nats a row from the table of each category: the mean over categories, and category by category."""
    return {
        name: {
            "macro": bootstrap_of_means([each[:, [2 * i, 2 * i + 1]] for each in tables], _mean_nats),
            "by_category": [float(_nats_a_row(each.mean(axis=0)[2 * i : 2 * i + 2])) for each in tables],
        }
        for i, name in enumerate(ROWS)
    }


def _nats_a_row(sums: Floats) -> Floats:
    """Divide nats by rows, ``[..., 2]``; 0 where there are no rows."""
    nats: Floats = sums[..., 0] / np.maximum(sums[..., 1], 1e-9)
    return nats


def _mean_nats(means: Floats) -> Floats:
    nats: Floats = _nats_a_row(means).mean(axis=-1)
    return nats
