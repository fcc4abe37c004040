"""The LSTM cell, which is all that stands between two matrix products; with torch, or compiled from ``lstm.c``.

Its equations, with ``a = W x + U h_prev + b`` (Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000)::

    i = sigmoid(a_i)        f = sigmoid(a_f)        g = tanh(a_g)        o = sigmoid(a_o)
    c = f * c_prev + i * g
    h = o * tanh(c)

Gates stand in torch's order i, f, g, o. As ``tanh(a) = 2 sigmoid(2 a) - 1``, the weights of g are doubled once
(:func:`double_candidate`), and then one sigmoid serves all four gates: ``s = sigmoid(2 a_g)`` stands where g would, and
``g = 2 s - 1``.

Without a compiler the cell runs with torch.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from codes.compiled import load_library

C_TYPES = {torch.float32: "float", torch.bfloat16: "bfloat16"}


def double_candidate(gates: Tensor, dim: int) -> Tensor:
    """Return a copy of weights, inputs or gradients of the gates in which those of g are twice as large."""
    doubled = gates.clone()
    doubled.chunk(4, dim)[2].mul_(2)
    return doubled


def apply_gates(
    gates: Tensor,
    cell_prev: Tensor,
    *,
    cell: Tensor | None = None,
    tanh_cell: Tensor | None = None,
    hidden: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the hidden state and the cell, ``[n, H]`` each, in the memory of ``hidden`` and ``cell`` where given.

    ``gates [n, 4 H]`` come as inputs of the sigmoid, that of g doubled, and are overwritten by i, f, s, o.
    """
    i, f, s, o = gates.sigmoid_().chunk(4, dim=1)
    cell = torch.mul(f, cell_prev, out=cell).sub_(i).addcmul_(i, s, value=2)
    return torch.mul(o, torch.tanh(cell, out=tanh_cell), out=hidden), cell


class StepCache(NamedTuple):
    """Hold the numbers of one time step of ``n`` sequences that the gradient needs, float32.

    Attributes:
        gates: ``[n, 4 H]`` i, f, s, o.
        cell: ``[n, H]``.
        tanh_cell: ``[n, H]``.
    """

    gates: Tensor
    cell: Tensor
    tanh_cell: Tensor


class StateGrad(NamedTuple):
    """Hold the gradients that travel backward from step to step, float32; they are updated in place.

    Attributes:
        hidden: ``[B, H]`` of the hidden state, as far as later steps depend on it.
        cell: ``[B, H]`` of the cell.
        static_gates: ``[B, 4 H]`` of what is added to the gates at every step, summed over steps.
    """

    hidden: Tensor
    cell: Tensor
    static_gates: Tensor

    def first(self, n: int) -> StateGrad:
        """Return those of the first ``n`` sequences; the memory is shared."""
        return StateGrad(*(part[:n] for part in self))


class CellKernel(Protocol):
    """Run one time step of ``n`` sequences forward and backward; results are written into given tensors."""

    def forward(
        self, product: Tensor, static_gates: Tensor, cell_prev: Tensor, cache: StepCache, hidden: Tensor
    ) -> None:
        """Fill ``cache`` and ``hidden [n, H]``; the gates' inputs are ``product + static_gates``, ``[n, 4 H]``."""
        ...

    def backward(
        self, cache: StepCache, cell_prev: Tensor, d_outputs: Tensor, grad: StateGrad, d_gates: Tensor
    ) -> None:
        """Fill ``d_gates [n, 4 H]`` of the gates' inputs, and update ``grad.cell`` and ``grad.static_gates``.

        ``d_outputs [n, H]`` is the gradient of this step's hidden state as an output; ``grad.hidden`` comes on top.
        """
        ...


