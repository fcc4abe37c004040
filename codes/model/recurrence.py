"""An LSTM over many sketches at once, for training: reads every sketch to its own end and not a row further.

Sketches stand in order of length, rows in order of time, so the rows of one moment are a block and the sketches that
have ended are never touched again. What a sketch is the same for at every row (``held``) is multiplied by its weights
once a sketch. The gradient is written out (Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000): all
weights get theirs from one large product at the end. Products are in the type of autocast, everything else in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

TYPICAL = 100  # rows of a product, for which the weights are laid out


class Order(NamedTuple):
    """Sketches by falling length.

    Attributes:
        sketches: ``[B]`` which sketch stands where.
        sizes: for each moment, how many sketches have a row then.
    """

    sketches: Tensor
    sizes: list[int]

    @classmethod
    def of(cls, lengths: Tensor) -> Order:
        """The order of sketches of these lengths, ``[B]``."""
        sketches = lengths.argsort(descending=True, stable=True)
        moments = torch.arange(int(lengths.max()), device=lengths.device)
        return cls(sketches, (lengths > moments.unsqueeze(1)).sum(dim=1).tolist())

    def rows(self, padded: Tensor) -> Tensor:
        """The rows of ``padded [B, T, I]`` that are there, moment by moment: ``[sum of sizes, I]``."""
        standing = padded.transpose(0, 1)[:, self.sketches]
        return torch.cat([moment[:size] for moment, size in zip(standing, self.sizes, strict=False)])

    def back(self, outputs: Tensor) -> Tensor:
        """``[T, B, H]`` in this order to ``[B, T, H]`` in the order of the batch."""
        ordered = torch.equal(self.sketches, torch.arange(len(self.sketches)))
        moved = outputs if ordered else outputs.index_select(1, self.sketches.argsort())
        return moved.transpose(0, 1)


def run_rows(inputs: Tensor, lengths: Tensor, held: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor) -> Tensor:
    """The hidden state after each row, ``[B, T, H]``, zero past the end of a sketch.

    ``inputs [B, T, I]`` take no gradient; ``held [B, 4 H]`` is added to the gates at every row; ``hidden`` and ``cell
    [B, H]`` are the state before the first; ``weight [4 H, I + H]`` is that of the inputs, then that of the hidden
    state, gates in torch's order.
    """
    order = Order.of(lengths)
    held, hidden, cell = (each.float()[order.sketches] for each in (held, hidden, cell))
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else weight.dtype
    with torch.autocast("cpu", enabled=False):
        rows, weight = order.rows(inputs).to(dtype), weight.to(dtype)
        parts = (rows, held, hidden, cell, weight, order.sizes, inputs.shape[1])
        return order.back(_Recurrence.apply(*parts))  # type: ignore[no-untyped-call]


class _Recurrence(torch.autograd.Function):
    """Sketches in order; ``rows [N, I]``, everything else as in :func:`run_rows`; outputs ``[T, B, H]``.

    ``tanh(a)`` is ``2 sigmoid(2 a) - 1``: with the candidate's weights doubled, one sigmoid serves all four gates.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        held: Tensor,
        hidden: Tensor,
        cell: Tensor,
        weight: Tensor,
        sizes: list[int],
        moments: int,
    ) -> Tensor:
        size, inputs = hidden.shape[1], rows.shape[1]
        weight, held = candidate_doubled(weight, dim=0), candidate_doubled(held, dim=1)
        seen = torch.empty(len(rows), inputs + size, dtype=rows.dtype)
        seen[:, :inputs] = rows
        gates = held.new_empty(len(rows), 4 * size)
        cells, bent = held.new_empty(2, len(rows), size)
        outputs = held.new_zeros(moments, *hidden.shape)
        times_weight = many_products(weight)
        before, after = cell, hidden
        for see, gate, cell_now, tanh, output in zip(*_moments(sizes, seen, gates, cells, bent), outputs, strict=False):
            many = len(gate)
            see[:, inputs:] = after[:many]
            torch.add(times_weight(see), held[:many], out=gate).sigmoid_()
            take, forget, candidate, give = gate.chunk(4, dim=1)
            torch.mul(forget, before[:many], out=cell_now).addcmul_(take, candidate, value=2).sub_(take)
            torch.mul(cell_now, 2, out=tanh).sigmoid_().mul_(2).sub_(1)
            before, after = cell_now, torch.mul(give, tanh, out=output[:many])
        ctx.save_for_backward(seen, gates, cells, bent, cell, weight)
        ctx.sizes = sizes
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        seen, gates, cells, bent, first, weight = ctx.saved_tensors
        times_recurrent = many_products(weight[:, seen.shape[1] - first.shape[1] :].t())
        d_gates, d_held = torch.empty_like(gates), first.new_zeros(len(first), gates.shape[1])
        d_hidden, d_cell = torch.zeros_like(first), torch.zeros_like(first)
        gate_of, tanh_of, cell_of, d_gate_of = _moments(ctx.sizes, gates, bent, cells, d_gates)
        for moment, many in reversed(list(enumerate(ctx.sizes))):
            before = (cell_of[moment - 1] if moment else first)[:many]
            d_here = d_hidden[:many].add_(d_outputs[moment, :many])
            d_gate = d_gate_of[moment]
            _through_cell(gate_of[moment], tanh_of[moment], before, d_here, d_cell[:many], out=d_gate)
            d_held[:many] += d_gate
            d_here.copy_(times_recurrent(d_gate.to(weight.dtype)))
        d_weight = d_gates.to(weight.dtype).t() @ seen
        return None, candidate_doubled(d_held, 1), d_hidden, d_cell, candidate_doubled(d_weight, 0), None, None


