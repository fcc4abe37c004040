"""The decoder: z and the points so far to the distribution of the next one.

State is a value that is given and returned, never kept. Knows nothing of sampling, of categories and of when to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from codes.model.config import DecoderConfig
from codes.model.encoder import POINT, POSITION, POSITION_SCALE, with_positions
from codes.model.lstm import LSTM, CellState
from codes.model.mixture import PointDistribution, outputs_for
from codes.model.packed_linear import packed_linear
from codes.sketch.stroke3 import DOWN, OFFSET


class DecoderState(NamedTuple):
    """Hold where a decoder stands: ``hidden`` and ``cell [B, H]``, and the pen's ``position [B, 2]``."""

    hidden: Tensor
    cell: Tensor
    position: Tensor

    def select(self, rows: Tensor) -> DecoderState:
        """Return the states of these rows, of ``[B]``."""
        return DecoderState(*(part[rows] for part in self))

    @classmethod
    def joined(cls, states: Sequence[DecoderState]) -> DecoderState:
        """Concatenate states ``[A]``, ``[B]``, ... to ``[A + B + ...]``."""
        return cls(*(torch.cat(parts) for parts in zip(*states, strict=True)))


def start_row(like: Tensor) -> Tensor:
    """Return the row that stands before the first point of each sketch: no move, pen down; ``[B, 1, 5]``."""
    row = like.new_zeros(len(like), 1, POINT)
    row[..., DOWN] = 1.0
    return row


class Decoder(nn.Module):
    """Run an LSTM over points and z; each of its outputs is a :class:`PointDistribution`."""

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
        """Return the state before the start row, from ``z [B, Z]`` (Ha and Eck 2017, section 3.2)."""
        hidden, cell = torch.tanh(self.start(z)).chunk(2, dim=-1)
        return DecoderState(hidden, cell, z.new_zeros(len(z), POSITION))

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
        outputs, _ = self._run(points, lengths, z, rng)
        return self._distribution(outputs)

    def read(self, points: Tensor, lengths: Tensor, z: Tensor) -> tuple[PointDistribution, DecoderState]:
        """Read prefixes: the start row and the first ``lengths [B]`` rows of ``points [B, T, 5]``.

        Returns what follows each prefix, ``[B]``, and the state there, from which :class:`Stepper` goes on.
        """
        _, last = self._run(points, lengths, z)
        rows = torch.arange(points.shape[1], device=points.device)
        moves = points[..., OFFSET].masked_fill((rows >= lengths.unsqueeze(1)).unsqueeze(-1), 0.0)
        return self._distribution(last.hidden), DecoderState(last.hidden, last.cell, moves.sum(dim=1))

    def _run(
        self, points: Tensor, lengths: Tensor, z: Tensor, rng: torch.Generator | None = None
    ) -> tuple[Tensor, CellState]:
        rows = torch.cat([start_row(points), points], dim=1)
        inputs = with_positions(rows) if self.config.positions else rows
        start = self.initial_state(z)
        outputs, last = self.lstm(inputs, lengths + 1, CellState(start.hidden, start.cell), z, rng)
        return outputs, last

    def _distribution(self, outputs: Tensor) -> PointDistribution:
        with torch.autocast(outputs.device.type, enabled=False):  # bfloat16 is too coarse for densities
            return PointDistribution.from_outputs(self.output(outputs.float()))


class Stepper:
    """Draw with a decoder point by point, without gradients; its weights are laid out once.

    Make a new one when the decoder's weights change.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self._lstm_step = decoder.lstm.prepare_step(decoder.config.latent)
        self._output = packed_linear(decoder.output.weight, decoder.output.bias)

    def static_gates(self, z: Tensor) -> Tensor:
        """Return what z ``[B, Z]`` adds to the gates at every point, ``[B, 4 H]``."""
        return self._lstm_step.static_gates(z)

    @torch.no_grad()
    def step(self, points: Tensor, static_gates: Tensor, state: DecoderState) -> tuple[PointDistribution, DecoderState]:
        """Take one more point of every sketch, ``points [B, 5]``.

        Returns the distribution of the next, ``[B]``, and the state.
        """
        position = state.position + points[:, OFFSET]
        positions = self.decoder.config.positions
        inputs = torch.cat([points, position * POSITION_SCALE], dim=1) if positions else points
        hidden, cell = self._lstm_step(inputs, static_gates, state.hidden, state.cell)
        return PointDistribution.from_outputs(self._output(hidden)), DecoderState(hidden, cell, position)
