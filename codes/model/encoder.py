"""Sketch to features: a bidirectional LSTM over the first ``lengths`` rows of each sketch and nothing after them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codes.model.config import EncoderConfig
from codes.model.lstm import LSTM
from codes.strokes.stroke3 import OFFSET

POINT = 5
POSITION = 2
PAD_VALUE = -1.0  # no output of an LSTM is less, so padding is never the maximum
POSITION_SCALE = 0.25  # positions reach several times as far as offsets do


def with_positions(points: Tensor) -> Tensor:
    """Append where the pen is after each row, counted from the sketch's origin: ``[B, T, 5]`` to ``[B, T, 7]``."""
    return torch.cat([points, points[..., OFFSET].cumsum(dim=1) * POSITION_SCALE], dim=-1)


class Encoder(nn.Module):
    """Run an LSTM in both directions; padding has no influence, whatever it holds."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        inputs = POINT + (POSITION if config.positions else 0)
        self.forwards = LSTM(inputs, config.size, config.dropout)
        self.backwards = LSTM(inputs, config.size, config.dropout)

    def forward(self, points: Tensor, lengths: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Return features ``[B, config.features]``, float32, of ``points [B, T, 5]`` with ``lengths [B]`` rows.

        Sketches are sorted by length here, as the packed LSTM wants them, so only features are put back in order.
        """
        order = lengths.argsort(descending=True, stable=True)
        points, lengths = points[order], lengths[order]
        inputs = with_positions(points) if self.config.positions else points
        rows = torch.arange(points.shape[1], device=points.device)
        mirrored = (lengths.unsqueeze(1) - 1 - rows).clamp(min=0)
        reversed_inputs = inputs.gather(1, mirrored.unsqueeze(-1).expand_as(inputs))
        directions = ((self.forwards, inputs), (self.backwards, reversed_inputs))
        parts = [self._run(lstm, each, lengths, rng) for lstm, each in directions]
        features = torch.cat([part for pair in zip(*parts, strict=True) for part in pair], dim=-1)
        return features[order.argsort()]

    def _run(self, lstm: LSTM, inputs: Tensor, lengths: Tensor, rng: torch.Generator | None) -> list[Tensor]:
        """Return one direction's hidden state after its last row and, where that is wanted, its maximum over rows."""
        outputs, last = lstm(inputs, lengths, lstm.zero_state(len(inputs)), rng=rng, pad_value=PAD_VALUE)
        return [last.hidden.float(), outputs.amax(dim=1).float()] if self.config.pooled else [last.hidden.float()]
