"""The pen: where it is after each row, what it drew last, and which stroke it is in."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from codes.strokes.stroke3 import OFFSET, UP

X, Y, REACH_X, REACH_Y, BEGINS, STROKE = range(6)  # columns of a place
PLACE = 6


class Pen(NamedTuple):
    """Hold where the pen is after each of some rows.

    Attributes:
        place: ``[B, I, PLACE]``: x and y from the sketch's origin on; the offset of the row if it was drawn, else
            zeros; 1 where the row's point begins a stroke; the number of its stroke, from 1 on.
        row: ``[B, I]`` number of the row, the start row being 0.
    """

    place: Tensor
    row: Tensor

    @classmethod
    def before(cls, count: int, like: Tensor) -> Pen:
        """Return the pens ``[count, 1]`` before any row."""
        return cls(like.new_zeros(count, 1, PLACE), like.new_full((count, 1), -1.0))

    @classmethod
    def along(cls, rows: Tensor) -> Pen:
        """Return the pen after each of ``rows [B, N, 5]``, the start row first."""
        lifted = rows[..., UP].unsqueeze(-1)
        begins = torch.cat([torch.ones_like(lifted[:, :1]), lifted[:, :-1]], dim=1)
        offset = rows[..., OFFSET]
        place = torch.cat([offset.cumsum(dim=1), offset * (1 - begins), begins, begins.cumsum(dim=1)], dim=-1)
        numbers = torch.arange(rows.shape[1], device=rows.device, dtype=rows.dtype)
        return cls(place, numbers.expand(rows.shape[:2]))

    @property
    def position(self) -> Tensor:
        """Return x and y, ``[B, I, 2]``."""
        return self.place[..., : Y + 1]

    def after(self, points: Tensor, lifted: Tensor) -> Pen:
        """Return the pens ``[B, 1]`` after one more row, ``points [B, 5]``.

        ``lifted [B]`` is 1 where they were in the air: a point that is put after a lift begins a stroke.
        """
        offset, begins = points[:, OFFSET], lifted.unsqueeze(1)
        before = self.place[:, 0]
        place = torch.cat([before[:, :2] + offset, offset * (1 - begins), begins, before[:, -1:] + begins], dim=1)
        return Pen(place.unsqueeze(1), self.row + 1)

    def contiguous(self) -> Pen:
        """Return the same with all numbers behind one another."""
        return Pen(*(each.contiguous() for each in self))
