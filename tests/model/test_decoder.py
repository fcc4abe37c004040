"""The decoder's state is a value: teacher forcing, reading prefixes and single steps are one and the same."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from codes.model.config import DecoderConfig, InkConfig
from codes.model.decoder import Decoder, DecoderState, start_row
from codes.model.fused_ink import Table
from codes.model.stepper import Stepper
from tests.support.worlds import batch_of, generator, stirred

INK = InkConfig(heads=2, key=3, hidden=5)
KINDS = {"ink": (True, INK), "no ink": (True, None), "moves only": (False, INK)}


@pytest.fixture(params=KINDS)
def decoder(request) -> Decoder:
    positions, ink = KINDS[request.param]
    made = Decoder(DecoderConfig(size=8, latent=4, mixtures=2, positions=positions, dropout=0.5, ink=ink))
    stirred(made)
    return made


def z_of(batch: int) -> torch.Tensor:
    return torch.randn(batch, 4, generator=generator(3))


def assert_close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def tensors_of(state: DecoderState) -> list[torch.Tensor]:
    """Everything that a state of one sketch means."""
    tensors = [state.hidden, state.cell, state.lifted, state.outputs, *state.pen]
    return [*tensors, state.memory.table.own[:, : int(state.memory.counts)]] if state.memory else tensors


def assert_alike(mine: DecoderState, theirs: DecoderState) -> None:
    for one, other in zip(tensors_of(mine), tensors_of(theirs), strict=True):
        assert_close(one, other)


def step_by_step(decoder: Decoder, rows: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, DecoderState]:
    """Outputs after the start row and each of ``rows [n, 5]`` of one sketch, ``[n + 1, O]``, and the last state."""
    stepper, state = Stepper(decoder), decoder.initial_state(z)
    gates, outputs = stepper.static_gates(z), []
    for row in torch.cat([start_row(rows[None])[0], rows]):
        state = stepper.weights.step(row[None], gates, state)
        outputs.append(state.outputs)
    return torch.cat(outputs), state


@pytest.mark.parametrize("count", [3, 12])
@pytest.mark.parametrize("learning", [True, False], ids=["with gradients", "without"])
def test_teacher_forcing_is_stepping_each_sketch_alone(decoder, count, learning):
    """Validation once scored every step with the *last* step's mixture; what stands past an end never matters."""
    batch, z = batch_of(count), z_of(count)
    with torch.set_grad_enabled(learning):
        together = decoder(batch.points, batch.lengths, z)
    assert together.pen.shape == (count, batch.points.shape[1] + 1, 3)
    offsets = F.pad(batch.points[..., :2], (0, 0, 0, 1))
    nats = together.log_prob_offset(offsets)
    for row, length in enumerate(batch.lengths.tolist()):
        expected, _ = step_by_step(decoder, batch.points[row, :length], z[row : row + 1])
        own = together.outputs.shape[-1]
        assert_close(together.outputs[row, : length + 1], expected[:, :own])
        alone = decoder(batch.points[row : row + 1, :length], batch.lengths[row : row + 1], z[row : row + 1])
        assert_close(nats[row, :length], alone.log_prob_offset(offsets[row : row + 1, : length + 1])[0, :length])


