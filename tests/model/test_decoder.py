"""The decoder's state is a value: teacher forcing, reading prefixes and single steps are one and the same."""

from __future__ import annotations

import pytest
import torch

from codes.model.config import DecoderConfig
from codes.model.decoder import Decoder, DecoderState, Stepper, start_row
from codes.model.mixture import PointDistribution
from tests.support.worlds import batch_of, generator, stirred


@pytest.fixture(params=[True, False], ids=["positions", "moves only"])
def decoder(request) -> Decoder:
    made = Decoder(DecoderConfig(size=8, latent=4, mixtures=2, positions=request.param, dropout=0.5))
    stirred(made)
    return made


def z_of(batch: int) -> torch.Tensor:
    return torch.randn(batch, 4, generator=generator(3))


def assert_close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def step_by_step(decoder: Decoder, rows: torch.Tensor, z: torch.Tensor) -> tuple[PointDistribution, DecoderState]:
    """What follows the start row and each of ``rows [n, 5]`` of one sketch, ``[n + 1]``, and the state at the end."""
    stepper, state = Stepper(decoder), decoder.initial_state(z)
    gates, following = stepper.static_gates(z), []
    for row in torch.cat([start_row(rows[None])[0], rows]):
        one, state = stepper.step(row[None], gates, state)
        following.append(one)
    return PointDistribution.joined(following), state


@pytest.mark.parametrize("count", [3, 12])
@pytest.mark.parametrize("learning", [True, False], ids=["with gradients", "without"])
def test_teacher_forcing_is_stepping_each_sketch_alone(decoder, count, learning):
    """Validation once scored every step with the *last* step's mixture; what stands past an end never matters."""
    batch, z = batch_of(count), z_of(count)
    with torch.set_grad_enabled(learning):
        together = decoder(batch.points, batch.lengths, z)
    assert together.pen.shape == (count, batch.points.shape[1] + 1, 3)
    for row, length in enumerate(batch.lengths.tolist()):
        expected, _ = step_by_step(decoder, batch.points[row, :length], z[row : row + 1])
        assert_close(together.outputs[row, : length + 1], expected.outputs)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_prefix_that_was_read_is_one_that_was_stepped_through(decoder, share):
    batch, z = batch_of(6), z_of(6)
    lengths = (batch.lengths * share).long().clamp(min=1)
    following, state = decoder.read(batch.points, lengths, z)
    for row, length in enumerate(lengths.tolist()):
        expected, last = step_by_step(decoder, batch.points[row, :length], z[row : row + 1])
        assert_close(following.outputs[row], expected.outputs[-1])
        for mine, theirs in zip(state.select(torch.tensor([row])), last, strict=True):
            assert_close(mine, theirs)


def test_steps_go_on_from_what_was_read(decoder):
    batch, z = batch_of(6), z_of(6)
    prefix = batch.lengths // 2
    _, state = decoder.read(batch.points, prefix, z)
    whole = decoder(batch.points, batch.lengths, z)
    rows = torch.arange(6)
    stepper = Stepper(decoder)
    following, _ = stepper.step(batch.points[rows, prefix], stepper.static_gates(z), state)
    assert_close(following.outputs, whole.outputs[rows, prefix + 1])


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
    expected, expected_state = decoder.read(batch.points, batch.lengths, z)
    points = batch.points.clone()
    for row, length in enumerate(batch.lengths.tolist()):
        points[row, length:] = garbage
    found, state = decoder.read(points, batch.lengths, z)
    assert_close(found.outputs, expected.outputs)
    for mine, theirs in zip(state, expected_state, strict=True):
        assert_close(mine, theirs)


def test_a_state_is_never_changed_in_place(decoder):
    batch, z = batch_of(2), z_of(2)
    _, state = decoder.read(batch.points, batch.lengths, z)
    before = [part.clone() for part in state]
    stepper = Stepper(decoder)
    stepper.step(batch.points[:, 0], stepper.static_gates(z), state)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(state, before, strict=True))


def test_variations_share_a_state_and_go_their_own_ways(decoder):
    batch, z = batch_of(2), z_of(2)
    _, state = decoder.read(batch.points, batch.lengths, z)
    owners = torch.tensor([0, 0, 0, 1, 1, 1])
    stepper, points = Stepper(decoder), torch.randn(6, 5, generator=generator(8))
    together, _ = stepper.step(points, stepper.static_gates(z[owners]), state.select(owners))
    for row in range(6):
        owner = owners[row : row + 1]
        alone, _ = stepper.step(points[row : row + 1], stepper.static_gates(z[owner]), state.select(owner))
        assert_close(together.outputs[row : row + 1], alone.outputs)


def test_z_matters_at_every_step(decoder):
    """Not only in the first state: what follows differs after every row."""
    batch = batch_of(1)
    one, other = (decoder(batch.points, batch.lengths, code[None]).mean for code in z_of(2))
    assert (one - other).abs().amax(dim=(0, 2, 3)).min() > 1e-3


def test_the_position_is_where_the_pen_is(decoder):
    batch, z = batch_of(4), z_of(4)
    _, state = decoder.read(batch.points, batch.lengths, z)
    for row, length in enumerate(batch.lengths.tolist()):
        torch.testing.assert_close(state.position[row], batch.points[row, :length, :2].sum(dim=0))


def test_a_drawing_begins_pen_down_and_unmoved():
    assert start_row(torch.ones(2, 7, 5)).tolist() == [[[0.0, 0, 1, 0, 0]]] * 2
