"""The decoder: z and the points so far to the distribution of the next one.

State is a value that is given and returned, never kept. Knows nothing of sampling, of categories and of when to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codes.model.config import DecoderConfig
from codes.model.encoder import POINT, POSITION, with_positions
from codes.model.fused_ink import Pen, Table
from codes.model.ink import InkAttention, InkMemory, table_rows
from codes.model.lstm import LSTM, CellState
from codes.model.mixture import PointDistribution, outputs_for, without_end
from codes.strokes.stroke3 import DOWN, UP

TENSORS = ("hidden", "cell", "lifted", "outputs", "member")  # of a state, each ``[B, ...]``


@dataclass(frozen=True)
class DecoderState:
    """Hold where a decoder stands, and what it says of the next point.

    Attributes:
        hidden, cell: ``[B, H]`` of the LSTM.
        lifted: ``[B]`` 1 where the pen is in the air, so that the next point begins a stroke.
        outputs: ``[B, O]`` of its last layer, see :attr:`following`.
        member: ``[B]`` which of the decoders that share their weights draws it, see :mod:`codes.model.stepper`.
        pen: ``[B, 1]`` where the pen is.
        memory: the ink so far; None for a decoder that does not look back.
        ink: what makes anchors of the memory.
    """

    hidden: Tensor
    cell: Tensor
    lifted: Tensor
    outputs: Tensor
    member: Tensor
    pen: Pen
    memory: InkMemory | None
    ink: InkAttention | None

    @property
    def following(self) -> PointDistribution:
        """Return the distributions of the next points, ``[B]``."""
        table = self.memory.table if self.memory else None
        return _distribution(self.ink, self.outputs.unsqueeze(1), table, self.pen).squeezed()

    def going_on(self) -> DecoderState:
        """Return the same given that no sketch ends here."""
        return replace(self, outputs=without_end(self.outputs))

    def drawn_by(self, member: int) -> DecoderState:
        """Return the same for another of the decoders that share their weights."""
        return replace(self, member=torch.full_like(self.member, member))

    def select(self, rows: Tensor) -> DecoderState:
        """Return the states of these rows, of ``[B]``."""
        tensors = {name: getattr(self, name)[rows] for name in TENSORS}
        memory = self.memory.select(rows) if self.memory else None
        return DecoderState(pen=Pen(*(part[rows] for part in self.pen)), memory=memory, ink=self.ink, **tensors)

    @classmethod
    def joined(cls, states: Sequence[DecoderState]) -> DecoderState:
        """Concatenate states ``[A]``, ``[B]``, ... of one decoder to ``[A + B + ...]``."""
        tensors = {name: torch.cat([getattr(each, name) for each in states]) for name in TENSORS}
        pen = Pen(*(torch.cat(parts) for parts in zip(*(each.pen for each in states), strict=True)))
        memories = [each.memory for each in states if each.memory]
        memory = InkMemory.joined(memories) if memories else None
        return cls(pen=pen, memory=memory, ink=states[0].ink, **tensors)


def _distribution(ink: InkAttention | None, outputs: Tensor, table: Table | None, pen: Pen) -> PointDistribution:
    """Return the distributions ``[B, I]`` that ``outputs [B, I, O]`` of a decoder's last layer stand for."""
    if ink is None or table is None:
        return PointDistribution.from_outputs(outputs)
    own, further = outputs.tensor_split([outputs.shape[-1] - ink.anchor_outputs], dim=-1)
    return PointDistribution.from_outputs(own, ink.anchors(further, table, pen))


def start_row(like: Tensor) -> Tensor:
    """Return the row that stands before the first point of each sketch: no move, pen down; ``[B, 1, 5]``."""
    row = like.new_zeros(len(like), 1, POINT)
    row[..., DOWN] = 1.0
    return row


