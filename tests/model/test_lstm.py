"""The LSTM against torch.nn.LSTM over packed sequences, whichever kernel runs it, and against itself row by row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from codes.model.fused_lstm import cell as fused_cell
from codes.model.fused_lstm import double_candidate, sequence, step_cell
from codes.model.lstm import LSTM, CellState, drop
from tests.support.worlds import generator, stirred

INPUTS, STATIC, SIZE, TIME = 5, 4, 6, 9
LENGTHS = torch.tensor([3, 9, 1, 5, 5, 8, 2, 9, 4, 7])
PAD = -3.0


@pytest.fixture(params=["compiled", "torch cell", "padded"])
def lstm(request, monkeypatch) -> LSTM:
    """One LSTM for each way through :data:`LENGTHS` when gradients are wanted."""
    made = LSTM(INPUTS + STATIC, SIZE)
    stirred(made).requires_grad_(True)
    if request.param == "compiled" and isinstance(fused_cell.cell_for(torch.float32), fused_cell.TorchCell):
        pytest.skip("no C compiler here")
    if request.param == "torch cell":
        monkeypatch.setattr(sequence, "cell_for", lambda dtype: fused_cell.TorchCell())
    if request.param == "padded":
        made.min_packed_batch = len(LENGTHS) + 1
    return made


def given(seed: int = 1) -> tuple[Tensor, Tensor, CellState]:
    """Inputs, static inputs and the first state of as many sequences as there are lengths, all with gradients."""
    rng = generator(seed)
    shapes = [(TIME, INPUTS), (STATIC,), (SIZE,), (SIZE,)]
    inputs, static, hidden, cell = (
        torch.randn(len(LENGTHS), *shape, generator=rng).requires_grad_() for shape in shapes
    )
    return inputs, static, CellState(hidden, cell)


def run(lstm: LSTM, inputs: Tensor, static: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    return lstm(inputs, LENGTHS, state, static, pad_value=PAD)


def oracle(lstm: LSTM, inputs: Tensor, static: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    """The same by torch.nn.LSTM, which knows neither static inputs nor what stands past the end."""
    theirs = torch.nn.LSTM(INPUTS + STATIC, SIZE, batch_first=True)
    names = {
        "weight_ih_l0": lstm.weight_input,
        "weight_hh_l0": lstm.weight_hidden,
        "bias_ih_l0": lstm.bias,
        "bias_hh_l0": torch.zeros_like(lstm.bias),
    }
    for name, value in names.items():
        delattr(theirs, name)
        setattr(theirs, name, value)
    joined = torch.cat([inputs, static.unsqueeze(1).expand(-1, TIME, -1)], dim=-1)
    packed = pack_padded_sequence(joined, LENGTHS, batch_first=True, enforce_sorted=False)
    outputs, (hidden, cell) = theirs(packed, (state.hidden[None], state.cell[None]))
    padded, _ = pad_packed_sequence(outputs, batch_first=True, padding_value=PAD, total_length=TIME)
    return padded, CellState(hidden[0], cell[0])


def test_outputs_last_states_and_all_gradients_are_those_of_torch(lstm):
    inputs, static, state = given()
    wanted = [lstm.weight_input, lstm.weight_hidden, lstm.bias, inputs, static, *state]
    weights = torch.randn(len(LENGTHS), TIME, SIZE, generator=generator(7))
    gradients = []
    results = [each(lstm, inputs, static, state) for each in (run, oracle)]
    for outputs, last in results:
        total = (outputs * weights).sum() + last.hidden.square().sum() + last.cell.sin().sum()
        gradients.append(torch.autograd.grad(total, wanted))
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_without_gradients_it_is_the_same(lstm):
    torch.testing.assert_close(run(lstm, *given()), oracle(lstm, *given()))


@pytest.mark.parametrize("garbage", [1e30, float("nan"), float("inf")])
def test_what_stands_past_the_end_is_never_touched(lstm, garbage):
    inputs, static, state = given()
    expected = run(lstm, inputs, static, state)
    spoiled = inputs.detach().clone()
    for row, length in enumerate(LENGTHS.tolist()):
        spoiled[row, length:] = garbage
    outputs, last = run(lstm, spoiled, static, state)
    torch.testing.assert_close((outputs, last), expected, rtol=0, atol=0)
    (outputs.sum() + last.cell.sum()).backward()
    assert all(weight.grad.isfinite().all() for weight in lstm.parameters())


def test_half_precision_stays_near_and_so_do_its_gradients(lstm):
    given_parts = given()
    exact, _ = run(lstm, *given_parts)
    with torch.autocast("cpu", torch.bfloat16):
        rough, _ = run(lstm, *given_parts)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0, atol=0.03)
    wanted = list(lstm.parameters())
    found, expected = (torch.autograd.grad(each.square().sum(), wanted) for each in (rough, exact))
    for mine, theirs in zip(found, expected, strict=True):
        assert float((mine - theirs).norm() / theirs.norm()) < 0.03


@pytest.mark.parametrize("wanted", [True, False])
def test_only_batches_with_gradients_are_packed(monkeypatch, wanted):
    """Packing is slower than torch's kernel where no gradient is wanted."""
    calls: list[int] = []
    real = sequence.packed_linear
    monkeypatch.setattr(sequence, "packed_linear", lambda weight: calls.append(1) or real(weight))
    lstm = LSTM(INPUTS + STATIC, SIZE)
    for count in (lstm.min_packed_batch - 1, lstm.min_packed_batch):
        inputs, static, state = given()
        with torch.set_grad_enabled(wanted):
            lstm(inputs[:count], LENGTHS[:count], CellState(*(part[:count] for part in state)), static[:count])
    assert len(calls) == int(wanted)


