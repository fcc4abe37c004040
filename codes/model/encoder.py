"""Sketch to features: a bidirectional LSTM that reads ``lengths`` rows of each sketch and nothing after them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.config import EncoderConfig
from codes.model.lstm import LSTM

POINT = 5
POSITION = 2
BELOW = -1.0  # every output of an LSTM
POSITION_SCALE = 0.25  # positions reach several times as far as offsets do


def with_positions(points: Tensor, start: Tensor | None = None) -> Tensor:
    """Append where the pen is after each row, ``[B, T, 5]`` to ``[B, T, 7]``; ``start [B, 2]`` is where it began."""
    positions = points[..., :2].cumsum(dim=1)
    if start is not None:
        positions = positions + start.unsqueeze(1)
    return torch.cat([points, positions * POSITION_SCALE], dim=-1)


class Encoder(nn.Module):
    """Both directions over the rows of a sketch; padding has no influence, whatever it holds."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        inputs = POINT + (POSITION if config.positions else 0)
        self.forwards = LSTM(inputs, config.size, config.dropout)
        self.backwards = LSTM(inputs, config.size, config.dropout)

    def forward(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """``points [B, T, 5]``, ``lengths [B]`` to features ``[B, config.features]``, float32.

        Sketches are read in order of length, as the recurrence wants them, and what is put back is only the features.
        """
        order = lengths.argsort(descending=True, stable=True)
        points, lengths = points[order], lengths[order]
        rows = torch.arange(points.shape[1], device=points.device)
        points = points.masked_fill((rows >= lengths.unsqueeze(1)).unsqueeze(-1), 0.0)
        inputs = with_positions(points) if self.config.positions else points
        mirrored = (lengths.unsqueeze(1) - 1 - rows).clamp(min=0)
        reversed_inputs = inputs.gather(1, mirrored.unsqueeze(-1).expand_as(inputs))
        directions = ((self.forwards, inputs), (self.backwards, reversed_inputs))
        found = [self._read(lstm, each, lengths, rng) for lstm, each in directions]
        features = torch.cat([part for parts in zip(*found, strict=True) for part in parts], dim=-1)
        return features[order.argsort()]

    def _read(self, lstm: LSTM, inputs: Tensor, lengths: Tensor, rng: torch.Generator | None) -> list[Tensor]:
        """One direction: what it says after each sketch's last row, and the maximum over all rows if that is wanted."""
        outputs = lstm.outputs(inputs, lengths, lstm.zero_state(len(inputs)), rng=rng, past=BELOW)
        last = outputs[torch.arange(len(inputs), device=inputs.device), lengths - 1].float()
        return [last, outputs.amax(dim=1).float()] if self.config.pooled else [last]
