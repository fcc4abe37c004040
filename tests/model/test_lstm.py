"""The LSTM against torch's own, and dropout that needs a generator."""

from __future__ import annotations

import pytest
import torch

from codes.model.fused_lstm.sequence import CellState
from codes.model.lstm import LSTM, drop
from tests.support.worlds import generator, stirred

INPUTS, SIZE = 5, 6


@pytest.fixture
def pair() -> tuple[LSTM, torch.nn.LSTM]:
    """Ours and torch's, with the same weights."""
    ours = LSTM(INPUTS, SIZE)
    stirred(ours).requires_grad_(True)
    theirs = torch.nn.LSTM(INPUTS, SIZE, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.weight_input)
        theirs.weight_hh_l0.copy_(ours.weight_hidden)
        theirs.bias_ih_l0.copy_(ours.bias)
        theirs.bias_hh_l0.zero_()
    return ours, theirs


def state_of(batch: int, seed: int = 1) -> CellState:
    return CellState(*torch.randn(2, batch, SIZE, generator=generator(seed)).unbind())


def inputs_of(batch: int, time: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(batch, time, INPUTS, generator=generator(seed))


@pytest.mark.parametrize("time", [1, 2, 9])
def test_outputs_state_and_gradients_are_those_of_torch(pair, time):
    ours, theirs = pair
    inputs, state = inputs_of(4, time), state_of(4)
    outputs, last = ours(inputs, state)
    expected, (hidden, cell) = theirs(inputs, (state.hidden[None], state.cell[None]))
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(last.hidden, hidden[0])
    torch.testing.assert_close(last.cell, cell[0])
    (outputs.square().sum() + last.cell.sum()).backward()
    (expected.square().sum() + cell.sum()).backward()
    torch.testing.assert_close(ours.weight_input.grad, theirs.weight_ih_l0.grad)
    torch.testing.assert_close(ours.weight_hidden.grad, theirs.weight_hh_l0.grad)
    torch.testing.assert_close(ours.bias.grad, theirs.bias_ih_l0.grad)


@pytest.mark.parametrize("learning", [True, False])
def test_torch_is_told_whether_there_will_be_a_gradient(monkeypatch, learning):
    """On a GPU nothing was kept for the gradient, and the first training step failed."""
    told: list[bool] = []
    real = torch.lstm
    monkeypatch.setattr(torch, "lstm", lambda *some: told.append(some[6]) or real(*some))
    lstm = LSTM(3, 4)
    with torch.set_grad_enabled(learning):
        lstm(torch.randn(2, 5, 3, generator=generator()), lstm.zero_state(2))
    assert told == [learning]


def test_steps_are_the_sequence(pair):
    ours, _ = pair
    inputs, state = inputs_of(3, 7), state_of(3)
    together, last = ours(inputs, state)
    for time in range(7):
        output, state = ours(inputs[:, time : time + 1], state)
        torch.testing.assert_close(output[:, 0], together[:, time])
    torch.testing.assert_close(state.hidden, last.hidden)
    torch.testing.assert_close(state.cell, last.cell)


def test_reading_many_lengths_is_reading_each_alone(pair):
    ours, _ = pair
    inputs, state, lengths = inputs_of(5, 8), state_of(5), torch.tensor([3, 8, 1, 5, 5])
    hidden, last = ours.read(inputs, lengths, state)
    for row, length in enumerate(lengths.tolist()):
        alone = CellState(state.hidden[row : row + 1], state.cell[row : row + 1])
        outputs, expected = ours(inputs[row : row + 1, :length], alone)
        torch.testing.assert_close(hidden[row], outputs[0, -1])
        torch.testing.assert_close(last.hidden[row], expected.hidden[0])
        torch.testing.assert_close(last.cell[row], expected.cell[0])


def test_reading_never_looks_past_the_length(pair):
    ours, _ = pair
    inputs, lengths = inputs_of(3, 6), torch.tensor([2, 4, 5])
    before, _ = ours.read(inputs, lengths, state_of(3))
    for row, length in enumerate(lengths.tolist()):
        inputs[row, length:] = float("nan")
    after, _ = ours.read(inputs, lengths, state_of(3))
    assert torch.equal(before, after)


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


@pytest.mark.parametrize("batch", [2, 12], ids=["few", "many"])
def test_recurrent_weights_are_dropped_only_with_a_generator_and_once_a_sequence(batch):
    lstm = LSTM(INPUTS, SIZE, dropout=0.5)
    stirred(lstm)
    plain = LSTM(INPUTS, SIZE)
    plain.load_state_dict(lstm.state_dict())
    inputs, state, lengths = inputs_of(batch, 4), state_of(batch), torch.full((batch,), 4)
    expected = plain(inputs, state)[0]
    torch.testing.assert_close(lstm.outputs(inputs, lengths, state), expected)
    once, again = (lstm.outputs(inputs, lengths, state, rng=generator(5)) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.allclose(once, expected)
    with torch.no_grad():
        plain.weight_hidden.copy_(drop(lstm.weight_hidden, 0.5, generator(5)))
    torch.testing.assert_close(once, plain(inputs, state)[0])


def test_a_fresh_cell_remembers_by_default():
    lstm = LSTM(INPUTS, SIZE)
    assert lstm.bias.tolist() == [0.0] * SIZE + [1.0] * SIZE + [0.0] * 2 * SIZE
    gate = lstm.weight_hidden[:SIZE]
    torch.testing.assert_close(gate @ gate.T, torch.eye(SIZE))
