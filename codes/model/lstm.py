"""The recurrent cell: knows gates and states, knows no sketches.

Dropout happens where a generator is given and nowhere else, so a module has no training mode to forget.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codes.model.fused_lstm.sequence import CellState, run_rows


def drop(values: Tensor, probability: float, rng: torch.Generator | None) -> Tensor:
    """Zero a share of the values and scale up the rest; without a generator, or at 0, nothing is dropped."""
    if rng is None or probability == 0.0:
        return values
    kept = torch.rand(values.shape, generator=rng, device=values.device) >= probability
    return values * kept / (1.0 - probability)


class LSTM(nn.Module):
    """One layer, one direction, batch first; gates in torch's order (input, forget, candidate, output).

    ``dropout`` drops recurrent *weights*, the same for a whole sequence (Merity et al. 2018, section 2), which leaves
    the fused sequence kernel usable. A single step runs as two plain products, which is faster than that kernel.

    Attributes:
        many: sketches from which on a batch is run by :mod:`codes.model.fused_lstm`; torch's kernel, padding and all,
            runs fewer, and all of them on a GPU.
    """

    many = 8

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

    def zero_state(self, batch: int) -> CellState:
        """The state before the first point."""
        zeros = self.bias.new_zeros(batch, self.size)
        return CellState(zeros, zeros)

    def forward(self, inputs: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        """Run over ``inputs [B, T, I]``; returns the hidden states ``[B, T, H]`` and the last state."""
        if inputs.shape[1] == 1:
            return self._step(inputs[:, 0], state)
        return self._run(inputs, state, self.weight_hidden)

    def outputs(
        self,
        inputs: Tensor,
        lengths: Tensor,
        state: CellState,
        held: Tensor | None = None,
        rng: torch.Generator | None = None,
        past: float = 0.0,
    ) -> Tensor:
        """The hidden state after each of the first ``lengths [B]`` rows, ``[B, T, H]``; ``past`` stands after them.

        A row's input is ``inputs [B, T, I]`` and then ``held [B, Z]``, which is the same at all of a sketch's rows.
        """
        weight = drop(self.weight_hidden, self.dropout, rng)
        if inputs.is_cuda or len(inputs) < self.many:
            joined = inputs if held is None else _joined(inputs, held)
            rows = torch.arange(inputs.shape[1], device=inputs.device)
            beyond = (rows >= lengths.unsqueeze(1)).unsqueeze(-1)
            return self._run(joined, state, weight)[0].masked_fill(beyond, past)
        own = inputs.shape[-1]
        moved, kept = torch.split(self.weight_input, [own, self.weight_input.shape[1] - own], dim=1)
        gates = self.bias.expand(len(inputs), -1) if held is None else F.linear(held, kept, self.bias)
        both = torch.cat([moved, weight], dim=1)
        return run_rows(inputs, lengths, gates, state, both, past)

    def _run(self, inputs: Tensor, state: CellState, weight: Tensor) -> tuple[Tensor, CellState]:
        if not inputs.is_cuda:  # not every processor has torch's kernel in bfloat16
            with torch.autocast("cpu", enabled=False):
                return self._with_torch(inputs.float(), CellState(*(part.float() for part in state)), weight)
        return self._with_torch(inputs, state, weight)

    def _with_torch(self, inputs: Tensor, state: CellState, weight: Tensor) -> tuple[Tensor, CellState]:
        weights = [self.weight_input, weight, self.bias, torch.zeros_like(self.bias)]
        start = (state.hidden.unsqueeze(0), state.cell.unsqueeze(0))
        learning = torch.is_grad_enabled()  # cuDNN keeps what a gradient takes only if it is told
        outputs, hidden, cell = torch.lstm(inputs, start, weights, True, 1, 0.0, learning, False, True)
        return outputs, CellState(hidden[0], cell[0])

    def read(self, inputs: Tensor, lengths: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        """The hidden state after, and the state after, the first ``lengths [B]`` rows of ``inputs [B, T, I]``."""
        packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
        order = packed.sorted_indices
        weights = [self.weight_input, self.weight_hidden, self.bias, torch.zeros_like(self.bias)]
        start = (state.hidden[order].unsqueeze(0), state.cell[order].unsqueeze(0))
        _, hidden, cell = torch.lstm(packed.data, packed.batch_sizes, start, weights, True, 1, 0.0, False, False)
        back = packed.unsorted_indices
        return hidden[0][back], CellState(hidden[0][back], cell[0][back])

    def _step(self, inputs: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        gates = F.linear(inputs, self.weight_input, self.bias) + F.linear(state.hidden, self.weight_hidden)
        take, forget, candidate, give = gates.chunk(4, dim=-1)
        cell = forget.sigmoid() * state.cell + take.sigmoid() * candidate.tanh()
        hidden = give.sigmoid() * cell.tanh()
        return hidden.unsqueeze(1), CellState(hidden, cell)


def _joined(inputs: Tensor, held: Tensor) -> Tensor:
    """``held [B, Z]`` beside every row of ``inputs [B, T, I]``."""
    return torch.cat([inputs, held.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=-1)
