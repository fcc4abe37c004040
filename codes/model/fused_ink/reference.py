"""Looking back at earlier points, in torch: what ``ink.c`` computes, on any device and without a compiler.

Rows of a :class:`Table` stand for earlier points: keys and values of some heads, keys of two kinds of anchors,
and the :data:`PLACE` numbers of the point's place. From row i a pen sees the points 0 to i.

*Attention* is that of Vaswani et al. (2017, section 3.2), with scores and values that also have a part linear in the
geometry ``g`` of a point as the pen sees it::

    score = q . k / sqrt(key) + u . g        found = sum of softmax(score) (v, g)

*Anchors* are a mixture of Gaussians whose weights are scored alike: a round one on every point, and one along every
segment, whose covariance is ``s^2 I + a a^T`` with the spread ``s`` and an axis ``a`` such that all places of the
segment have its mean and variance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from codes.model.config import InkConfig
from codes.model.fused_ink.pen import BEGINS, PLACE, REACH_X, REACH_Y, STROKE, Pen, Y

GEOMETRY = 10  # numbers of a point as a pen sees it
KINDS = 2  # of anchors: points, and the segments that lead to them
SPAN = 3**-0.5  # standard deviation of the places of a segment, over half its length
ABSENT = -1e9  # the score of what is not there: beside a score of 0 it weighs nothing


class Table(NamedTuple):
    """Hold the earlier points of some sketches.

    Attributes:
        rows: ``[R, J, W]``.
        slots: ``[B]`` which of the R tables is a sketch's; None where each has its own, in order.
    """

    rows: Tensor
    slots: Tensor | None = None

    @property
    def own(self) -> Tensor:
        """Return the table of each sketch, ``[B, J, W]``."""
        return self.rows if self.slots is None else self.rows[self.slots]

    def contiguous(self) -> Table:
        """Return the same with the rows of a table behind one another; tables of different sketches may lie apart."""
        rows = self.rows
        return (
            self if rows.stride(2) == 1 and rows.stride(1) == rows.shape[2] else self._replace(rows=rows.contiguous())
        )


class AnchorNoise(NamedTuple):
    """Hold the numbers from which an offset is drawn.

    Attributes:
        uniform: ``[B, 1]`` in 0 to 1, chooses the anchor.
        normal: ``[B, 2]`` standard normal, along and across it; smaller where it is to be colder.
        inverse_temperature: ``[B, 1]``, multiplies the scores.
    """

    uniform: Tensor
    normal: Tensor
    inverse_temperature: Tensor


def columns_of(config: InkConfig) -> list[int]:
    """Return the sizes of the parts of a table's row: keys, values, keys of anchors, place."""
    attended = config.heads * config.key
    return [attended, attended, KINDS * config.key, PLACE]


def attend(config: InkConfig, query: Tensor, table: Table, pen: Pen) -> Tensor:
    """Return what each row finds in earlier points, ``[B, I, heads (key + GEOMETRY)]``.

    ``query`` is as large, a head's part for keys before its part for geometry.
    """
    keys, values, _, place = torch.split(table.own, columns_of(config), dim=-1)
    seen, visible = geometry(pen, place), _visible(pen, table)
    weights = _scores(config, query, keys, seen).masked_fill(~visible.unsqueeze(2), ABSENT).softmax(dim=-1)
    batch, rows, heads, _ = weights.shape
    found = weights.transpose(1, 2) @ torch.unflatten(values, -1, (heads, -1)).transpose(1, 2)  # [B, heads, I, key]
    where = (weights.flatten(0, 1) @ seen.flatten(0, 1)).view(batch, rows, heads, -1)
    return torch.cat([found.transpose(1, 2), where], dim=-1).flatten(2)


def anchor_log_prob(config: InkConfig, query: Tensor, spread: Tensor, table: Table, pen: Pen, offset: Tensor) -> Tensor:
    """Return the log density of each row's ``offset [B, I, 2]`` under its anchors, ``[B, I]``.

    ``query [B, I, KINDS (key + GEOMETRY)]`` scores the anchors and ``spread [B, I]`` is their width.
    """
    centres, axes = anchor_places(table)
    away = (pen.position + offset).unsqueeze(2) - centres.unsqueeze(1)
    across = spread.square().unsqueeze(-1)
    along = across + axes.square().sum(dim=-1).unsqueeze(1)
    squares = away.square().sum(dim=-1) - (away * axes.unsqueeze(1)).sum(dim=-1).square() / along
    log_density = -0.5 * (squares / across + along.log() + across.log()) - math.log(2 * math.pi)
    weights = anchor_logits(config, query, table, pen).log_softmax(dim=-1)
    return torch.logsumexp(weights + log_density, dim=-1)


