"""Attention over earlier points and anchors: compiled and with torch alike, and the equations of the docstring."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from codes.model.anchors import Anchors
from codes.model.config import InkConfig
from codes.model.fused_ink import GEOMETRY, KINDS, PLACE, AnchorNoise, Pen, Table, columns_of, kernel, reference
from codes.model.ink import InkMemory, table_rows
from codes.model.mixture import PointDistribution, apply_temperature, draw_noise, outputs_for
from tests.support.compilers import needs_compiler
from tests.support.worlds import batch_of, generator

CONFIG = InkConfig(heads=2, key=5)
B, N = 4, 23  # no multiple of what a processor takes at once
QUERY = CONFIG.heads * (CONFIG.key + GEOMETRY)
ANCHOR_QUERY = KINDS * (CONFIG.key + GEOMETRY)


def rows_of(count: int, length: int, seed: int = 0) -> Tensor:
    """Random strokes, ``[count, length, 5]``, some rows of which move nothing."""
    rng = generator(seed)
    rows = torch.zeros(count, length, 5)
    rows[..., :2] = torch.randn(count, length, 2, generator=rng) * (torch.rand(count, length, 1, generator=rng) > 0.1)
    lifts = torch.rand(count, length, generator=rng) < 0.2
    rows[..., 2], rows[..., 3] = 1.0 - lifts.float(), lifts.float()
    return rows


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed)).requires_grad_(True)


def world(count: int = B, length: int = N) -> tuple[dict[str, Tensor], Pen, Tensor]:
    """Everything with a gradient, the pens, and the offsets that follow."""
    rows = rows_of(count, length)
    leaves = {
        "remembered": numbers(count, length, sum(columns_of(CONFIG)) - PLACE, seed=1),
        "query": numbers(count, length, QUERY, seed=2),
        "anchor_query": numbers(count, length, ANCHOR_QUERY, seed=3),
        "spread": (torch.rand(count, length, generator=generator(4)) + 0.05).requires_grad_(True),
    }
    return leaves, Pen.along(rows), rows[..., :2].roll(-1, dims=1)


def results(module, leaves: dict[str, Tensor], pen: Pen, offsets: Tensor) -> list[Tensor]:
    """What a module finds, and the gradients of a random sum of it."""
    table = Table(table_rows(leaves["remembered"], pen))
    found = module.attend(CONFIG, leaves["query"], table, pen)
    density = module.anchor_log_prob(CONFIG, leaves["anchor_query"], leaves["spread"], table, pen, offsets)
    rng = generator(5)
    total = (found * torch.randn(found.shape, generator=rng)).sum()
    total = total + (density * torch.randn(density.shape, generator=rng)).sum()
    return [found, density, *torch.autograd.grad(total, list(leaves.values()))]


@needs_compiler
def test_compiled_and_torch_find_the_same_with_the_same_gradients():
    given = world()
    for found, expected in zip(results(kernel, *given), results(reference, *given), strict=True):
        torch.testing.assert_close(found, expected, rtol=2e-4, atol=2e-4)


def test_without_a_compiler_torch_does_the_work(monkeypatch):
    given = world()
    monkeypatch.setattr(kernel, "_library", lambda: None)
    for found, expected in zip(results(kernel, *given), results(reference, *given), strict=True):
        assert torch.equal(found, expected)


@needs_compiler
def test_rows_without_a_gradient_are_skipped():
    leaves, pen, offsets = world()
    table = Table(table_rows(leaves["remembered"], pen))
    density = kernel.anchor_log_prob(CONFIG, leaves["anchor_query"], leaves["spread"], table, pen, offsets)
    d_query, d_spread = torch.autograd.grad(density[:, 3].sum(), [leaves["anchor_query"], leaves["spread"]])
    assert d_spread[:, 3].all() and d_spread.count_nonzero() == B
    assert d_query[:, 4:].count_nonzero() == 0


@pytest.mark.parametrize("module", [pytest.param(kernel, marks=needs_compiler), reference])
def test_no_row_sees_what_comes_after_it(module):
    leaves, pen, offsets = world()
    expected = results(module, leaves, pen, offsets)[:2]
    with torch.no_grad():
        leaves["remembered"][:, 11:] = 50.0
    place = pen.place.clone()
    place[:, 11:] += 7.0
    for one, other in zip(results(module, leaves, Pen(place, pen.row), offsets)[:2], expected, strict=True):
        torch.testing.assert_close(one[:, :11], other[:, :11])
        assert not torch.allclose(one[:, 11:], other[:, 11:])


def test_a_table_may_have_room_to_spare_and_any_slot():
    """In a drawing a table is a view of a larger one, and those of other sketches lie between."""
    leaves, pen, offsets = world()
    table = Table(table_rows(leaves["remembered"], pen).detach())
    roomy = Table(F.pad(table.rows.flip(0), (0, 0, 0, 9))[:, :N], torch.tensor([3, 2, 1, 0]))
    for function, query in ((kernel.attend, "query"), (reference.attend, "query")):
        found = function(CONFIG, leaves[query].detach(), roomy, pen)
        torch.testing.assert_close(found, function(CONFIG, leaves[query].detach(), table, pen))
    given = (CONFIG, leaves["anchor_query"].detach(), leaves["spread"].detach())
    density = kernel.anchor_log_prob(*given, roomy, pen, offsets)
    torch.testing.assert_close(density, kernel.anchor_log_prob(*given, table, pen, offsets))


def test_attention_is_that_of_the_docstring():
    leaves, pen, _ = world(1, 6)
    table = Table(table_rows(leaves["remembered"], pen).detach())
    keys, values, _, place = torch.split(table.rows[0], columns_of(CONFIG), dim=-1)
    found = kernel.attend(CONFIG, leaves["query"].detach(), table, pen)[0].view(6, 2, -1)
    seen = reference.geometry(pen, place[None])[0]
    row, head = 4, 1
    q, u = leaves["query"].detach()[0].view(6, 2, -1)[row, head].split([CONFIG.key, GEOMETRY])
    k, v = (part.view(6, 2, -1)[: row + 1, head] for part in (keys, values))
    weights = (k @ q / math.sqrt(CONFIG.key) + seen[row, : row + 1] @ u).softmax(dim=0)
    expected = torch.cat([weights @ v, weights @ seen[row, : row + 1]])
    torch.testing.assert_close(found[row, head], expected, rtol=1e-4, atol=1e-5)


def test_a_pen_knows_where_it_is_what_it_drew_and_which_stroke():
    rows = torch.tensor([[[0.0, 0, 1, 0, 0], [1, 2, 1, 0, 0], [3, 0, 0, 1, 0], [5, 5, 1, 0, 0], [0, 1, 0, 1, 0]]])
    pen = Pen.along(rows)
    expected = [
        [0, 0, 0, 0, 1, 1], [1, 2, 1, 2, 0, 1], [4, 2, 3, 0, 0, 1], [9, 7, 0, 0, 1, 2], [9, 8, 0, 1, 0, 2],
    ]  # fmt: skip
    assert pen.place[0].tolist() == expected
    assert pen.row[0].tolist() == [0, 1, 2, 3, 4]
    one, lifted = Pen.before(1, rows), torch.ones(1)
    for number in range(5):
        one, lifted = one.after(rows[:, number], lifted), rows[:, number, 3]
        assert one.place[0, 0].tolist() == expected[number]
        assert one.row.item() == number


def append(memory: InkMemory, rows: Tensor) -> InkMemory:
    grown = memory.grown()
    grown.write(rows)
    return grown


def test_a_memory_is_a_value():
    empty = InkMemory.of(torch.zeros(2, 0, 3), torch.zeros(2, dtype=torch.long))
    one = append(empty, torch.ones(2, 3))
    two, other = append(one, torch.full((2, 3), 2.0)), append(one, torch.full((2, 3), 9.0))
    assert one.table.own.tolist() == [[[1.0] * 3]] * 2
    assert two.table.own[0].tolist() == [[1.0] * 3, [2.0] * 3]
    assert other.table.own[0].tolist() == [[1.0] * 3, [9.0] * 3]
    assert two.table.own[0].tolist() == [[1.0] * 3, [2.0] * 3]
    joined = InkMemory.joined([two, one])
    assert joined.counts.tolist() == [2, 2, 1, 1]
    grown = append(joined, torch.full((4, 3), 5.0)).select(torch.tensor([3, 0]))
    assert grown.counts.tolist() == [2, 3]
    assert grown.table.own[0, :2].tolist() == [[1.0] * 3, [5.0] * 3]
    assert grown.table.own[1].tolist() == [[1.0] * 3, [2.0] * 3, [5.0] * 3]
    kept = grown.table.own.clone()
    fewer = grown.select(torch.tensor([1]))
    assert append(fewer, torch.full((1, 3), 7.0)).table.own[0, 3].tolist() == [7.0] * 3
    again = append(grown, torch.full((2, 3), 8.0))
    assert torch.equal(grown.table.own, kept)
    assert again.table.own[1, 3].tolist() == [8.0] * 3
    for _ in range(100):
        grown = append(grown, torch.zeros(2, 3))
    assert grown.table.own[1, :3].tolist() == [[1.0] * 3, [2.0] * 3, [5.0] * 3]


class NarrowAnchors(Anchors):
    """Anchors that may be as narrow as one likes: the first output is their width itself."""

    @property
    def spread(self) -> Tensor:
        return self.outputs[..., 0]


def repeated(anchors: Anchors, count: int) -> Anchors:
    """The anchors of one row, ``count`` times."""
    return replace(
        anchors,
        outputs=anchors.outputs.expand(count, -1, -1),
        table=Table(anchors.table.rows, torch.zeros(count, dtype=torch.long)),
        pen=Pen(*(each.expand(count, *each.shape[1:]) for each in anchors.pen)),
    )


def anchors_of_one(seed: int = 0, spread: float = 0.2) -> Anchors:
    """The anchors after the last row of one sketch."""
    rows = rows_of(1, 7, seed)
    pen = Pen.along(rows)
    table = Table(table_rows(torch.randn(1, 7, sum(columns_of(CONFIG)) - PLACE, generator=generator(seed)), pen))
    query = torch.randn(1, 1, ANCHOR_QUERY, generator=generator(seed + 1)) * 0.7
    outputs = torch.cat([torch.full((1, 1, 1), spread), query], dim=-1)
    return NarrowAnchors(CONFIG, outputs, table, Pen(pen.place[:, -1:], pen.row[:, -1:]))


def test_the_density_of_anchors_adds_up_to_one():
    anchors = anchors_of_one()
    axis = torch.linspace(-12, 12, 481)
    grid = torch.cartesian_prod(axis, axis)
    nats = torch.cat([_densities(anchors, some) for some in grid.split(4096)])
    assert float(nats.double().exp().sum() * (24 / 480) ** 2) == pytest.approx(1.0, abs=2e-3)


def _densities(anchors: Anchors, offsets: Tensor) -> Tensor:
    return repeated(anchors, len(offsets)).log_prob(offsets)


def test_anchors_are_drawn_where_the_density_says():
    anchors, count = anchors_of_one(), 20_000
    rng = generator(8)
    uniform, normal = torch.rand(count, 1, generator=rng), torch.randn(count, 2, generator=rng)
    many = repeated(anchors, count)
    drawn = many.sample(AnchorNoise(uniform, normal, torch.ones(count, 1)))
    edges = torch.linspace(-6, 6, 9)
    observed = torch.histogramdd(drawn, bins=[edges, edges]).hist.flatten()
    fine = torch.linspace(-6, 6, 8 * 24 + 1)[:-1] + 12 / (2 * 8 * 24)
    mass = _densities(anchors, torch.cartesian_prod(fine, fine)).exp().view(8, 24, 8, 24).sum(dim=(1, 3)).flatten()
    expected = mass * (12 / (8 * 24)) ** 2 * count
    enough = expected > 15
    assert enough.sum() > 8 and expected[enough].sum() > 0.8 * count
    away = (observed - expected)[enough] / expected[enough].sqrt()
    assert float(away.abs().max()) < 4.5


def test_a_line_can_end_anywhere_on_a_segment():
    """Of two points a long way apart the middle is as likely as is fitting for a line between them."""
    rows = torch.tensor([[[0.0, 0, 1, 0, 0], [4, 0, 0, 1, 0]]])
    pen = Pen.along(rows)
    table = Table(table_rows(torch.zeros(1, 2, sum(columns_of(CONFIG)) - PLACE), pen))
    last = Pen(pen.place[:, -1:], pen.row[:, -1:])
    outputs = F.pad(torch.zeros(1, 1, ANCHOR_QUERY), (1, 0), value=0.05)
    anchors = NarrowAnchors(CONFIG, outputs, table, last)
    middle, beside, end = (anchors.log_prob(torch.tensor([point])) for point in ([-2.0, 0], [-2.0, 0.5], [0.0, 0]))
    assert float(end) > float(middle) > float(beside) + 20


def test_a_cold_choice_is_the_likeliest_anchor():
    anchors = anchors_of_one(3, spread=1e-6)
    likeliest = reference.anchor_logits(CONFIG, anchors.query, anchors.table, anchors.pen)[0, 0].argmax()
    centre = reference.anchor_places(anchors.table)[0][0, likeliest] - anchors.pen.position[0, 0]
    many = repeated(anchors, 50)
    uniform = torch.rand(50, 1, generator=generator(2))
    cold = many.sample(AnchorNoise(uniform, torch.zeros(50, 2), torch.full((50, 1), 1e6)))
    torch.testing.assert_close(cold, centre.expand(50, 2))


def test_a_distribution_mixes_its_components_with_the_anchors():
    anchors = anchors_of_one(1)
    outputs = torch.randn(1, outputs_for(3) + 1, generator=generator(6))
    outputs[:, -1] = 0.4
    ours = PointDistribution(outputs, anchors)
    offset = torch.tensor([[0.3, -0.2]])
    shares = ours.weights.log_softmax(dim=-1)
    plain = PointDistribution(outputs[:, :-1]).log_prob_offset(offset) + shares[:, :-1].logsumexp(dim=-1)
    expected = torch.logaddexp(plain, shares[:, -1] + anchors.log_prob(offset))
    torch.testing.assert_close(ours.log_prob_offset(offset), expected)


def test_anchors_are_chosen_as_often_as_they_weigh():
    anchors, count = anchors_of_one(1, spread=1e-5), 6000
    outputs = torch.zeros(1, outputs_for(3) + 1)
    outputs[:, -1] = math.log(3 * 0.25 / 0.75)  # a quarter, beside three components of weight 1
    rows = torch.zeros(count, dtype=torch.long)
    many = PointDistribution(outputs[rows], repeated(anchors, count))
    noise = draw_noise(count, 3, [generator(7)])[0]
    drawn = many.sample(apply_temperature(noise, torch.ones(count, dtype=torch.float64)))
    centres = reference.anchor_places(anchors.table)[0][0] - anchors.pen.position[0, 0]
    on_points = torch.cdist(drawn[:, :2], centres[:7]).min(dim=1).values < 1e-3
    weights = reference.anchor_logits(CONFIG, anchors.query, anchors.table, anchors.pen)[0, 0].softmax(dim=0)
    assert float(on_points.float().mean()) == pytest.approx(0.25 * float(weights[:7].sum()), abs=0.02)


@pytest.mark.parametrize("temperature", [0.1, 0.4, 1.0])
def test_the_choice_of_an_anchor_is_cooled_by_the_root_of_the_temperature(temperature):
    anchors, count = anchors_of_one(1, spread=1e-5), 4000
    outputs = torch.zeros(1, outputs_for(3) + 1)
    outputs[:, -1] = math.log(3) - 0.4  # beside three components of weight 1
    many = PointDistribution(outputs.expand(count, -1), repeated(anchors, count))
    noise = apply_temperature(draw_noise(count, 3, [generator(7)])[0], torch.tensor(temperature, dtype=torch.float64))
    plain = PointDistribution(outputs[:, :-1].expand(count, -1)).sample(noise)
    moved = (many.sample(noise)[:, :2] != plain[:, :2]).any(dim=-1)
    assert float(moved.float().mean()) == pytest.approx(1 / (1 + math.exp(0.4 / temperature**0.5)), abs=0.03)


def test_batches_of_doodles_have_finite_gradients():
    batch = batch_of(6)
    pen = Pen.along(F.pad(batch.points, (0, 0, 1, 0)))
    remembered = numbers(*pen.row.shape, sum(columns_of(CONFIG)) - PLACE, seed=1)
    table = Table(table_rows(remembered, pen))
    found = kernel.attend(CONFIG, torch.zeros(*pen.row.shape, QUERY), table, pen)
    (gradient,) = torch.autograd.grad(found.sum(), remembered)
    assert gradient.isfinite().all()
