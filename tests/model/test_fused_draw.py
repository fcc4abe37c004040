"""Drawing compiled: the points, the nats and what is found looking back are what torch makes of the same numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from codes.model.anchors import Anchors
from codes.model.config import InkConfig
from codes.model.fused_draw import kernel
from codes.model.fused_ink import GEOMETRY, KINDS, PLACE, Pen, Table, columns_of
from codes.model.ink import InkAttention, InkMemory, table_rows
from codes.model.mixture import PointDistribution, apply_temperature, draw_noise, outputs_for, without_end
from tests.support.compilers import needs_compiler
from tests.support.worlds import generator

CONFIG = InkConfig(heads=3, key=5)
MIXTURES = 7
LENGTHS = [22, 3, 0, 11, 8]  # rows before the last of each sketch
COUNT = len(LENGTHS)
OUTPUTS = outputs_for(MIXTURES)


def sketches(seed: int = 0) -> tuple[Tensor, Table, Pen]:
    """Rows of sketches of different lengths, the first a start row, with their tables and where their pens are."""
    rng = generator(seed)
    rows = torch.zeros(COUNT, max(LENGTHS) + 1, 5)
    rows[:, 1:, :2] = torch.randn(COUNT, max(LENGTHS), 2, generator=rng)
    rows[:, 5, :2] = 0  # a row that moves nothing is no segment
    lifts = (torch.rand(rows.shape[:2], generator=rng) < 0.3).float()
    rows[..., 2], rows[..., 3] = 1 - lifts, lifts
    pen = Pen.along(rows)
    remembered = torch.randn(*rows.shape[:2], sum(columns_of(CONFIG)) - PLACE, generator=rng)
    last, numbers = torch.tensor(LENGTHS), torch.arange(COUNT)
    here = Pen(*(part[numbers, last].unsqueeze(1) for part in pen))
    return rows[numbers, last], Table(table_rows(remembered, pen)), here


def distributions(anchored: bool, seed: int) -> PointDistribution:
    rng = generator(seed + 100)
    outputs = torch.randn(COUNT, OUTPUTS + 1 + 1 + KINDS * (CONFIG.key + GEOMETRY), generator=rng)
    if not anchored:
        return PointDistribution(outputs[:, :OUTPUTS])
    _, table, pen = sketches(seed)
    outputs[:, OUTPUTS] = torch.tensor([9.0, -9, 1, 2, 2])  # on an anchor almost always, almost never, sometimes
    return PointDistribution(outputs[:, : OUTPUTS + 1], Anchors(CONFIG, outputs[:, None, OUTPUTS + 1 :], table, pen))


def noise(seed: int, temperature: float) -> Tensor:
    drawn = draw_noise(1, MIXTURES, [generator(1000 * seed + number) for number in range(COUNT)])
    return apply_temperature(drawn, torch.full((COUNT, 1), temperature, dtype=torch.float64))[:, 0]


@needs_compiler
@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 1e-6, 0.4, 1.0])
def test_points_and_their_nats_are_those_of_torch(anchored, temperature):
    ends = 0
    for seed in range(25):
        ours, given = distributions(anchored, seed), noise(seed, temperature)
        assert kernel.can_draw(ours.outputs)
        points, nats = ours.draw(given)
        torch.testing.assert_close(points, ours.sample(given), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(nats, ours.log_prob(points), rtol=1e-4, atol=2e-4)
        ends += int(points[:, 4].sum())
    assert 0 < ends < 25 * COUNT


@needs_compiler
@pytest.mark.parametrize("anchored", [False, True])
def test_at_temperature_0_torch_and_c_draw_the_likeliest_whatever_the_noise(anchored):
    ours = distributions(anchored, 6)
    greedy = ours.sample(noise(0, 0.0))
    assert torch.equal(greedy[:, 2:].argmax(dim=1), ours.pen.argmax(dim=1))
    alone = ours.weights[:, :MIXTURES].logsumexp(dim=1) > (ours.weights[:, MIXTURES] if anchored else -torch.inf)
    likeliest = ours.mean[torch.arange(COUNT), ours.weights[:, :MIXTURES].argmax(dim=1)]
    assert torch.equal(greedy[alone, :2], likeliest[alone]) and (bool(alone.all()) != anchored)
    for seed in range(20):
        assert torch.equal(ours.sample(noise(seed, 0.0)), greedy)
        assert torch.equal(ours.draw(noise(seed, 0.0))[0], ours.draw(noise(0, 0.0))[0])


@needs_compiler
def test_what_cannot_end_does_not():
    ours = distributions(True, 0)
    ours = replace(ours, outputs=without_end(ours.outputs))
    for seed in range(40):
        points, nats = ours.draw(noise(seed, 1.0))
        assert not points[:, 4].any() and nats.isfinite().all()


@needs_compiler
def test_a_point_is_the_same_alone_and_among_others_wherever_its_table_lies():
    ours, given = distributions(True, 3), noise(3, 0.7)
    together, nats = ours.draw(given)
    anchors = ours.anchors
    for number in (4, 1):
        one = slice(number, number + 1)
        pen, table = Pen(*(part[one] for part in anchors.pen)), Table(anchors.table.rows, torch.tensor([number]))
        alone = replace(anchors, outputs=anchors.outputs[one], pen=pen, table=table)
        point, likely = PointDistribution(ours.outputs[one], alone).draw(given[one])
        assert torch.equal(point[0], together[number]) and torch.equal(likely[0], nats[number])


def test_without_a_compiler_torch_draws(monkeypatch):
    ours, given = distributions(True, 1), noise(1, 0.5)
    monkeypatch.setattr(kernel, "_library", lambda: None)
    points, nats = ours.draw(given)
    assert torch.equal(points, ours.sample(given))
    assert torch.equal(nats, ours.log_prob(points))


def test_an_end_costs_its_pen_and_no_offset():
    ours = distributions(True, 2)
    ends = torch.tensor([[9.0, 9, 0, 0, 1]]).expand(COUNT, -1)
    torch.testing.assert_close(ours.log_prob(ends), ours.pen.log_softmax(dim=-1)[:, 2])


@needs_compiler
def test_looking_back_from_a_new_row_is_that_of_torch(monkeypatch):
    points, table, pen = sketches(5)
    points[2] = torch.tensor([0.0, 0, 1, 0, 0])
    attention, rng = InkAttention(CONFIG, 4), generator(6)
    looked = torch.randn(COUNT, attention.context_size + attention.width - PLACE, generator=rng)
    lifted = torch.tensor([1.0, 0, 0, 1, 0])
    memory = InkMemory.of(table.rows, torch.tensor(LENGTHS) + 1)
    context, after, moved = attention.advance(looked, memory, pen, points, lifted)
    monkeypatch.setattr(kernel, "_library", lambda: None)
    expected, with_torch, pen_then = attention.advance(looked, memory, pen, points, lifted)
    torch.testing.assert_close(context, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(moved.place, pen_then.place) and torch.equal(moved.row, pen_then.row)
    assert after.counts.tolist() == [length + 2 for length in LENGTHS]
    for ours, theirs, length in zip(after.table.own, with_torch.table.own, LENGTHS, strict=True):
        assert torch.equal(ours[: length + 2], theirs[: length + 2])
