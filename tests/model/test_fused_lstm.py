"""The written-out LSTM against torch's, sketch by sketch: outputs, and the gradients of everything that has one.

One moment of an LSTM, compiled and with torch: the same numbers, both of them right.

C is compiled where that is possible, and nobody is the worse where it is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from codes.model.fused_lstm import cell as module
from codes.model.fused_lstm import sequence as recurrence
from codes.model.fused_lstm.cell import (
    FLAGS,
    Backflow,
    CellKernel,
    CompiledCell,
    Moment,
    PlainCell,
    candidate_doubled,
    cell_for,
    compiled,
    library,
    through_gates,
)
from codes.model.fused_lstm.sequence import CellState, Order, packed_linear, run_rows
from codes.model.lstm import LSTM
from tests.support.worlds import generator, stirred

MOVED, HELD, SIZE, TIME = 5, 4, 6, 9
LENGTHS = torch.tensor([3, 9, 1, 5, 5, 8, 2, 9, 4, 7])


@pytest.fixture(params=[True, False], ids=["compiled", "plain"])
def lstm(request, monkeypatch) -> LSTM:
    if not request.param:
        monkeypatch.setattr(recurrence, "cell_for", lambda dtype: PlainCell())
    made = LSTM(MOVED + HELD, SIZE)
    stirred(made)
    return made.requires_grad_(True)


def parts_of(seed: int = 1) -> tuple[Tensor, Tensor, CellState]:
    """Inputs, what is held, and the first state, of as many sketches as there are lengths."""
    rng = generator(seed)
    inputs, held = torch.randn(len(LENGTHS), TIME, MOVED, generator=rng), torch.randn(len(LENGTHS), HELD, generator=rng)
    hidden, cell = (torch.randn(len(LENGTHS), SIZE, generator=rng).requires_grad_() for _ in range(2))
    return inputs, held.requires_grad_(), CellState(hidden, cell)


def ours(lstm: LSTM, inputs: Tensor, held: Tensor, state: CellState) -> Tensor:
    return lstm.outputs(inputs, LENGTHS, state, held)


def one_by_one(lstm: LSTM, inputs: Tensor, held: Tensor, state: CellState) -> Tensor:
    """torch's kernel over each sketch alone, zero past its end."""
    rows = []
    for row, length in enumerate(LENGTHS.tolist()):
        own = torch.cat([inputs[row, :length], held[row].expand(length, -1)], dim=-1).unsqueeze(0)
        alone = CellState(state.hidden[row : row + 1], state.cell[row : row + 1])
        outputs, _ = lstm._run(own, alone, lstm.weight_hidden)
        rows.append(F.pad(outputs[0], (0, 0, 0, TIME - length)))
    return torch.stack(rows)


def test_outputs_and_all_gradients_are_torchs(lstm):
    inputs, held, state = parts_of()
    wanted = [lstm.weight_input, lstm.weight_hidden, lstm.bias, held, *state]
    weights = torch.randn(len(LENGTHS), TIME, SIZE, generator=generator(7))
    found, expected = (run(lstm, inputs, held, state) for run in (ours, one_by_one))
    torch.testing.assert_close(found, expected)
    pairs = zip(*(torch.autograd.grad((each * weights).sum(), wanted) for each in (found, expected)), strict=True)
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("garbage", [1e30, float("nan"), float("inf")])
def test_what_stands_past_the_end_is_never_touched(lstm, garbage):
    inputs, held, state = parts_of()
    expected = ours(lstm, inputs, held, state)
    for row, length in enumerate(LENGTHS.tolist()):
        inputs[row, length:] = garbage
    again = ours(lstm, inputs, held, state)
    assert torch.equal(again, expected)
    again.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in lstm.parameters())


def test_bfloat16_products_stay_near_and_their_gradients_too(lstm):
    inputs, held, state = parts_of()
    exact = ours(lstm, inputs, held, state)
    with torch.autocast("cpu", torch.bfloat16):
        rough = ours(lstm, inputs, held, state)
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, rtol=0, atol=0.03)
    wanted = list(lstm.parameters())
    found, expected = (torch.autograd.grad(each.square().sum(), wanted) for each in (rough, exact))
    for mine, theirs in zip(found, expected, strict=True):
        assert float((mine - theirs).norm() / theirs.norm()) < 0.03


def test_an_order_and_the_way_back():
    padded = torch.arange(40.0).view(len(LENGTHS), 4, 1)
    order = Order.of(LENGTHS.clamp(max=4))
    assert order.sizes == [10, 9, 8, 7]
    assert torch.equal(order.back(padded[order.sketches].transpose(0, 1)), padded)
    rows = order.rows(padded)
    assert len(rows) == sum(order.sizes)
    assert torch.equal(rows[:10, 0], padded[order.sketches, 0, 0])


def test_an_order_that_is_its_own_inverse_is_not_taken_for_no_order():
    swapped = Order.of(torch.tensor([1, 2]))
    assert swapped.back(torch.tensor([[[1.0], [2.0]]]))[:, 0, 0].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("laid_out", [True, False], ids=["oneDNN", "plain"])
def test_many_products_are_products(monkeypatch, laid_out):
    if not laid_out:
        monkeypatch.setattr(recurrence.torch.backends.mkldnn, "is_available", lambda: False)
    weight, left = torch.randn(24, 10, generator=generator()), torch.randn(7, 10, generator=generator(1))
    torch.testing.assert_close(packed_linear(weight)(left), left @ weight.t())