def anchor_sample(
    config: InkConfig, query: Tensor, spread: Tensor, table: Table, pen: Pen, noise: AnchorNoise
) -> Tensor:
    """Draw an offset from the anchors of each of ``[B, 1]`` rows, ``[B, 2]``.

    The anchor is the one at which the running sum of the weights passes a number drawn beforehand: there are more
    anchors with every point, and so no number of Gumbel draws that could be fixed before the first.
    """
    logits = anchor_logits(config, query, table, pen).squeeze(1)
    scores = (logits - logits.amax(dim=-1, keepdim=True)) * noise.inverse_temperature
    sums = scores.exp().cumsum(dim=-1)
    chosen = (sums <= noise.uniform * sums[:, -1:]).sum(dim=-1).clamp(max=sums.shape[-1] - 1)
    rows = torch.arange(len(chosen), device=chosen.device)
    centre, axis = (part[rows, chosen] for part in anchor_places(table))
    length = torch.linalg.vector_norm(axis, dim=-1, keepdim=True)
    along = torch.where(length > 0, axis / length.clamp(min=1e-12), axis.new_tensor([1.0, 0.0]))
    across = torch.stack([-along[:, 1], along[:, 0]], dim=-1)
    first, second = noise.normal.tensor_split(2, dim=-1)
    away = along * (first * torch.hypot(spread, length)) + across * (second * spread)
    return centre - pen.position.squeeze(1) + away


def anchor_logits(config: InkConfig, query: Tensor, table: Table, pen: Pen) -> Tensor:
    """Return the scores of the anchors of each row, ``[B, I, KINDS J]``: of all points, then of all segments."""
    _, _, keys, place = torch.split(table.own, columns_of(config), dim=-1)
    scores = _scores(config, query, keys, geometry(pen, place))
    drawn = (place[..., REACH_X : REACH_Y + 1] != 0).any(dim=-1)
    there = torch.stack([torch.ones_like(drawn), drawn], dim=1).unsqueeze(1) & _visible(pen, table).unsqueeze(2)
    return scores.masked_fill(~there, ABSENT).flatten(2)


def anchor_places(table: Table) -> tuple[Tensor, Tensor]:
    """Return the centres of the anchors and one standard deviation along each, ``[B, KINDS J, 2]`` both."""
    place = table.own[..., -PLACE:]
    position, half = place[..., : Y + 1], 0.5 * place[..., REACH_X : REACH_Y + 1]
    centres = torch.cat([position, position - half], dim=1)
    return centres, torch.cat([torch.zeros_like(half), SPAN * half], dim=1)


def geometry(pen: Pen, place: Tensor) -> Tensor:
    """Return how the pen at each of I rows sees each of J points, ``[B, I, J, GEOMETRY]``, of ``place [B, J, PLACE]``.

    The numbers: half the offset to the point, tanh of twice the offset, farness ``d / (1 + d)`` and nearness
    ``exp(-3 d)`` of the distance, half the logarithm of the age in rows, and whether the point begins a stroke, is of
    the stroke that is being drawn, and both.
    """
    offset = place[:, None, :, : Y + 1] - pen.position.unsqueeze(2)
    distance = torch.linalg.vector_norm(offset, dim=-1, keepdim=True)
    begins = place[:, None, :, BEGINS].expand(offset.shape[:-1])
    same = (place[:, None, :, STROKE] == pen.place[..., STROKE].unsqueeze(2)).to(offset.dtype)
    numbers = torch.arange(place.shape[1], device=place.device, dtype=place.dtype)
    age = 0.5 * torch.log1p((pen.row.unsqueeze(2) - numbers).clamp(min=0))
    flags = torch.stack([age, begins, same, begins * same], dim=-1)
    distances = (distance / (1 + distance), torch.exp(-3 * distance))
    return torch.cat([0.5 * offset, torch.tanh(2 * offset), *distances, flags], dim=-1)


def _scores(config: InkConfig, query: Tensor, keys: Tensor, seen: Tensor) -> Tensor:
    """Return ``[B, I, heads, J]``: what queries find in keys, and in geometry."""
    heads = keys.shape[-1] // config.key
    content, place = torch.split(torch.unflatten(query, -1, (heads, -1)), [config.key, GEOMETRY], dim=-1)
    matches = content.transpose(1, 2) @ torch.unflatten(keys, -1, (heads, -1)).permute(0, 2, 3, 1)  # [B, heads, I, J]
    geometric = (place.flatten(0, 1) @ seen.flatten(0, 1).transpose(1, 2)).view(*content.shape[:3], -1)
    return torch.add(geometric, matches.transpose(1, 2), alpha=config.key**-0.5)


def _visible(pen: Pen, table: Table) -> Tensor:
    """Return ``[B, I, J]``, which points are there for which row."""
    return torch.arange(table.rows.shape[1], device=table.rows.device) <= pen.row.unsqueeze(2)
