"""z and the points so far to the distribution of the next one. State is a value: given and returned, never kept."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from codes.model.cells import LSTM, CellState
from codes.model.config import DecoderConfig
from codes.model.encoder import POINT, POSITION, with_positions
from codes.model.mixture import PointDistribution, outputs_for


class DecoderState(NamedTuple):
    """Where a decoder stands: ``hidden`` and ``cell [B, H]``, and the pen's ``position [B, 2]``."""

    hidden: Tensor
    cell: Tensor
    position: Tensor

    def select(self, rows: Tensor) -> DecoderState:
        """The states of some of the sketches."""
        return DecoderState(*(part[rows] for part in self))


def start_row(like: Tensor) -> Tensor:
    """The row before the first: no move, pen down; ``[B, 1, 5]``."""
    row = like.new_zeros(len(like), 1, POINT)
    row[..., 2] = 1.0
    return row


class Decoder(nn.Module):
    """An LSTM whose every input is a point and z, and whose every output is a :class:`PointDistribution`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        inputs = POINT + (POSITION if config.positions else 0) + config.latent
        self.start = nn.Linear(config.latent, 2 * config.size)
        self.lstm = LSTM(inputs, config.size, config.dropout)
        self.output = nn.Linear(config.size, outputs_for(config.mixtures))
        nn.init.normal_(self.start.weight, std=0.01)
        nn.init.zeros_(self.start.bias)

    def initial_state(self, z: Tensor) -> DecoderState:
        """The state before the start row, from ``z [B, Z]`` (Ha and Eck 2017, section 3.2)."""
        hidden, cell = torch.tanh(self.start(z)).chunk(2, dim=-1)
        return DecoderState(hidden, cell, z.new_zeros(len(z), POSITION))

    def forward(
        self, points: Tensor, z: Tensor, state: DecoderState, rng: torch.Generator | None = None
    ) -> tuple[PointDistribution, DecoderState]:
        """Read ``points [B, T, 5]`` and tell what follows each: a distribution ``[B, T]``, and the state after."""
        outputs, cell_state = self.lstm(self._inputs(points, z, state), CellState(state.hidden, state.cell), rng)
        position = state.position + points[..., :2].sum(dim=1)
        return self._distribution(outputs), DecoderState(cell_state.hidden, cell_state.cell, position)

    def read(self, points: Tensor, lengths: Tensor, z: Tensor) -> tuple[PointDistribution, DecoderState]:
        """Take in prefixes: the start row and the first ``lengths [B]`` rows of ``points [B, T, 5]``.

        Returns what follows each prefix, ``[B]``, and the state there; ``forward`` goes on from it.
        """
        state = self.initial_state(z)
        rows = torch.arange(points.shape[1], device=points.device)
        points = points.masked_fill((rows >= lengths.unsqueeze(1)).unsqueeze(-1), 0.0)
        inputs = self._inputs(torch.cat([start_row(points), points], dim=1), z, state)
        hidden, cell_state = self.lstm.read(inputs, lengths + 1, CellState(state.hidden, state.cell))
        position = points[..., :2].sum(dim=1)
        return self._distribution(hidden), DecoderState(cell_state.hidden, cell_state.cell, position)

    def _inputs(self, points: Tensor, z: Tensor, state: DecoderState) -> Tensor:
        seen = with_positions(points, state.position) if self.config.positions else points
        return torch.cat([seen, z.unsqueeze(1).expand(-1, points.shape[1], -1)], dim=-1)

    def _distribution(self, outputs: Tensor) -> PointDistribution:
        with torch.autocast(outputs.device.type, enabled=False):  # densities want all the digits
            return PointDistribution.from_outputs(self.output(outputs.float()))