@pytest.mark.parametrize("learning", [True, False])
def test_torch_is_told_whether_there_will_be_a_gradient(monkeypatch, learning):
    """On a GPU nothing was kept for the gradient, and the first training step failed."""
    told: list[bool] = []
    real = torch.lstm
    monkeypatch.setattr(torch, "lstm", lambda *args: told.append(args[6]) or real(*args))
    lstm = LSTM(3, 4)
    with torch.set_grad_enabled(learning):
        lstm(torch.randn(2, 5, 3, generator=generator()), torch.tensor([5, 2]), lstm.zero_state(2))
    assert told == [learning]


@torch.no_grad()
@pytest.mark.parametrize("static_size", [0, STATIC])
def test_steps_are_the_sequence(static_size):
    lstm = LSTM(INPUTS + static_size, SIZE)
    stirred(lstm)
    inputs, static, state = given()
    static = static[:, :static_size]
    together, last = lstm(inputs, torch.full_like(LENGTHS, TIME), state, static)
    row_weight, static_weight = lstm.weight_input.split([INPUTS, static_size], dim=1)
    weight = double_candidate(torch.cat([row_weight, lstm.weight_hidden], dim=1), dim=0)
    gates = double_candidate(F.linear(static, static_weight, lstm.bias), dim=1)
    hidden, cell = state
    for time in range(TIME):
        product = F.linear(torch.cat([inputs[:, time], hidden], dim=1), weight)
        hidden, cell = step_cell(product, gates, cell)
        torch.testing.assert_close(hidden, together[:, time])
    torch.testing.assert_close(cell, last.cell)
    assert not hidden.requires_grad


def test_drop_does_nothing_without_a_generator_or_at_zero():
    values = torch.randn(20, generator=generator())
    assert torch.equal(drop(values, 0.9, None), values)
    assert torch.equal(drop(values, 0.0, generator()), values)


@pytest.mark.parametrize("rate", [0.2, 0.8])
def test_a_drop_rate_is_no_keep_rate_and_the_mean_stays(rate):
    """A dropout of 0.8 was once taken from a *keep* rate."""
    dropped = drop(torch.ones(100_000), rate, generator())
    assert float((dropped == 0).float().mean()) == pytest.approx(rate, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)
    assert dropped[dropped != 0].unique().tolist() == pytest.approx([1 / (1 - rate)])


def test_recurrent_weights_are_dropped_only_with_a_generator_and_once_a_sequence(lstm):
    lstm.dropout = 0.5
    inputs, static, state = given()
    plain, _ = run(lstm, inputs, static, state)
    once, again = (lstm(inputs, LENGTHS, state, static, generator(5), PAD)[0] for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.allclose(once, plain)
    with torch.no_grad():
        lstm.weight_hidden.copy_(drop(lstm.weight_hidden, 0.5, generator(5)))
    torch.testing.assert_close(once, run(lstm, inputs, static, state)[0])


def test_a_fresh_lstm_remembers_by_default():
    lstm = LSTM(INPUTS, SIZE)
    assert lstm.bias.tolist() == [0.0] * SIZE + [1.0] * SIZE + [0.0] * 2 * SIZE
    gate = lstm.weight_hidden[:SIZE]
    torch.testing.assert_close(gate @ gate.T, torch.eye(SIZE))


def test_only_weights_are_saved():
    assert list(LSTM(INPUTS, SIZE).state_dict()) == ["weight_input", "weight_hidden", "bias"]