class Decoder(nn.Module):
    """Run an LSTM over points and z, look back at the ink, and predict the next point."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        inputs = POINT + (POSITION if config.positions else 0) + config.latent
        self.start = nn.Linear(config.latent, 2 * config.size)
        self.lstm = LSTM(inputs, config.size, config.dropout)
        self.output = nn.Linear(config.size, outputs_for(config.mixtures))
        self.ink: InkAttention | None = None
        if config.ink:
            self.ink = InkAttention(config.ink, config.size)
            features, hidden = config.size + self.ink.context_size, config.ink.hidden
            self.joint = nn.Linear(features, hidden)
            self.output = nn.Linear(features + hidden, outputs_for(config.mixtures) + 1 + self.ink.anchor_outputs)
        nn.init.normal_(self.start.weight, std=0.01)
        nn.init.zeros_(self.start.bias)

    def initial_state(self, z: Tensor) -> DecoderState:
        """Return the state before the start row, from ``z [B, Z]`` (Ha and Eck 2017, section 3.2); nothing follows."""
        count = len(z)
        empty = InkMemory.of(z.new_zeros(count, 0, self.ink.width), z.new_zeros(count).long()) if self.ink else None
        outputs = z.new_zeros(count, self.output.out_features)
        lifted, member, pen = z.new_ones(count), torch.zeros(count, dtype=torch.long), Pen.before(count, z)
        return DecoderState(*self._first_cell(z), lifted, outputs, member, pen, empty, self.ink)

    def forward(
        self, points: Tensor, lengths: Tensor, z: Tensor, rng: torch.Generator | None = None
    ) -> PointDistribution:
        """Predict with teacher forcing what follows the start row and each of the first ``lengths [B]`` rows.

        Args:
            points: ``[B, T, 5]``.
            lengths: ``[B]``, 0 to T.
            z: ``[B, Z]``.
            rng: where it is given, recurrent weights are dropped.

        Returns:
            The distributions ``[B, T + 1]``; those after a sketch's end mean nothing.
        """
        rows = torch.cat([start_row(points), points], dim=1)
        hidden, _ = self._run(rows, lengths, z, rng)
        pen = Pen.along(rows)
        table = Table(table_rows(self.ink.memory(hidden), pen)) if self.ink else None
        return _distribution(self.ink, self._outputs(hidden, table, pen), table, pen)

    def read(self, points: Tensor, lengths: Tensor, z: Tensor) -> DecoderState:
        """Read prefixes: the start row and the first ``lengths [B]`` rows of ``points [B, T, 5]``.

        Returns the state there, from which a :class:`codes.model.stepper.Stepper` goes on.
        """
        rows = torch.cat([start_row(points), points], dim=1)
        hidden, last = self._run(rows, lengths, z)
        along, sketches = Pen.along(rows), torch.arange(len(rows))
        pen = Pen(*(part[sketches, lengths].unsqueeze(1) for part in along))
        memory = None
        if self.ink:
            memory = InkMemory.of(table_rows(self.ink.memory(hidden), along), lengths + 1)
        outputs = self._outputs(last.hidden.unsqueeze(1), memory.table if memory else None, pen).squeeze(1)
        lifted, member = rows[sketches, lengths, UP], torch.zeros_like(lengths)
        return DecoderState(last.hidden, last.cell, lifted, outputs, member, pen, memory, self.ink)

    def _run(
        self, rows: Tensor, lengths: Tensor, z: Tensor, rng: torch.Generator | None = None
    ) -> tuple[Tensor, CellState]:
        inputs = with_positions(rows) if self.config.positions else rows
        outputs, last = self.lstm(inputs, lengths + 1, self._first_cell(z), z, rng)
        return outputs, last

    def _first_cell(self, z: Tensor) -> CellState:
        return CellState(*torch.tanh(self.start(z)).chunk(2, dim=-1))

    def _outputs(self, hidden: Tensor, table: Table | None, pen: Pen) -> Tensor:
        """Return what the last layer makes of rows of this ``hidden [B, I, H]``."""
        query = self.ink.query(hidden).float() if self.ink else None
        with torch.autocast(hidden.device.type, enabled=False):  # bfloat16 is too coarse for densities
            hidden = hidden.float()
            if self.ink is None or query is None or table is None:
                features = hidden
            else:
                features = torch.cat([hidden, self.ink.attend(query, table, pen)], dim=-1)
                features = torch.cat([features, F.relu(self.joint(features))], dim=-1)
            outputs: Tensor = self.output(features)
        return outputs
