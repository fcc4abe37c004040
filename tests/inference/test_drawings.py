"""Drawings that join and leave: what becomes of each does not depend on the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from codes.inference.drawings import Drawings, Step
from codes.inference.options import SamplingOptions
from codes.inference.sampler import begin, continue_drawings, latent_of
from codes.model.decoder import Stepper
from tests.helpers import batch_of, set_pen
from tests.inference.test_sampler import collate_one

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
