"""One time step of an LSTM, compiled and with torch: the same numbers, and the equations of the docstring.

C is compiled where there is a compiler, and torch does the work where there is none. (Whole sequences are compared with
torch.nn.LSTM in test_lstm.py.)
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from codes.model.fused_lstm import cell as module
from codes.model.fused_lstm.cell import (
    CellKernel,
    CompiledCell,
    StateGrad,
    StepCache,
    TorchCell,
    cell_for,
)
from tests.support.compilers import needs_compiler
from tests.support.worlds import generator

N, H = 5, 37  # no multiple of what a processor takes at once
KERNELS = [pytest.param(CompiledCell, marks=needs_compiler), TorchCell]


def kernel_of(kind: type, dtype: torch.dtype = torch.float32) -> CellKernel:
    made = cell_for(dtype) if kind is CompiledCell else TorchCell()
    assert isinstance(made, kind)
    return made


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (2 * torch.randn(*shape, generator=generator(seed))).to(dtype)


def forward(kernel: CellKernel, product: Tensor) -> tuple[StepCache, Tensor]:
    cache, hidden = StepCache(torch.empty(N, 4 * H), torch.empty(N, H), torch.empty(N, H)), torch.empty(N, H)
    kernel.forward(product, numbers(N, 4 * H, seed=1), numbers(N, H, seed=2), cache, hidden)
    return cache, hidden


def backward(kernel: CellKernel, cache: StepCache, dtype: torch.dtype) -> tuple[StateGrad, Tensor]:
    grad = StateGrad(numbers(N, H, seed=3), numbers(N, H, seed=4), numbers(N, 4 * H, seed=5))
    d_gates = torch.empty(N, 4 * H, dtype=dtype)
    d_outputs = numbers(N, 3, H, seed=6)[:, 1]  # rows that do not stand one after another
    kernel.backward(cache, numbers(N, H, seed=2), d_outputs, grad, d_gates)
    return grad, d_gates


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_compiled_and_torch_give_the_same(dtype):
    compiled, plain = kernel_of(CompiledCell, dtype), kernel_of(TorchCell)
    product = numbers(N, 4 * H, seed=0, dtype=dtype)
    found, expected = forward(compiled, product), forward(plain, product)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    (grad, d_gates), (wanted, wanted_gates) = (backward(each, expected[0], dtype) for each in (compiled, plain))
    torch.testing.assert_close(grad, wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(d_gates, wanted_gates, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KERNELS)
def test_a_step_follows_the_equations_and_its_gradient_is_that_of_autograd(kind):
    kernel = kernel_of(kind)
    product, static = numbers(N, 4 * H, seed=0), numbers(N, 4 * H, seed=1)
    a = (product + static).requires_grad_()
    cell_prev = numbers(N, H, seed=2).requires_grad_()
    a_i, a_f, doubled, a_o = a.chunk(4, dim=1)
    cell = a_f.sigmoid() * cell_prev + a_i.sigmoid() * (doubled / 2).tanh()
    hidden = a_o.sigmoid() * cell.tanh()
    cache, found = forward(kernel, product)
    torch.testing.assert_close((cache.cell, cache.tanh_cell, found), (cell, cell.tanh(), hidden))
    d_hidden, d_cell = numbers(N, H, seed=3) + numbers(N, 3, H, seed=6)[:, 1], numbers(N, H, seed=4)
    d_a, d_cell_prev = torch.autograd.grad((hidden * d_hidden).sum() + (cell * d_cell).sum(), [a, cell_prev])
    grad, d_gates = backward(kernel, cache, torch.float32)
    torch.testing.assert_close(d_gates, d_a, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(grad.cell, d_cell_prev, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(grad.static_gates, numbers(N, 4 * H, seed=5) + d_a, rtol=1e-4, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30, 88.0, -104.0, 0.0])
def test_extremes_saturate_and_a_nan_stays_a_nan(value):
    product = torch.full((N, 4 * H), value)
    found, expected = (forward(kernel_of(kind), product) for kind in (CompiledCell, TorchCell))
    torch.testing.assert_close(found, expected, equal_nan=True)


@needs_compiler
def test_a_gradient_that_is_nan_stays_nan_in_bfloat16():
    cache, _ = forward(TorchCell(), numbers(N, 4 * H, seed=0))
    cache.gates[2, 3] = float("nan")
    _, d_gates = backward(kernel_of(CompiledCell, torch.bfloat16), cache, torch.bfloat16)
    assert d_gates[2].isnan().any() and not d_gates[[0, 1, 3, 4]].isnan().any()


def test_other_types_run_with_torch():
    assert isinstance(cell_for(torch.float64), TorchCell)


def test_without_a_compiler_the_cell_runs_with_torch(monkeypatch):
    monkeypatch.setattr(module, "load_library", lambda source: None)
    cell_for.cache_clear()
    try:
        assert isinstance(cell_for(torch.float32), TorchCell)
    finally:
        cell_for.cache_clear()
