"""An LSTM over many sketches at once, for training: reads every sketch to its own end and not a row further.

Sketches stand in order of length, rows in order of time, so the rows of one moment are a block and the sketches that
have ended are never touched again. What a sketch is the same for at every row (``held``) is multiplied by its weights
once a sketch. The gradient is written out (see :mod:`codes.model.fused_lstm.cell`): all weights get theirs from one
large product at the end. Products are in the type of autocast, everything else in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from codes.model.fused_lstm.cell import Backflow, CellKernel, Moment, PlainCell, candidate_doubled, cell_for

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


class CellState(NamedTuple):
    """What an LSTM remembers: ``hidden`` and ``cell``, each ``[B, H]``."""

    hidden: Tensor
    cell: Tensor


class Way(NamedTuple):
    """How to go: through so many sketches at each moment, ``longest`` moments in all, and what with.

    ``past`` is what stands where a sketch has ended.
    """

    sizes: list[int]
    longest: int
    through: CellKernel
    past: float


def run_rows(
    inputs: Tensor, lengths: Tensor, held: Tensor, state: CellState, weight: Tensor, past: float = 0.0
) -> Tensor:
    """The hidden state after each row, ``[B, T, H]``, and ``past`` after the end of a sketch.

    ``inputs [B, T, I]`` take no gradient; ``held [B, 4 H]`` is added to the gates at every row; ``state`` is that
    before the first; ``weight [4 H, I + H]`` is that of the inputs, then that of the hidden state, gates in torch's
    order. Where there is a gradient to come, and so many steps, the cell is compiled.
    """
    order = Order.of(lengths)
    held, hidden, cell = (each.float()[order.sketches] for each in (held, *state))
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else weight.dtype
    with torch.autocast("cpu", enabled=False):
        rows, weight = order.rows(inputs).to(dtype), weight.to(dtype)
        through = cell_for(dtype) if torch.is_grad_enabled() else PlainCell()
        way = Way(order.sizes, inputs.shape[1], through, past)
        return order.back(_Recurrence.apply(rows, held, hidden, cell, weight, way))  # type: ignore[no-untyped-call]


class _Recurrence(torch.autograd.Function):
    """Sketches in order; ``rows [N, I]``, everything else as in :func:`run_rows`; outputs ``[T, B, H]``."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, held: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor, way: Way) -> Tensor:
        size, inputs = hidden.shape[1], rows.shape[1]
        weight, held = candidate_doubled(weight, dim=0), candidate_doubled(held, dim=1)
        seen = torch.empty(len(rows), inputs + size, dtype=rows.dtype)
        seen[:, :inputs] = rows
        kept = Moment(held.new_empty(len(rows), 4 * size), *held.new_empty(2, len(rows), size))
        outputs = held.new_full((way.longest, *hidden.shape), way.past)
        times_weight = packed_linear(weight)
        before, after = cell, hidden
        for see, now, output in zip(torch.split(seen, way.sizes), _moments(kept, way.sizes), outputs, strict=False):
            many = len(see)
            see[:, inputs:] = after[:many]
            way.through.forward(times_weight(see), held[:many], before[:many], now, output[:many])
            before, after = now.cell, output
        ctx.save_for_backward(seen, cell, weight, *kept)
        ctx.way = way
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        seen, first, weight, *kept = ctx.saved_tensors
        times_recurrent = packed_linear(weight[:, seen.shape[1] - first.shape[1] :].t())
        d_gates = torch.empty(len(seen), len(weight), dtype=weight.dtype)
        back = Backflow(torch.zeros_like(first), torch.zeros_like(first), first.new_zeros(len(first), len(weight)))
        sizes, through = ctx.way.sizes, ctx.way.through
        moments, d_gates_of = _moments(Moment(*kept), sizes), torch.split(d_gates, sizes)
        d_outputs = d_outputs if d_outputs.stride(-1) == 1 else d_outputs.contiguous()
        for moment, many in reversed(list(enumerate(sizes))):
            before = (moments[moment - 1].cell if moment else first)[:many]
            sent = back.first(many)
            through.backward(moments[moment], before, d_outputs[moment, :many], sent, d_gates_of[moment])
            sent.hidden.copy_(times_recurrent(d_gates_of[moment]))
        d_weight = d_gates.t() @ seen
        return None, candidate_doubled(back.held, 1), back.hidden, back.cell, candidate_doubled(d_weight, 0), None


def _moments(kept: Moment, sizes: list[int]) -> list[Moment]:
    """What is kept of all rows, ``[N, ...]``, moment by moment."""
    return [Moment(*parts) for parts in zip(*(torch.split(each, sizes) for each in kept), strict=True)]


def packed_linear(weight: Tensor, bias: Tensor | None = None) -> Callable[[Tensor], Tensor]:
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
