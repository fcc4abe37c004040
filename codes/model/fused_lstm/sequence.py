"""An LSTM over many sequences of unequal length, with its gradient written out; no row past an end is computed.

Sequences are packed as torch packs them: by falling length, time step after time step, so the rows of one step are a
block and sequences that have ended are never touched again. An input that is the same at every row is multiplied by
its weights once a sequence. All weights get their gradient from one large product at the end. Products are in the type
of autocast, everything else is in float32; the cell stands in :mod:`codes.model.fused_lstm.cell`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import pack_padded_sequence

from codes.model.fused_lstm.cell import CellKernel, StateGrad, StepCache, cell_for, double_candidate
from codes.model.packed_linear import packed_linear


class PackPlan(NamedTuple):
    """Hold how packed rows are run.

    Attributes:
        batch_sizes: for each time step, how many sequences have a row.
        last_rows: ``[B]`` the packed row at which each sequence ends.
        n_steps: time steps of the padded result.
        kernel: the cell.
        pad_value: stands in the result where a sequence has ended.
    """

    batch_sizes: list[int]
    last_rows: Tensor
    n_steps: int
    kernel: CellKernel
    pad_value: float


def run_packed(
    inputs: Tensor,
    lengths: Tensor,
    static_gates: Tensor,
    state: tuple[Tensor, Tensor],
    weight: Tensor,
    pad_value: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Run an LSTM over the first ``lengths [B]`` rows of each sequence, on the CPU.

    Args:
        inputs: ``[B, T, I]``.
        lengths: ``[B]``, each 1 to T.
        static_gates: ``[B, 4 H]``, added to the gates at every row: the bias, and what static inputs give.
        state: hidden state and cell before the first row, ``[B, H]`` each.
        weight: ``[4 H, I + H]``, of the inputs and then of the hidden state, gates in torch's order.
        pad_value: stands in the hidden states where a sequence has ended.

    Returns:
        The hidden state after each row, ``[B, T, H]``, and the cell after the last row of each sequence, ``[B, H]``.
    """
    order = lengths.argsort(descending=True, stable=True)
    static_gates, hidden, cell = (each.float()[order] for each in (static_gates, *state))
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else weight.dtype
    with torch.autocast("cpu", enabled=False):
        packed = pack_padded_sequence(inputs[order].to(dtype), lengths[order], batch_first=True)
        starts = packed.batch_sizes.cumsum(0) - packed.batch_sizes
        last_rows = starts[lengths[order] - 1] + torch.arange(len(lengths))
        plan = PackPlan(packed.batch_sizes.tolist(), last_rows, inputs.shape[1], cell_for(dtype), pad_value)
        outputs, last_cell = _PackedLSTM.apply(  # type: ignore[no-untyped-call]
            packed.data, static_gates, hidden, cell, weight.to(dtype), plan
        )
    if not torch.equal(order, torch.arange(len(order))):  # a sorted batch needs no copy
        inverse = order.argsort()
        outputs, last_cell = outputs.index_select(1, inverse), last_cell[inverse]
    return outputs.transpose(0, 1), last_cell


class _PackedLSTM(torch.autograd.Function):
    """Map packed ``rows [N, I]`` of sorted sequences to padded outputs ``[T, B, H]`` and the last cells ``[B, H]``."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, static_gates: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor, plan: PackPlan
    ) -> tuple[Tensor, Tensor]:
        size, n_inputs = hidden.shape[1], rows.shape[1]
        weight, static_gates = double_candidate(weight, dim=0), double_candidate(static_gates, dim=1)
        joined = torch.empty(len(rows), n_inputs + size, dtype=rows.dtype)  # a row, then the hidden state before it
        joined[:, :n_inputs] = rows
        cache = StepCache(cell.new_empty(len(rows), 4 * size), *cell.new_empty(2, len(rows), size))
        outputs = cell.new_full((plan.n_steps, *hidden.shape), plan.pad_value)
        linear = packed_linear(weight)
        hidden_prev, cell_prev = hidden, cell
        steps = zip(torch.split(joined, plan.batch_sizes), _steps(cache, plan.batch_sizes), outputs, strict=False)
        for joined_step, cache_step, output in steps:
            n = len(joined_step)
            joined_step[:, n_inputs:] = hidden_prev[:n]
            plan.kernel.forward(linear(joined_step), static_gates[:n], cell_prev[:n], cache_step, output[:n])
            hidden_prev, cell_prev = output, cache_step.cell
        ctx.save_for_backward(joined, cell, weight, *cache)
        ctx.plan = plan
        return outputs, cache.cell[plan.last_rows]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_last_cell: Tensor) -> tuple[Tensor | None, ...]:
        joined, first_cell, weight, *cache = ctx.saved_tensors
        plan, n_inputs = ctx.plan, joined.shape[1] - first_cell.shape[1]
        hidden_linear = packed_linear(weight[:, n_inputs:].t())
        d_gates = torch.empty(len(joined), len(weight), dtype=weight.dtype)
        grad = StateGrad(
            hidden=torch.zeros_like(first_cell),
            cell=d_last_cell.clone(memory_format=torch.contiguous_format),
            static_gates=first_cell.new_zeros(len(first_cell), len(weight)),
        )
        cache_steps, d_gates_steps = _steps(StepCache(*cache), plan.batch_sizes), torch.split(d_gates, plan.batch_sizes)
        d_outputs = d_outputs if d_outputs.stride(-1) == 1 else d_outputs.contiguous()
        for step, n in reversed(list(enumerate(plan.batch_sizes))):
            cell_prev = (cache_steps[step - 1].cell if step else first_cell)[:n]
            plan.kernel.backward(cache_steps[step], cell_prev, d_outputs[step, :n], grad.first(n), d_gates_steps[step])
            grad.hidden[:n] = hidden_linear(d_gates_steps[step])
        d_rows = d_gates @ weight[:, :n_inputs] if ctx.needs_input_grad[0] else None
        d_weight = double_candidate(d_gates.t() @ joined, dim=0)
        return d_rows, double_candidate(grad.static_gates, dim=1), grad.hidden, grad.cell, d_weight, None


def _steps(cache: StepCache, batch_sizes: list[int]) -> list[StepCache]:
    """Split what is kept of all rows, ``[N, ...]``, into time steps."""
    return [StepCache(*parts) for parts in zip(*(torch.split(each, batch_sizes) for each in cache), strict=True)]
