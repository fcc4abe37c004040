"""Decoders that differ little from one share its products: what is drawn is what each would draw by itself."""

from __future__ import annotations

import gc

import pytest
import torch

from codes.model.config import DecoderConfig, InkConfig
from codes.model.decoder import Decoder, DecoderState
from codes.model.low_rank import LowRank
from codes.model.stepper import Stepper, StepWeights
from tests.support.worlds import generator

LATENT, SIZE = 3, 12
MEMBERS = 3


def decoder(ink: bool, positions: bool = True, seed: int = 0) -> Decoder:
    config = InkConfig(heads=2, key=4, hidden=10) if ink else None
    torch.manual_seed(seed)
    made = Decoder(DecoderConfig(size=SIZE, latent=LATENT, mixtures=3, positions=positions, ink=config))
    return made.requires_grad_(False)


def difference(common: Decoder, rank: int, seed: int) -> dict[str, LowRank | torch.Tensor]:
    """A difference whose larger matrices are of low rank, and the others whole, as in a file."""
    rng, found = generator(seed), {}
    for name, value in common.state_dict().items():
        if value.dim() == 2 and rank * sum(value.shape) < value.numel():
            left, right = (0.4 * torch.randn(rank, size, generator=rng) for size in value.shape)
            found[name] = LowRank(left, right)
        else:
            found[name] = 0.4 * torch.randn(value.shape, generator=rng)
    return found


def moved(common: Decoder, away: dict, **changes) -> Decoder:
    """The decoder that differs by this from the common one."""
    made = decoder(common.ink is not None, common.config.positions)
    whole = {name: each.whole() if isinstance(each, LowRank) else each for name, each in away.items()}
    made.load_state_dict({name: value + whole[name] for name, value in common.state_dict().items()})
    return made


def drawn(steppers: list[Stepper], together: bool, steps: int = 4) -> list[torch.Tensor]:
    """The outputs of the last step of two sketches with each, one after the other or in one batch."""
    z, points = torch.randn(2, LATENT, generator=generator(1)), torch.randn(steps, 2, 5, generator=generator(2))
    prefix, lengths = points[:1].transpose(0, 1), torch.tensor([1, 0])
    begun = [(each.static_gates(z), each.read(prefix, lengths, z)) for each in steppers]
    if not together:
        found = []
        for stepper, (gates, state) in zip(steppers, begun, strict=True):
            for row in points:
                state = stepper.weights.step(row, gates, state)
            found.append(state.outputs)
        return found
    order = torch.tensor([*range(0, 2 * len(steppers), 2), *range(1, 2 * len(steppers), 2)])
    gates = torch.cat([gates for gates, _ in begun])[order]
    state = DecoderState.joined([each for _, each in begun]).select(order)
    for row in points:
        state = steppers[0].weights.step(row.repeat(len(steppers), 1)[order], gates, state)
    back = torch.empty_like(state.outputs)
    back[order] = state.outputs
    return list(back.split(2))


@pytest.mark.parametrize("ink", [True, False])
@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize("rank", [1, 2])
def test_many_that_share_draw_together_what_each_draws_whole(ink, positions, rank):
    common = decoder(ink, positions)
    shared, aways = StepWeights(common), [difference(common, rank, 10 + number) for number in range(MEMBERS)]
    wholes = [moved(common, away) for away in aways]
    steppers = [Stepper(whole, shared, away) for whole, away in zip(wholes, aways, strict=True)]
    expected = drawn([Stepper(whole) for whole in wholes], together=False)
    assert not torch.allclose(expected[0], expected[1], atol=0.1)
    for found in (drawn(steppers, together=True), drawn(steppers, together=False)):
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_common_decoder_itself_may_draw_beside_the_others():
    common = decoder(True)
    shared, away = StepWeights(common), difference(common, 2, 5)
    whole = moved(common, away)
    expected = drawn([Stepper(common), Stepper(whole)], together=False)
    found = drawn([Stepper(common, shared), Stepper(whole, shared, away)], together=True)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_who_lets_go_of_a_decoder_frees_what_it_adds():
    common = decoder(True)
    shared, away = StepWeights(common), difference(common, 2, 5)
    steppers = [Stepper(moved(common, away), shared, away) for _ in range(4)]
    assert len(shared._members) == 4
    del steppers[1:]
    gc.collect()
    assert len(shared._members) == 1