def test_one_row_through_doubled_gates_is_one_step(lstm):
    _, _, state = parts_of()
    gates = torch.randn(len(LENGTHS), 4 * SIZE, generator=generator(3))
    take, forget, candidate, give = gates.chunk(4, dim=1)
    cell = forget.sigmoid() * state.cell + take.sigmoid() * candidate.tanh()
    hidden, after = through_gates(candidate_doubled(gates, dim=1), state.cell)
    torch.testing.assert_close(after, cell)
    torch.testing.assert_close(hidden, give.sigmoid() * cell.tanh())


def test_no_rows_but_those_of_the_lengths_are_computed(lstm):
    """Zero past the end, and nothing of it in the gradient of what is held."""
    inputs, held, state = parts_of()
    weight = torch.cat([lstm.weight_input[:, :MOVED], lstm.weight_hidden], dim=1)
    gates = F.linear(held, lstm.weight_input[:, MOVED:], lstm.bias)
    outputs = run_rows(inputs, LENGTHS, gates, state, weight)
    past = torch.arange(TIME) >= LENGTHS.unsqueeze(1)
    assert not outputs[past].any()
    assert outputs[~past].abs().min() > 0


N, H = 5, 37  # no multiple of what a processor takes at once
TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (2 * torch.randn(*shape, generator=generator(seed))).to(dtype)


def there(cell: CellKernel, product: Tensor) -> tuple[Moment, Tensor]:
    now, hidden = Moment(torch.empty(N, 4 * H), torch.empty(N, H), torch.empty(N, H)), torch.empty(N, H)
    cell.forward(product, numbers(N, 4 * H, seed=1), numbers(N, H, seed=2), now, hidden)
    return now, hidden


def back(cell: CellKernel, now: Moment, dtype: torch.dtype) -> tuple[Backflow, Tensor]:
    flow = Backflow(numbers(N, H, seed=3), numbers(N, H, seed=4), numbers(N, 4 * H, seed=5))
    d_gates = torch.empty(N, 4 * H, dtype=dtype)
    d_outputs = numbers(N, 3, H, seed=6)[:, 1]  # rows that do not stand one after another
    cell.backward(now, numbers(N, H, seed=2), d_outputs, flow, d_gates)
    return flow, d_gates


@TYPES
def test_both_ways_give_the_same(dtype):
    compiled, plain = cell_for(dtype), PlainCell()
    assert isinstance(compiled, CompiledCell)
    product = numbers(N, 4 * H, seed=0, dtype=dtype)
    (now, hidden), (expected, expected_hidden) = there(compiled, product), there(plain, product)
    torch.testing.assert_close([*now, hidden], [*expected, expected_hidden], rtol=1e-5, atol=1e-6)
    (flow, d_gates), (wanted, wanted_gates) = (back(each, expected, dtype) for each in (compiled, plain))
    torch.testing.assert_close([flow.cell, flow.held], [wanted.cell, wanted.held], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(d_gates, wanted_gates, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-6)


def test_forward_is_an_lstm():
    product, held, before = (numbers(N, width, seed=seed) for width, seed in ((4 * H, 0), (4 * H, 1), (H, 2)))
    now, found = there(cell_for(torch.float32), product)
    take, forget, candidate, give = (product + held).chunk(4, dim=1)
    expected = forget.sigmoid() * before + take.sigmoid() * (candidate / 2).tanh()
    torch.testing.assert_close(now.cell, expected)
    torch.testing.assert_close(found, give.sigmoid() * expected.tanh())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30, 88.0, -104.0, 0.0])
def test_extremes_saturate_and_what_is_no_number_stays_none(value):
    product = torch.full((N, 4 * H), value)
    found, expected = (there(cell, product) for cell in (cell_for(torch.float32), PlainCell()))
    torch.testing.assert_close([*found[0], found[1]], [*expected[0], expected[1]], equal_nan=True)


def test_a_gradient_that_is_no_number_stays_none_in_bfloat16():
    now, _ = there(PlainCell(), numbers(N, 4 * H, seed=0))
    now.gates[2, 3] = float("nan")
    _, d_gates = back(cell_for(torch.bfloat16), now, torch.bfloat16)
    assert d_gates[2].isnan().any() and not d_gates[[0, 1, 3, 4]].isnan().any()


def test_other_types_go_the_plain_way():
    assert isinstance(cell_for(torch.float64), PlainCell)


COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")


@needs_compiler
def test_a_function_in_c_is_called(tmp_path):
    source = tmp_path / "sum.c"
    source.write_text("long sum(long a, long b) { return a + b; }")
    made = compiled(COMPILER, source, FLAGS)
    assert made.sum(40, 2) == 42
    assert list(tmp_path.iterdir()) == [source]


@needs_compiler
def test_what_cannot_be_compiled_is_no_library(tmp_path):
    source = tmp_path / "broken.c"
    source.write_text("this is no C")
    assert compiled(COMPILER, source, FLAGS) is None


def test_a_compiler_that_is_none_is_no_library(tmp_path):
    assert compiled(str(tmp_path / "nothing"), tmp_path / "a.c", FLAGS) is None
    program = Path(shutil.which("sleep"))
    assert compiled(str(program), tmp_path / "a.c", ("not-a-number",)) is None


def test_without_a_compiler_there_is_no_library(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    library.cache_clear()
    try:
        assert library("lstm") is None
    finally:
        library.cache_clear()


@needs_compiler
def test_the_kernels_compile_without_a_warning(tmp_path):
    source = Path(module.__file__).with_name("lstm.c")
    assert compiled(COMPILER, source, (*FLAGS, "-Wall", "-Wextra", "-Werror")) is not None
