"""The decoder's state is a value: many rows at once, row by row and read as prefixes are one and the same."""

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


def assert_close(one: PointDistribution, other: PointDistribution) -> None:
    torch.testing.assert_close(one.outputs, other.outputs, rtol=1e-4, atol=1e-5)


def row_of(distribution: PointDistribution, row: int) -> PointDistribution:
    return PointDistribution(distribution.outputs[row : row + 1])


def assert_states_close(one: DecoderState, other: DecoderState) -> None:
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", [True, False], ids=["train mode", "eval mode"])
def test_stepping_is_teacher_forcing(decoder, mode):
    """Validation once scored every step with the *last* step's mixture, as eval mode changed the output."""
    decoder.train(mode)
    points, z = batch_of(5).points, z_of(5)
    everything, last = decoder(points, z, decoder.initial_state(z))
    state = decoder.initial_state(z)
    for time in range(points.shape[1]):
        one, state = decoder(points[:, time : time + 1], z, state)
        assert one.pen.shape == (5, 1, 3)
        assert_close(one.at(0), everything.at(time))
    assert_states_close(state, last)


@pytest.mark.parametrize("cut", [1, 4])
def test_a_sequence_may_be_cut_anywhere(decoder, cut):
    points, z = batch_of(4).points, z_of(4)
    everything, last = decoder(points, z, decoder.initial_state(z))
    _, state = decoder(points[:, :cut], z, decoder.initial_state(z))
    rest, end = decoder(points[:, cut:], z, state)
    assert_close(rest.at(0), everything.at(cut))
    assert_close(rest.at(-1), everything.at(-1))
    assert_states_close(end, last)


def test_no_mode_changes_anything(decoder):
    points, z = batch_of(3).points, z_of(3)
    outputs = [decoder.train(mode)(points, z, decoder.initial_state(z))[0] for mode in (True, False)]
    assert torch.equal(*(output.outputs for output in outputs))


def test_a_generator_drops_recurrent_weights(decoder):
    points, z = batch_of(3).points, z_of(3)
    lengths = torch.full((3,), points.shape[1])
    plain, once, again = (decoder.predict(points, lengths, z, rng).pen for rng in (None, generator(1), generator(1)))
    assert torch.equal(once, again)
    assert not torch.allclose(once, plain)


def test_reading_prefixes_is_teacher_forcing_to_their_ends(decoder):
    batch, z = batch_of(6), z_of(6)
    following, state = decoder.read(batch.points, batch.lengths, z)
    for row, length in enumerate(batch.lengths.tolist()):
        inputs = torch.cat([start_row(batch.points[:1]), batch.points[row : row + 1, :length]], dim=1)
        alone = z[row : row + 1]
        expected, last = decoder(inputs, alone, decoder.initial_state(alone))
        assert_close(row_of(following, row), expected.at(-1))
        assert_states_close(state.select(torch.tensor([row])), last)


def test_forward_goes_on_from_what_was_read(decoder):
    batch, z = batch_of(6), z_of(6)
    shorter = (batch.lengths // 2).clamp(min=1)
    following, state = decoder.read(batch.points, shorter, z)
    for row, length in enumerate(shorter.tolist()):
        chosen, alone = torch.tensor([row]), z[row : row + 1]
        inputs = torch.cat([start_row(batch.points[:1]), batch.points[row : row + 1, : length + 1]], dim=1)
        expected, _ = decoder(inputs, alone, decoder.initial_state(alone))
        assert_close(row_of(following, row), expected.at(-2))
        after, _ = decoder(batch.points[row : row + 1, length : length + 1], alone, state.select(chosen))
        assert_close(after.at(0), expected.at(-1))


@pytest.mark.parametrize("garbage", [7.0, 1e30, float("nan")])
def test_reading_stops_at_the_length_whatever_stands_after(decoder, garbage):
    batch, z = batch_of(5), z_of(5)
    expected, expected_state = decoder.read(batch.points, batch.lengths, z)
    points = batch.points.clone()
    for row, length in enumerate(batch.lengths.tolist()):
        points[row, length:] = garbage
    found, state = decoder.read(points, batch.lengths, z)
    assert_close(found, expected)
    assert_states_close(state, expected_state)


def test_a_state_is_never_changed_in_place(decoder):
    points, z = batch_of(2).points, z_of(2)
    state = decoder.initial_state(z)
    before = [part.clone() for part in state]
    decoder(points, z, state)
    decoder(points[:, :1], z, state)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(state, before, strict=True))


def test_variations_share_a_state_and_go_their_own_ways(decoder):
    batch, z = batch_of(2), z_of(2)
    _, state = decoder.read(batch.points, batch.lengths, z)
    owners = torch.tensor([0, 0, 0, 1, 1, 1])
    many, codes = state.select(owners), z[owners]
    moves = torch.randn(6, 1, 5, generator=generator(8))
    together, _ = decoder(moves, codes, many)
    for row in range(6):
        owner = owners[row : row + 1]
        alone, _ = decoder(moves[row : row + 1], z[owner], state.select(owner))
        assert_close(row_of(together, row), alone)


def test_z_matters_at_every_step(decoder):
    points = batch_of(1).points
    z = z_of(2)
    state = decoder.initial_state(z[:1])
    one, other = (decoder(points, code[None], state)[0].mean for code in z)
    assert (one - other).abs().amax(dim=(0, 2, 3)).min() > 1e-3


def test_the_position_is_where_the_pen_is(decoder):
    batch, z = batch_of(4), z_of(4)
    _, state = decoder.read(batch.points, batch.lengths, z)
    for row, length in enumerate(batch.lengths.tolist()):
        torch.testing.assert_close(state.position[row], batch.points[row, :length, :2].sum(dim=0))


def test_a_drawing_begins_pen_down_and_unmoved():
    assert start_row(torch.ones(2, 7, 5)).tolist() == [[[0.0, 0, 1, 0, 0]]] * 2


@torch.no_grad()
def test_a_stepper_steps_as_the_decoder_does(decoder):
    batch, z = batch_of(6), z_of(6)
    stepper = Stepper(decoder)
    held, state = stepper.held(z), decoder.initial_state(z)
    for time in range(batch.points.shape[1]):
        points = batch.points[:, time]
        expected, expected_state = decoder(points.unsqueeze(1), z, state)
        following, state = stepper.step(points, held, state)
        assert_close(following, expected.at(0))
        assert_states_close(state, expected_state)


@pytest.mark.parametrize("count", [3, 12])
def test_predicting_many_is_predicting_each_alone(decoder, count):
    """Few sketches and many take different ways; what stands past a sketch's end never matters."""
    batch, z = batch_of(count), z_of(count)
    together = decoder.predict(batch.points, batch.lengths, z)
    for row, length in enumerate(batch.lengths.tolist()):
        inputs = torch.cat([start_row(batch.points[:1]), batch.points[row : row + 1, :length]], dim=1)
        alone = z[row : row + 1]
        expected, _ = decoder(inputs, alone, decoder.initial_state(alone))
        torch.testing.assert_close(together.outputs[row, : length + 1], expected.outputs[0], rtol=1e-4, atol=1e-5)
