"""Sketch to features: a bidirectional LSTM that reads ``lengths`` rows of each sketch and nothing after them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.cells import LSTM
from codes.model.config import EncoderConfig

POINT = 5
POSITION = 2
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
        """``points [B, T, 5]``, ``lengths [B]`` to features ``[B, config.features]``, float32."""
        rows = torch.arange(points.shape[1], device=points.device)
        inside = rows < lengths.unsqueeze(1)
        points = points.masked_fill(~inside.unsqueeze(-1), 0.0)
        inputs = with_positions(points) if self.config.positions else points
        mirrored = (lengths.unsqueeze(1) - 1 - rows).clamp(min=0)
        reversed_inputs = inputs.gather(1, mirrored.unsqueeze(-1).expand_as(inputs))
        start = self.forwards.zero_state(len(points))
        there = self.forwards.outputs(inputs, lengths, start, rng=rng)
        back = self.backwards.outputs(reversed_inputs, lengths, start, rng=rng)
        outputs = torch.cat([there, back], dim=-1).float()
        last = outputs[torch.arange(len(points), device=points.device), lengths - 1]
        if not self.config.pooled:
            return last
        peak = outputs.masked_fill(~inside.unsqueeze(-1), -1.0).amax(dim=1)  # an LSTM's output is above -1
        return torch.cat([last, peak], dim=-1)
