"""Look back at the ink: attention over all earlier points, each seen from where the pen is.

An LSTM knows where its pen is but has no memory of where the ink is. So what it makes of each row is kept, with the
place of the point, and every later row attends over these. What it finds joins the LSTM's output before the mixture and
never enters the recurrence (late fusion): in training the recurrence runs first, and this for all rows at once. Scores
and values are linear in what is kept of a point and in its geometry as the pen sees it, so nothing of hidden size is
ever made for a *pair* of rows; :mod:`codes.model.fused_ink` has the equations.

Knows hidden states and points; knows no latent codes and no categories.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codes.model.anchors import Anchors
from codes.model.config import InkConfig
from codes.model.fused_draw import advance, can_draw
from codes.model.fused_ink import GEOMETRY, KINDS, PLACE, Pen, Table, attend, columns_of

MIN_ROOM = 32  # rows that a table grows by at least


class InkMemory:
    """Hold what later rows see of earlier ones, for sketches of different lengths; a value.

    Rows are written behind one another into tables with room to spare. Whoever grows a memory first writes into that
    room, and whoever grows the same one again gets tables of its own, so no memory ever changes. Some of the sketches
    keep the tables of all until these have to grow: drawings end at nearly every point, and copying costs more than a
    step.

    Attributes:
        counts: ``[B]`` rows in use of each sketch; what stands behind them means nothing.
    """

    def __init__(self, tables: Tensor, slots: Tensor, counts: Tensor, longest: int) -> None:
        self._tables, self._slots, self.counts, self._longest = tables, slots, counts, longest
        self._appended = False

    @classmethod
    def of(cls, rows: Tensor, counts: Tensor) -> InkMemory:
        """Return the memories that begin with the first ``counts [B]`` of ``rows [B, N, W]``."""
        behind = torch.arange(rows.shape[1], device=rows.device) >= counts.unsqueeze(1)
        slots = torch.arange(len(rows), device=rows.device)
        return cls(rows.masked_fill(behind.unsqueeze(-1), 0.0), slots, counts, rows.shape[1])

    @property
    def table(self) -> Table:
        """Return the rows up to the end of the longest sketch."""
        return Table(self._tables[:, : self._longest], self._slots)

    def grown(self) -> InkMemory:
        """Return memories of one more row, which whoever asks has yet to write."""
        memory = self
        if self._longest == self._tables.shape[1]:
            memory = self._copied(max(MIN_ROOM, self._longest // 2))
        elif self._appended:
            memory = self._copied(MIN_ROOM)
        else:
            self._appended = True
        return InkMemory(memory._tables, memory._slots, memory.counts + 1, memory._longest + 1)

    def write(self, rows: Tensor) -> None:
        """Write the last rows, ``[B, W]``, of memories that were grown just now."""
        self._tables[self._slots, self.counts - 1] = rows

    def select(self, rows: Tensor) -> InkMemory:
        """Return the memories of these sketches, of ``[B]``."""
        counts = self.counts[rows]
        longest = int(counts.max()) if len(counts) else 0
        chosen = InkMemory(self._tables, self._slots[rows], counts, longest)
        if self._appended or len(torch.unique(chosen._slots)) < len(counts):
            return chosen._copied(MIN_ROOM)
        self._appended = True  # the room is the chosen ones' now
        return chosen

    def _copied(self, room: int) -> InkMemory:
        """Return the same in tables of their own, with this much room."""
        tables = self._tables.new_zeros(len(self.counts), self._longest + room, self._tables.shape[2])
        tables[:, : self._longest] = self.table.own
        return InkMemory(tables, torch.arange(len(tables), device=tables.device), self.counts, self._longest)

    @classmethod
    def joined(cls, memories: Sequence[InkMemory]) -> InkMemory:
        """Concatenate memories ``[A]``, ``[B]``, ... to ``[A + B + ...]``."""
        longest = max(each._longest for each in memories)
        tables = torch.cat([F.pad(each.table.own, (0, 0, 0, longest - each._longest)) for each in memories])
        counts = torch.cat([each.counts for each in memories])
        return cls(tables, torch.arange(len(tables), device=tables.device), counts, longest)


class InkAttention(nn.Module):
    """Keep points, attend over them, and make anchors of them.

    Attributes:
        query, memory: linear maps of the LSTM's output, to what looks and to what is looked at.
        context_size: numbers that attention adds to the LSTM's output.
        anchor_outputs: further outputs that a decoder makes of both, for :meth:`anchors`.
    """

    def __init__(self, config: InkConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.context_size = config.heads * (config.key + GEOMETRY)
        self.anchor_outputs = 1 + KINDS * (config.key + GEOMETRY)
        self.width = sum(columns_of(config))
        self.query = nn.Linear(size, self.context_size)
        self.memory = nn.Linear(size, self.width - PLACE)

    def attend(self, query: Tensor, table: Table, pen: Pen) -> Tensor:
        """Return what each of I rows finds in the earlier points of its table, ``[B, I, context_size]``."""
        return attend(self.config, query, table, pen)

    def advance(
        self, looked: Tensor, memory: InkMemory, pen: Pen, points: Tensor, lifted: Tensor
    ) -> tuple[Tensor, InkMemory, Pen]:
        """Remember one more row of each sketch, and look back from it.

        Args:
            looked: ``[B, ...]``, what :attr:`query` and what :attr:`memory` make of the LSTM's output.
            memory: the rows before.
            pen: ``[B, 1]``, before the row.
            points: ``[B, 5]``, the row.
            lifted: ``[B]`` 1 where the pen was in the air.

        Returns:
            What was found, ``[B, context_size]``, and memory and pen after the row.
        """
        memory = memory.grown()
        if can_draw(looked):
            context, pen = advance(self.config, looked, memory.table, pen, points, lifted)
            return context, memory, pen
        pen = pen.after(points, lifted)
        query, remembered = looked.unsqueeze(1).tensor_split([self.context_size], dim=-1)
        memory.write(table_rows(remembered, pen).squeeze(1))
        return self.attend(query, memory.table, pen).squeeze(1), memory, pen

    def anchors(self, outputs: Tensor, table: Table, pen: Pen) -> Anchors:
        """Return the anchors of each of I rows; ``outputs [B, I, anchor_outputs]`` are the decoder's."""
        return Anchors(self.config, outputs, table, pen)


def table_rows(remembered: Tensor, pen: Pen) -> Tensor:
    """Return the rows that stand for points, ``[B, N, W]``: what is remembered of them, and where."""
    return torch.cat([remembered.float(), pen.place], dim=-1)
