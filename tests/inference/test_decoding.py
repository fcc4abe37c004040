"""Drawings that join and leave: what becomes of each does not depend on the others.

The steps of many drawings, gathered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codes.data.batches import Batch
from codes.inference.decoding import Continuation, Drawings, DrawingTables, Step, draw, latents, prepare, read_prefixes
from codes.inference.options import SamplingOptions
from codes.model.stepper import Stepper, StepWeights
from tests.support.worlds import batch_of, set_pen

OPTIONS = [
    SamplingOptions(variations=2, seed=1, temperature=0.4, max_points=30),
    SamplingOptions(variations=1, seed=2, temperature=1.0, max_points=7, latent="prior"),
    SamplingOptions(variations=3, seed=3, temperature=0.7, max_points=60, latent="zero"),
]


def prepared(vae, options, row):
    prefix = collate_one(batch_of(3), row)
    return prepare(Stepper(vae.decoder), prefix, latents(vae, prefix, options), options)


def alone(vae, options, row) -> dict[int, list[list[float]]]:
    """The rows of each variation."""
    prefix = collate_one(batch_of(3), row)
    return rows_of(steps_of(vae, prefix, latents(vae, prefix, options), options))


def steps_of(vae, prefixes: Batch, z: torch.Tensor, options) -> list[Step]:
    """Every step of drawings that are drawn until the last is over."""
    drawings = Drawings(StepWeights(vae.decoder))
    drawings.join(prepare(Stepper(vae.decoder), prefixes, z, options))
    return until_over(drawings)


def rows_of(steps) -> dict[int, list[list[float]]]:
    rows: dict[int, list[list[float]]] = {}
    for step in steps:
        for number, point in zip(step.drawings.tolist(), step.points.tolist(), strict=True):
            rows.setdefault(number, []).append(point)
    return rows


def until_over(drawings: Drawings) -> list[Step]:
    steps = []
    while drawings:
        steps.append(drawings.step())
    return steps


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-3, atol=1e-3)


@pytest.fixture
def endless(vae):
    set_pen(vae, down=0.0, up=0.0, end=-300.0)
    return vae


@pytest.mark.parametrize("between", [0, 1, 5])
def test_whoever_joins_draws_what_he_draws_alone_and_changes_nobody(vae, between):
    drawings, steps, numbers = Drawings(StepWeights(vae.decoder)), [], []
    for row, options in enumerate(OPTIONS):
        numbers.append(drawings.join(prepared(vae, options, row)))
        for _ in range(between):
            steps += [drawings.step()] if drawings else []
    rows = rows_of(steps + until_over(drawings))
    assert numbers == [range(2), range(2, 3), range(3, 6)]
    for row, options in enumerate(OPTIONS):
        for variation, theirs in alone(vae, options, row).items():
            assert_same(rows[numbers[row][variation]], theirs)


def test_a_prefix_may_have_options_of_its_own(vae):
    """One batch of several prefixes, each with other options, is each alone."""
    batch = batch_of(3)
    together = rows_of(steps_of(vae, batch, latents(vae, batch, OPTIONS), OPTIONS))
    first = 0
    for row, options in enumerate(OPTIONS):
        for variation, theirs in alone(vae, options, row).items():
            assert_same(together[first + variation], theirs)
        first += options.variations
    assert len(together) == first == 6


def test_whoever_leaves_is_drawn_no_more_and_changes_nobody(endless):
    drawings = Drawings(StepWeights(endless.decoder))
    first, second = (drawings.join(prepared(endless, replace(OPTIONS[i], max_points=20), i)) for i in (0, 2))
    steps = [drawings.step() for _ in range(4)]
    drawings.leave({first[0], second[2], 99})
    assert len(drawings) == 3
    later = until_over(drawings)
    assert all(not {first[0], second[2]} & set(step.drawings.tolist()) for step in later)
    rows = rows_of(steps + later)
    assert [len(rows[number]) for number in range(5)] == [4, 21, 21, 21, 4]
    assert_same(rows[first[1]], alone(endless, replace(OPTIONS[0], max_points=20), 0)[1])


def test_when_all_have_left_others_may_come(vae):
    drawings = Drawings(StepWeights(vae.decoder))
    drawings.leave({0})
    numbers = drawings.join(prepared(vae, OPTIONS[0], 0))
    drawings.leave(set(numbers))
    assert not drawings
    again = drawings.join(prepared(vae, OPTIONS[0], 0))
    rows = rows_of(until_over(drawings))
    assert again == range(2, 4)
    for variation, theirs in alone(vae, OPTIONS[0], 0).items():
        assert_same(rows[again[variation]], theirs)


def test_a_step_says_which_drawings_are_over(endless):
    steps = list(steps_of(endless, batch_of(1), torch.zeros(2, 4), SamplingOptions(variations=2, max_points=3)))
    assert [step.over.tolist() for step in steps] == [[False, False]] * 3 + [[True, True]]


def collate_one(batch: Batch, row: int) -> Batch:
    """One sketch of a batch, padded no more than it needs."""
    length = int(batch.lengths[row])
    return Batch(batch.points[row : row + 1, :length], batch.lengths[row : row + 1], batch.labels[row : row + 1])


def test_a_point_that_is_one_too_many_costs_nothing(endless):
    """Past the most points of a drawing only an end counts."""
    steps = steps_of(endless, batch_of(1), torch.zeros(2, 4), SamplingOptions(variations=2, max_points=3))
    assert [bool(step.nats.any()) for step in steps] == [True, True, True, False]


def test_what_is_collected_is_what_the_steps_drew(vae):
    """Rows in order, the end left out and its lift kept, nats added up; of each drawing once."""
    batch, options = batch_of(4), SamplingOptions(variations=3, max_points=4, temperature=1.0)
    z = latents(vae, batch, options)
    steps = steps_of(vae, batch, z, options)
    rows, nats = rows_of(steps), np.zeros(12)
    for each in steps:
        nats[each.drawings] += each.nats
    collected = draw(Stepper(vae.decoder), batch, z, options)
    assert {each.ended for each in collected} == {True, False}
    for number, each in enumerate(collected):
        drawn = np.array(rows[number])
        assert each.ended == (drawn[-1, 4] == 1)
        expected = drawn[:-1][:, [0, 1, 3]]
        if each.ended and len(expected):
            expected[-1, 2] = 1
        np.testing.assert_allclose(each.points, expected, rtol=1e-5)
        assert each.log_likelihood == pytest.approx(float(nats[number]), rel=1e-4)


def test_drawings_may_be_collected_while_others_go_on(vae):
    """What one drawing was given does not depend on when it is asked for."""
    batch, options = batch_of(4), SamplingOptions(variations=3, max_points=40, temperature=1.0)
    z = latents(vae, batch, options)
    at_the_end = draw(Stepper(vae.decoder), batch, z, options)
    drawings, collected = Drawings(StepWeights(vae.decoder)), {}
    drawings.join(prepare(Stepper(vae.decoder), batch, z, options))
    while drawings:
        now = drawings.step()
        over = now.drawings[now.over].tolist()
        collected |= dict(zip(over, drawings.collect(over), strict=True))
    assert list(collected) != sorted(collected)
    for number, one in collected.items():
        np.testing.assert_array_equal(one.points, at_the_end[number].points)
        assert one.log_likelihood == pytest.approx(at_the_end[number].log_likelihood, rel=1e-4)


def test_drawings_leave_when_they_end_and_no_other_changes(vae):
    batch = batch_of(4)
    options = SamplingOptions(variations=3, max_points=80, temperature=1.0)
    z = latents(vae, batch, options)
    going = set(range(12))
    for each in steps_of(vae, batch, z, options):
        assert set(each.drawings.tolist()) == going
        assert each.points[:, 2:].sum(axis=-1).tolist() == [1.0] * len(going)
        assert np.isfinite(each.nats).all()
        going -= set(each.drawings[each.points[:, 4] == 1].tolist())
    assert going == set()


@pytest.mark.parametrize("latent", ["prefix", "zero", "prior"])
def test_codes_stand_in_the_order_of_drawings(vae, latent):
    batch = batch_of(3)
    z = latents(vae, batch, SamplingOptions(variations=2, latent=latent, seed=6))
    assert z.shape == (6, 4)
    if latent == "prefix":
        torch.testing.assert_close(z[::2], vae.encode(batch.points, batch.lengths).mean)
        assert torch.equal(z[::2], z[1::2])
    elif latent == "zero":
        assert not z.any()
    else:
        assert len(z.unique(dim=0)) == 6
        alone = latents(vae, collate_one(batch, 1), SamplingOptions(variations=1, latent=latent, seed=6))
        assert torch.equal(alone[0], z[2])


def test_codes_of_the_prior_are_standard_normal(vae):
    options = [SamplingOptions(variations=256, latent="prior", seed=seed) for seed in range(8)]
    z = torch.cat([latents(vae, batch_of(1), each) for each in options])
    assert z.mean(dim=0).tolist() == pytest.approx([0] * 4, abs=0.08)
    assert z.std(dim=0).tolist() == pytest.approx([1] * 4, abs=0.06)


def test_what_was_drawn_is_frozen():
    with pytest.raises(AttributeError):
        Continuation(np.zeros((0, 3)), True, 0.0).ended = False


@torch.no_grad()
def test_variations_that_differ_in_z_each_read_the_prefix_with_their_own(vae):
    """A prefix is read once for all its variations only where they share a z."""
    batch, options = batch_of(2), SamplingOptions(variations=3, latent="prior", seed=4, max_points=5)
    z = latents(vae, batch, options)
    first = read_prefixes(Stepper(vae.decoder), batch, z, options).state.following
    for drawing in range(6):
        points, lengths = batch.points[drawing // 3, None], batch.lengths[drawing // 3, None]
        alone = vae.decoder.read(points, lengths, z[drawing, None]).following
        torch.testing.assert_close(first.mean[drawing], alone.mean[0], rtol=1e-4, atol=1e-5)


def test_who_goes_on_keeps_the_noise_that_was_drawn_for_him(vae):
    batch, options = batch_of(4), SamplingOptions(variations=3, max_points=60, temperature=1.0)
    z = latents(vae, batch, options)
    together = draw(Stepper(vae.decoder), batch, z, options)
    for row in range(4):
        one = collate_one(batch, row)
        alone = draw(Stepper(vae.decoder), one, z[3 * row : 3 * row + 3], options)
        for mine, theirs in zip(together[3 * row : 3 * row + 3], alone, strict=True):
            np.testing.assert_allclose(mine.points, theirs.points, atol=1e-3)


def test_rows_of_tables_are_used_again_and_those_in_use_stay_as_they_are():
    tables, noise = DrawingTables(), np.random.default_rng(0).random((5, 7, 3)).astype(np.float32)
    first = tables.add(noise[:3, :4])
    tables.nats[first], tables.points[first, 2] = 9.0, 1.0
    tables.free(first[1])
    second = tables.add(noise[3:])
    assert len({first[0], first[2], *second}) == 4
    assert tables.nats[second].tolist() == [0, 0] and tables.nats[[first[0], first[2]]].tolist() == [9, 9]
    np.testing.assert_array_equal(tables.noise[second], noise[3:])
    np.testing.assert_array_equal(tables.noise[[first[0], first[2]], :4], noise[[0, 2], :4])
    assert tables.points[first[0], 2].tolist() == [1] * 5
    size = len(tables.nats)
    for _ in range(50):
        for slot in tables.add(noise[:2]):
            tables.free(slot)
    assert len(tables.nats) <= 2 * size


def test_those_who_leave_and_those_who_are_collected_make_room(vae):
    drawings = Drawings(StepWeights(vae.decoder))
    for _ in range(6):
        numbers = drawings.join(prepared(vae, OPTIONS[2], 2))
        drawings.step()
        drawings.leave(numbers)
    until_over(drawings)
    done = drawings.join(prepared(vae, OPTIONS[0], 0))
    until_over(drawings)
    drawings.collect(done)
    assert len(drawings._tables.nats) <= 6 and not drawings._slots