def _moments(sizes: list[int], *rows: Tensor) -> tuple[tuple[Tensor, ...], ...]:
    """Of each tensor ``[N, ...]``, its rows at each moment."""
    return tuple(torch.split(each, sizes) for each in rows)


def _through_cell(gate: Tensor, tanh: Tensor, before: Tensor, d_hidden: Tensor, d_cell: Tensor, out: Tensor) -> None:
    """One moment backward: the gradient at the gates' inputs into ``out``, that of the cell before into ``d_cell``."""
    take, forget, candidate, give = gate.chunk(4, dim=1)
    d_take, d_forget, d_candidate, d_give = out.chunk(4, dim=1)
    torch.mul(d_hidden, tanh, out=d_give)
    d_cell.add_(torch.ops.aten.tanh_backward(d_hidden * give, tanh))
    torch.mul(d_cell, candidate, out=d_take).mul_(2).sub_(d_cell)
    torch.mul(d_cell, before, out=d_forget)
    torch.mul(d_cell, take, out=d_candidate).mul_(2)
    d_cell.mul_(forget)
    torch.ops.aten.sigmoid_backward.grad_input(out, gate, grad_input=out)


def through_gates(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One row: ``gates [B, 4 H]``, overwritten, and the cell before it ``[B, H]`` to the hidden state and the cell.

    The candidate's input is doubled, see :func:`candidate_doubled`.
    """
    take, forget, candidate, give = gates.sigmoid_().chunk(4, dim=1)
    after = (forget * cell).sub_(take).addcmul_(take, candidate, value=2)
    return give * after.tanh(), after


def candidate_doubled(gates: Tensor, dim: int) -> Tensor:
    """A copy of weights, inputs or gradients of the gates in which those of the candidate are twice as large."""
    doubled = gates.clone()
    doubled.chunk(4, dim)[2].mul_(2)
    return doubled


def many_products(weight: Tensor, bias: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """A function that gives ``left @ weight.t() + bias``: the weights are laid out for the processor once.

    oneDNN's own layout takes half to two thirds of the time of a plain product of few rows (docs/log.md).
    """
    if not _laid_out(weight.dtype):
        return partial(F.linear, weight=weight, bias=bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), TYPICAL)
    return lambda left: torch.ops.mkldnn._linear_pointwise(left, packed, bias, "none", [], "")


def _laid_out(dtype: torch.dtype) -> bool:
    """Whether this processor has products of weights in a layout of their own."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
