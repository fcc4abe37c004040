"""The recurrent layer: knows gates and states, knows no sketches.

Dropout happens where a generator is given and nowhere else, so a module has no training mode to forget.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codes.model.fused_lstm import run_packed

HOLD = 1e4  # saturates a sigmoid, and even float16 can hold it


class CellState(NamedTuple):
    """Hold what an LSTM remembers: ``hidden`` and ``cell``, each ``[B, H]``."""

    hidden: Tensor
    cell: Tensor


def drop(values: Tensor, probability: float, rng: torch.Generator | None) -> Tensor:
    """Zero a share of the values and scale up the rest; without a generator, or at 0, nothing is dropped."""
    if rng is None or probability == 0.0:
        return values
    kept = torch.rand(values.shape, generator=rng, device=values.device) >= probability
    return values * kept / (1.0 - probability)


class LSTM(nn.Module):
    """Run one layer in one direction, batch first; gates stand in torch's order i, f, g, o.

    ``dropout`` drops recurrent *weights*, the same for a whole sequence (Merity et al. 2018, section 2), which leaves
    fused kernels usable.

    Attributes:
        min_packed_batch: a batch of so many sequences or more that is to have gradients is run by
            :func:`codes.model.fused_lstm.run_packed`. torch's kernel, which also computes the padding, runs fewer, all
            without gradients, and all on a GPU: there it is faster.
    """

    min_packed_batch = 8
    hold_weight: Tensor

    def __init__(self, inputs: int, size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.dropout = dropout
        self.weight_input = nn.Parameter(torch.empty(4 * size, inputs))
        self.weight_hidden = nn.Parameter(torch.empty(4 * size, size))
        self.bias = nn.Parameter(torch.zeros(4 * size))
        nn.init.xavier_uniform_(self.weight_input)
        for gate in self.weight_hidden.data.chunk(4):
            nn.init.orthogonal_(gate)
        self.bias.data[size : 2 * size] = 1.0  # remember by default
        hold = torch.tensor([-HOLD, HOLD, 0.0, 0.0]).repeat_interleave(size).unsqueeze(1)
        self.register_buffer("hold_weight", hold, persistent=False)

    def zero_state(self, batch: int) -> CellState:
        """Return the state before the first row."""
        zeros = self.bias.new_zeros(batch, self.size)
        return CellState(zeros, zeros)

    def forward(
        self,
        inputs: Tensor,
        lengths: Tensor,
        state: CellState,
        static_input: Tensor | None = None,
        rng: torch.Generator | None = None,
        pad_value: float = 0.0,
    ) -> tuple[Tensor, CellState]:
        """Run over the first rows of each sequence; whatever stands after them has no influence.

        Args:
            inputs: ``[B, T, I]``.
            lengths: ``[B]`` rows of each sequence, 1 to T.
            state: the state before the first row.
            static_input: ``[B, S]``, joined to the end of every row of its sequence.
            rng: where it is given, recurrent weights are dropped.
            pad_value: stands in the result after the end of a sequence.

        Returns:
            The hidden state after each row, ``[B, T, H]``, and the state after the last row of each sequence.
        """
        weight_hidden = drop(self.weight_hidden, self.dropout, rng)
        packed = torch.is_grad_enabled() and not inputs.is_cuda and len(inputs) >= self.min_packed_batch
        run = self._run_packed if packed else self._run_padded
        outputs, cell = run(inputs, lengths, state, static_input, weight_hidden, pad_value)
        hidden = outputs[torch.arange(len(inputs), device=inputs.device), lengths - 1]
        return outputs, CellState(hidden, cell)

    def _run_packed(
        self,
        inputs: Tensor,
        lengths: Tensor,
        state: CellState,
        static_input: Tensor | None,
        weight_hidden: Tensor,
        pad_value: float,
    ) -> tuple[Tensor, Tensor]:
        n_inputs = inputs.shape[-1]
        row_weight, static_weight = torch.split(
            self.weight_input, [n_inputs, self.weight_input.shape[1] - n_inputs], dim=1
        )
        static_gates = self.bias.expand(len(inputs), -1)
        if static_input is not None:
            static_gates = F.linear(static_input, static_weight, self.bias)
        weight = torch.cat([row_weight, weight_hidden], dim=1)
        return run_packed(inputs, lengths, static_gates, state, weight, pad_value)

    def _run_padded(
        self,
        inputs: Tensor,
        lengths: Tensor,
        state: CellState,
        static_input: Tensor | None,
        weight_hidden: Tensor,
        pad_value: float,
    ) -> tuple[Tensor, Tensor]:
        """Run torch's kernel over all rows, past the end of a sequence too.

        That kernel returns the cell after row T only. An input of its own therefore closes the input gate and opens
        the forget gate past the end, so that the cell stays as it is.
        """
        if static_input is not None:
            inputs = torch.cat([inputs, static_input.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=-1)
        ended = (torch.arange(inputs.shape[1], device=inputs.device) >= lengths.unsqueeze(1)).unsqueeze(-1)
        inputs = torch.cat([inputs.masked_fill(ended, 0.0), ended.to(inputs.dtype)], dim=-1)
        weight_input = torch.cat([self.weight_input, self.hold_weight], dim=1)
        if inputs.is_cuda:
            outputs, cell = self._torch_lstm(inputs, state, weight_input, weight_hidden)
        else:  # not every processor has torch's kernel in bfloat16
            with torch.autocast("cpu", enabled=False):
                outputs, cell = self._torch_lstm(inputs.float(), state, weight_input, weight_hidden)
        return outputs.masked_fill(ended, pad_value), cell

    def _torch_lstm(
        self, inputs: Tensor, state: CellState, weight_input: Tensor, weight_hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden, cell = (part.to(inputs.dtype).unsqueeze(0) for part in state)
        weights = [weight_input, weight_hidden, self.bias, torch.zeros_like(self.bias)]
        learning = torch.is_grad_enabled()  # cuDNN keeps what a gradient needs only if it is told
        outputs, _, last_cell = torch.lstm(inputs, (hidden, cell), weights, True, 1, 0.0, learning, False, True)
        return outputs, last_cell[0]