class TorchCell:
    """Run a step with as few passes over the numbers as torch has operators for."""

    def forward(
        self, product: Tensor, static_gates: Tensor, cell_prev: Tensor, cache: StepCache, hidden: Tensor
    ) -> None:
        """See :class:`CellKernel`."""
        torch.add(product, static_gates, out=cache.gates)
        apply_gates(cache.gates, cell_prev, cell=cache.cell, tanh_cell=cache.tanh_cell, hidden=hidden)

    def backward(
        self, cache: StepCache, cell_prev: Tensor, d_outputs: Tensor, grad: StateGrad, d_gates: Tensor
    ) -> None:
        """See :class:`CellKernel`."""
        i, f, s, o = cache.gates.chunk(4, dim=1)
        d_inputs = torch.empty_like(cache.gates)
        d_i, d_f, d_s, d_o = d_inputs.chunk(4, dim=1)
        d_hidden = grad.hidden + d_outputs
        torch.mul(d_hidden, cache.tanh_cell, out=d_o)
        grad.cell.add_(torch.ops.aten.tanh_backward(d_hidden * o, cache.tanh_cell))
        torch.mul(grad.cell, s, out=d_i).mul_(2).sub_(grad.cell)
        torch.mul(grad.cell, cell_prev, out=d_f)
        torch.mul(grad.cell, i, out=d_s).mul_(2)
        grad.cell.mul_(f)
        torch.ops.aten.sigmoid_backward.grad_input(d_inputs, cache.gates, grad_input=d_inputs)
        grad.static_gates.add_(d_inputs)
        d_gates.copy_(d_inputs)


class CompiledCell:
    """Run a step in one pass over the numbers, by ``lstm.c``; tensors must be contiguous."""

    def __init__(self, forward: Callable[..., None], backward: Callable[..., None]) -> None:
        self._forward, self._backward = forward, backward

    def forward(
        self, product: Tensor, static_gates: Tensor, cell_prev: Tensor, cache: StepCache, hidden: Tensor
    ) -> None:
        """See :class:`CellKernel`."""
        tensors = (product, static_gates, cell_prev, *cache, hidden)
        assert all(each.is_contiguous() for each in tensors)
        self._forward(*hidden.shape, *(each.data_ptr() for each in tensors))

    def backward(
        self, cache: StepCache, cell_prev: Tensor, d_outputs: Tensor, grad: StateGrad, d_gates: Tensor
    ) -> None:
        """See :class:`CellKernel`."""
        read, written = (cache.gates, cache.tanh_cell, cell_prev), (*grad, d_gates)
        assert all(each.is_contiguous() for each in (*read, *written)) and d_outputs.stride(1) == 1
        self._backward(
            *cell_prev.shape,
            *(each.data_ptr() for each in read),
            d_outputs.data_ptr(),
            d_outputs.stride(0),
            *(each.data_ptr() for each in written),
        )


@torch.no_grad()
def step_cell(product: Tensor, static_gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next hidden state and cell, ``[n, H]`` each, without gradients.

    The gates' inputs are ``product + static_gates``, ``[n, 4 H]``, those of g doubled.
    """
    count, size = cell.shape
    found, hidden = StepCache(*(cell.new_empty(count, parts * size) for parts in (4, 1, 1))), torch.empty_like(cell)
    cell_for(torch.float32).forward(product, static_gates, cell.contiguous(), found, hidden)
    return hidden, found.cell


@lru_cache
def cell_for(dtype: torch.dtype) -> CellKernel:
    """Return the fastest kernel there is for products of this type."""
    library = load_library(Path(__file__).with_name("lstm.c")) if dtype in C_TYPES else None
    if library is None:
        return TorchCell()
    forward, backward = (getattr(library, f"{direction}_{C_TYPES[dtype]}") for direction in ("forward", "backward"))
    number, pointer = ctypes.c_long, ctypes.c_void_p
    forward.argtypes = [number, number, *[pointer] * 7]
    backward.argtypes = [number, number, *[pointer] * 4, number, *[pointer] * 4]
    forward.restype = backward.restype = None
    return CompiledCell(forward, backward)