def test_the_next_point_is_as_likely_in_a_step_as_with_teacher_forcing(decoder):
    batch, z = batch_of(4), z_of(4)
    nats = decoder(batch.points, batch.lengths, z).log_prob_offset(F.pad(batch.points[..., :2], (0, 0, 0, 1)))
    for row, length in enumerate(batch.lengths.tolist()):
        prefix, rows = torch.tensor([length // 2]), slice(row, row + 1)
        state = decoder.read(batch.points[rows], prefix, z[rows])
        next_offset = batch.points[row, prefix, :2]
        assert_close(state.following.log_prob_offset(next_offset), nats[row, prefix])


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_prefix_that_was_read_is_one_that_was_stepped_through(decoder, share):
    batch, z = batch_of(6), z_of(6)
    lengths = (batch.lengths * share).long().clamp(min=1)
    state = decoder.read(batch.points, lengths, z)
    for row, length in enumerate(lengths.tolist()):
        expected, last = step_by_step(decoder, batch.points[row, :length], z[row : row + 1])
        assert_close(state.outputs[row], expected[-1])
        assert_alike(state.select(torch.tensor([row])), last)


def test_steps_go_on_from_what_was_read(decoder):
    batch, z = batch_of(6), z_of(6)
    prefix = batch.lengths // 2
    state = decoder.read(batch.points, prefix, z)
    whole = decoder(batch.points, batch.lengths, z)
    rows = torch.arange(6)
    stepper = Stepper(decoder)
    after = stepper.weights.step(batch.points[rows, prefix], stepper.static_gates(z), state)
    assert_close(after.following.outputs, whole.outputs[rows, prefix + 1])


def test_states_that_are_joined_stay_what_they_were(decoder):
    batch, z = batch_of(5), z_of(5)
    states = [decoder.read(batch.points[rows], batch.lengths[rows], z[rows]) for rows in (slice(0, 2), slice(2, 5))]
    stepper = Stepper(decoder)
    states[0] = stepper.weights.step(batch.points[:2, 0], stepper.static_gates(z[:2]), states[0])
    together = DecoderState.joined(states)
    for row in range(5):
        part, place = (states[0], row) if row < 2 else (states[1], row - 2)
        assert_alike(together.select(torch.tensor([row])), part.select(torch.tensor([place])))


def test_no_mode_changes_anything(decoder):
    batch, z = batch_of(3), z_of(3)
    outputs = [decoder.train(mode)(batch.points, batch.lengths, z).outputs for mode in (True, False)]
    assert torch.equal(*outputs)


def test_a_generator_drops_recurrent_weights(decoder):
    batch, z = batch_of(3), z_of(3)
    plain, once, again = (
        decoder(batch.points, batch.lengths, z, rng).pen for rng in (None, generator(1), generator(1))
    )
    assert torch.equal(once, again)
    assert not torch.allclose(once, plain)


@pytest.mark.parametrize("garbage", [7.0, 1e30, float("nan")])
def test_reading_stops_at_the_length_whatever_stands_after(decoder, garbage):
    batch, z = batch_of(5), z_of(5)
    expected = decoder.read(batch.points, batch.lengths, z)
    points = batch.points.clone()
    for row, length in enumerate(batch.lengths.tolist()):
        points[row, length:] = garbage
    found = decoder.read(points, batch.lengths, z)
    for row in torch.arange(5).unsqueeze(1):
        assert_alike(found.select(row), expected.select(row))


def test_a_state_is_never_changed_in_place(decoder):
    batch, z = batch_of(1), z_of(1)
    stepper = Stepper(decoder)
    gates = stepper.static_gates(z)
    state = stepper.weights.step(batch.points[:, 0], gates, decoder.read(batch.points, batch.lengths, z))
    before = [part.clone() for part in tensors_of(state)]
    first = stepper.weights.step(batch.points[:, 1], gates, state)
    kept = [part.clone() for part in tensors_of(first)]
    other = stepper.weights.step(batch.points[:, 2] + 1, gates, state)  # the same state goes on in another way
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(tensors_of(state), before, strict=True))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(tensors_of(first), kept, strict=True))
    assert not torch.equal(first.outputs, other.outputs)


def test_variations_share_a_state_and_go_their_own_ways(decoder):
    batch, z = batch_of(2), z_of(2)
    state = decoder.read(batch.points, batch.lengths, z)
    owners = torch.tensor([0, 0, 0, 1, 1, 1])
    stepper, points = Stepper(decoder), torch.randn(6, 5, generator=generator(8))
    together = stepper.weights.step(points, stepper.static_gates(z[owners]), state.select(owners))
    for row in range(6):
        owner = owners[row : row + 1]
        alone = stepper.weights.step(points[row : row + 1], stepper.static_gates(z[owner]), state.select(owner))
        assert_close(together.outputs[row : row + 1], alone.outputs)


def test_earlier_ink_matters_wherever_it_lies():
    """The same moves after a stroke that lay elsewhere: an LSTM without positions could not tell them apart."""
    decoder = Decoder(DecoderConfig(size=8, latent=4, mixtures=2, ink=INK))
    stirred(decoder)
    batch, z = batch_of(1), z_of(1)
    near = decoder.read(batch.points, batch.lengths, z)
    assert near.memory is not None
    moved = Table(near.memory.table.own.clone())
    moved.rows[..., -6:-4] += 3.0
    away = decoder.ink.attend(torch.ones(1, 1, decoder.ink.context_size), moved, near.pen)
    here = decoder.ink.attend(torch.ones(1, 1, decoder.ink.context_size), near.memory.table, near.pen)
    assert not torch.allclose(away, here)


def test_z_matters_at_every_step(decoder):
    """Not only in the first state: what follows differs after every row."""
    batch = batch_of(1)
    one, other = (decoder(batch.points, batch.lengths, code[None]).mean for code in z_of(2))
    assert (one - other).abs().amax(dim=(0, 2, 3)).min() > 1e-3


def test_the_position_is_where_the_pen_is(decoder):
    batch, z = batch_of(4), z_of(4)
    state = decoder.read(batch.points, batch.lengths, z)
    for row, length in enumerate(batch.lengths.tolist()):
        torch.testing.assert_close(state.pen.position[row, 0], batch.points[row, :length, :2].sum(dim=0))


def test_a_drawing_begins_pen_down_and_unmoved():
    assert start_row(torch.ones(2, 7, 5)).tolist() == [[[0.0, 0, 1, 0, 0]]] * 2
