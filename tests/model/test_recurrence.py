"""The written-out LSTM against torch's, sketch by sketch: outputs, and the gradients of everything that has one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from codes.model import recurrence
from codes.model.cells import LSTM
from codes.model.moment import PlainCell, candidate_doubled, through_gates
from codes.model.recurrence import CellState, Order, many_products, run_rows
from tests.helpers import generator, stirred

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
    torch.testing.assert_close(many_products(weight)(left), left @ weight.t())


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
