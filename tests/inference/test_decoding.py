"""Drawings that join and leave: what becomes of each does not depend on the others.

The steps of many drawings, gathered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codes.data.batches import Batch
from codes.inference.decoding import Continuation, Drawings, Step, begin, collect, continue_drawings, latent_of
from codes.inference.options import SamplingOptions
from codes.model.decoder import Stepper
from codes.model.mixture import PointDistribution, outputs_for
from tests.support.worlds import batch_of, generator, set_pen

OPTIONS = [
    SamplingOptions(variations=2, seed=1, temperature=0.4, max_points=30),
    SamplingOptions(variations=1, seed=2, temperature=1.0, max_points=7, latent="prior"),
    SamplingOptions(variations=3, seed=3, temperature=0.7, max_points=60, latent="zero"),
]


def beginning(vae, options, row):
    prefix = collate_one(batch_of(3), row)
    return begin(Stepper(vae.decoder), prefix, latent_of(vae, prefix, options), options)


def alone(vae, options, row) -> dict[int, list[list[float]]]:
    """The rows of each variation."""
    prefix = collate_one(batch_of(3), row)
    return rows_of(continue_drawings(Stepper(vae.decoder), prefix, latent_of(vae, prefix, options), options))


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
    drawings, steps, numbers = Drawings(Stepper(vae.decoder)), [], []
    for row, options in enumerate(OPTIONS):
        numbers.append(drawings.join(beginning(vae, options, row)))
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
    together = rows_of(continue_drawings(Stepper(vae.decoder), batch, latent_of(vae, batch, OPTIONS), OPTIONS))
    first = 0
    for row, options in enumerate(OPTIONS):
        for variation, theirs in alone(vae, options, row).items():
            assert_same(together[first + variation], theirs)
        first += options.variations
    assert len(together) == first == 6


def test_whoever_leaves_is_drawn_no_more_and_changes_nobody(endless):
    drawings = Drawings(Stepper(endless.decoder))
    first, second = (drawings.join(beginning(endless, replace(OPTIONS[i], max_points=20), i)) for i in (0, 2))
    steps = [drawings.step() for _ in range(4)]
    drawings.leave({first[0], second[2], 99})
    assert len(drawings) == 3
    later = until_over(drawings)
    assert all(not {first[0], second[2]} & set(step.drawings.tolist()) for step in later)
    rows = rows_of(steps + later)
    assert [len(rows[number]) for number in range(5)] == [4, 21, 21, 21, 4]
    assert_same(rows[first[1]], alone(endless, replace(OPTIONS[0], max_points=20), 0)[1])


def test_when_all_have_left_others_may_come(vae):
    drawings = Drawings(Stepper(vae.decoder))
    drawings.leave({0})
    numbers = drawings.join(beginning(vae, OPTIONS[0], 0))
    drawings.leave(set(numbers))
    assert not drawings
    again = drawings.join(beginning(vae, OPTIONS[0], 0))
    rows = rows_of(until_over(drawings))
    assert again == range(2, 4)
    for variation, theirs in alone(vae, OPTIONS[0], 0).items():
        assert_same(rows[again[variation]], theirs)


def test_a_step_says_which_drawings_are_over(endless):
    steps = list(
        continue_drawings(
            Stepper(endless.decoder), batch_of(1), torch.zeros(2, 4), SamplingOptions(variations=2, max_points=3)
        )
    )
    assert [step.over.tolist() for step in steps] == [[False, False]] * 3 + [[True, True]]


DOWN, UP, OVER = [1.0, 0, 0], [0.0, 1, 0], [0.0, 0, 1]


def step(drawings: list[int], rows: list[list[float]]) -> Step:
    outputs = torch.randn(len(drawings), outputs_for(3), generator=generator(len(drawings)))
    points = torch.tensor(rows)
    return Step(torch.tensor(drawings), points, PointDistribution.from_outputs(outputs), points[:, 4] == 1)


def nats(*rows: torch.Tensor) -> float:
    return float(sum(row.double() for row in rows))


def collate_one(batch: Batch, row: int) -> Batch:
    """One sketch of a batch, padded no more than it needs."""
    length = int(batch.lengths[row])
    return Batch(batch.points[row : row + 1, :length], batch.lengths[row : row + 1], batch.labels[row : row + 1])


def test_gather_sorts_steps_by_drawing():
    steps = [
        step([0, 1, 2], [[1, 1, *DOWN], [2, 2, *UP], [3, 3, *OVER]]),
        step([0, 1], [[4, 4, *DOWN], [5, 5, *OVER]]),
        step([0], [[6, 6, *OVER]]),
    ]
    first, second, third = collect(iter(steps), 3, max_points=5)
    np.testing.assert_array_equal(first.points, [[1, 1, 0], [4, 4, 1]])
    np.testing.assert_array_equal(second.points, [[2, 2, 1]])
    assert third.points.shape == (0, 3)
    assert [each.ended for each in (first, second, third)] == [True] * 3
    one, two, three = (each.log_prob() for each in steps)
    assert first.log_likelihood == pytest.approx(nats(one[0], two[0], three[0]))
    assert second.log_likelihood == pytest.approx(nats(one[1], two[1]))
    assert third.log_likelihood == pytest.approx(nats(one[2]))


def test_an_end_costs_its_pen_and_no_offset():
    (end,) = step([0], [[9, 9, *OVER]]).log_prob()
    assert float(end) == pytest.approx(float(step([0], [[9, 9, *OVER]]).following.pen[0].log_softmax(0)[2]))


def test_gather_looks_once_past_the_last_point():
    steps = [
        step([0, 1], [[1, 1, *DOWN], [2, 2, *DOWN]]),
        step([0, 1], [[9, 9, *OVER], [9, 9, *DOWN]]),
    ]
    ended, cut = collect(iter(steps), 2, max_points=1)
    np.testing.assert_array_equal(ended.points, [[1, 1, 1]])
    np.testing.assert_array_equal(cut.points, [[2, 2, 0]])
    assert (ended.ended, cut.ended) == (True, False)
    first, last = (each.log_prob() for each in steps)
    assert ended.log_likelihood == pytest.approx(nats(first[0], last[0]))
    assert cut.log_likelihood == pytest.approx(nats(first[1]))


def test_drawings_leave_when_they_end_and_no_other_changes(vae):
    batch = batch_of(4)
    options = SamplingOptions(variations=3, max_points=80, temperature=1.0)
    z = latent_of(vae, batch, options)
    going = set(range(12))
    for each in continue_drawings(Stepper(vae.decoder), batch, z, options):
        assert set(each.drawings.tolist()) == going
        assert each.points[:, 2:].sum(dim=-1).tolist() == [1.0] * len(going)
        assert each.log_prob().isfinite().all()
        going -= set(each.drawings[each.points[:, 4] == 1].tolist())
    assert going == set()


@pytest.mark.parametrize("latent", ["prefix", "zero", "prior"])
def test_codes_stand_in_the_order_of_drawings(vae, latent):
    batch = batch_of(3)
    z = latent_of(vae, batch, SamplingOptions(variations=2, latent=latent, seed=6))
    assert z.shape == (6, 4)
    if latent == "prefix":
        torch.testing.assert_close(z[::2], vae.encode(batch.points, batch.lengths).mean)
        assert torch.equal(z[::2], z[1::2])
    elif latent == "zero":
        assert not z.any()
    else:
        assert len(z.unique(dim=0)) == 6
        alone = latent_of(vae, collate_one(batch, 1), SamplingOptions(variations=1, latent=latent, seed=6))
        assert torch.equal(alone[0], z[2])


def test_codes_of_the_prior_are_standard_normal(vae):
    options = [SamplingOptions(variations=256, latent="prior", seed=seed) for seed in range(8)]
    z = torch.cat([latent_of(vae, batch_of(1), each) for each in options])
    assert z.mean(dim=0).tolist() == pytest.approx([0] * 4, abs=0.08)
    assert z.std(dim=0).tolist() == pytest.approx([1] * 4, abs=0.06)


def test_what_was_drawn_is_frozen():
    with pytest.raises(AttributeError):
        Continuation(np.zeros((0, 3)), True, 0.0).ended = False


@torch.no_grad()
def test_variations_that_differ_in_z_each_read_the_prefix_with_their_own(vae):
    """A prefix is read once for all its variations only where they share a z."""
    batch, options = batch_of(2), SamplingOptions(variations=3, latent="prior", seed=4, max_points=5)
    z = latent_of(vae, batch, options)
    first = next(continue_drawings(Stepper(vae.decoder), batch, z, options)).following
    for drawing in range(6):
        points, lengths = batch.points[drawing // 3, None], batch.lengths[drawing // 3, None]
        alone, _ = vae.decoder.read(points, lengths, z[drawing, None])
        torch.testing.assert_close(first.mean[drawing], alone.mean[0])


def test_who_goes_on_keeps_the_noise_that_was_drawn_for_him(vae):
    batch, options = batch_of(4), SamplingOptions(variations=3, max_points=60, temperature=1.0)
    z = latent_of(vae, batch, options)
    together = collect(continue_drawings(Stepper(vae.decoder), batch, z, options), 12, 60)
    for row in range(4):
        one = collate_one(batch, row)
        alone = collect(continue_drawings(Stepper(vae.decoder), one, z[3 * row : 3 * row + 3], options), 3, 60)
        for mine, theirs in zip(together[3 * row : 3 * row + 3], alone, strict=True):
            np.testing.assert_allclose(mine.points, theirs.points, atol=1e-3)
