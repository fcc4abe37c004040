"""z and the points so far to the distribution of the next one. State is a value: given and returned, never kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codes.model.config import DecoderConfig
from codes.model.encoder import POINT, POSITION, POSITION_SCALE, with_positions
from codes.model.fused_lstm.cell import candidate_doubled, through_gates
from codes.model.fused_lstm.sequence import CellState, packed_linear
from codes.model.lstm import LSTM
from codes.model.mixture import PointDistribution, outputs_for


class DecoderState(NamedTuple):
    """Where a decoder stands: ``hidden`` and ``cell [B, H]``, and the pen's ``position [B, 2]``."""

    hidden: Tensor
    cell: Tensor
    position: Tensor

    def select(self, rows: Tensor) -> DecoderState:
        """The states of some of the sketches."""
        return DecoderState(*(part[rows] for part in self))

    @classmethod
    def joined(cls, states: Sequence[DecoderState]) -> DecoderState:
        """States ``[A]``, ``[B]``, ... one after another: ``[A + B + ...]``."""
        return cls(*(torch.cat(parts) for parts in zip(*states, strict=True)))


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

    def forward(self, points: Tensor, z: Tensor, state: DecoderState) -> tuple[PointDistribution, DecoderState]:
        """Read ``points [B, T, 5]`` and tell what follows each: a distribution ``[B, T]``, and the state after."""
        outputs, cell_state = self.lstm(self._inputs(points, z, state), CellState(state.hidden, state.cell))
        position = state.position + points[..., :2].sum(dim=1)
        return self._distribution(outputs), DecoderState(cell_state.hidden, cell_state.cell, position)

    def predict(
        self, points: Tensor, lengths: Tensor, z: Tensor, rng: torch.Generator | None = None
    ) -> PointDistribution:
        """Teacher forcing: what follows the start row and each of the first ``lengths [B]`` rows of ``points``.

        ``[B, T + 1]``; past a sketch's end anything may stand.
        """
        state = self.initial_state(z)
        seen = self._seen(torch.cat([start_row(points), points], dim=1), state)
        outputs = self.lstm.outputs(seen, lengths + 1, CellState(state.hidden, state.cell), z, rng)
        return self._distribution(outputs)

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
        seen = self._seen(points, state)
        return torch.cat([seen, z.unsqueeze(1).expand(-1, points.shape[1], -1)], dim=-1)

    def _seen(self, points: Tensor, state: DecoderState) -> Tensor:
        return with_positions(points, state.position) if self.config.positions else points

    def _distribution(self, outputs: Tensor) -> PointDistribution:
        with torch.autocast(outputs.device.type, enabled=False):  # densities want all the digits
            return PointDistribution.from_outputs(self.output(outputs.float()))


class Stepper:
    """A decoder made ready to draw point after point, without gradients: its weights are laid out once.

    To be made again when the decoder's weights change.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder) -> None:
        lstm, positions = decoder.lstm, decoder.config.positions
        moved, self.kept = torch.split(lstm.weight_input, [POINT + POSITION * positions, decoder.config.latent], dim=1)
        self.decoder = decoder
        self.times_weight = packed_linear(candidate_doubled(torch.cat([moved, lstm.weight_hidden], dim=1), dim=0))
        self.outputs_of = packed_linear(decoder.output.weight, decoder.output.bias)

    @torch.no_grad()
    def held(self, z: Tensor) -> Tensor:
        """What z ``[B, Z]`` is to the gates, at every point the same; ``[B, 4 H]``."""
        return candidate_doubled(F.linear(z, self.kept, self.decoder.lstm.bias), dim=1)

    @torch.no_grad()
    def step(self, points: Tensor, held: Tensor, state: DecoderState) -> tuple[PointDistribution, DecoderState]:
        """What :meth:`Decoder.forward` says after one more point of every sketch: ``points [B, 5]``.

        Returns the distribution of the next, ``[B]``, and the state.
        """
        position = state.position + points[:, :2]
        seen = [points, position * POSITION_SCALE] if self.decoder.config.positions else [points]
        gates = self.times_weight(torch.cat([*seen, state.hidden], dim=1)).add_(held)
        hidden, cell = through_gates(gates, state.cell)
        return PointDistribution.from_outputs(self.outputs_of(hidden)), DecoderState(hidden, cell, position)
