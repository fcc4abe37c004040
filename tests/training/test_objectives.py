"""What is measured, against a slow loop over single points; and that a model can learn one batch by heart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from codes.data.batches import Batch
from codes.model.anchors import Anchors
from codes.model.decoder import start_row
from codes.model.fused_ink.reference import anchor_logits, anchor_places
from codes.model.router import RouterNet
from codes.model.stepper import Stepper
from codes.model.vae import SketchVAE
from codes.training.config import DecoderTrainConfig
from codes.training.objectives import DecoderObjective, MeasureSums, PointNats, RouterObjective, cut_lengths, evaluate
from tests.support.worlds import TINY_ROUTER, TINY_VAE, batch_of, generator, stirred_router, stirred_vae

CPU = torch.device("cpu")
CONFIG = DecoderTrainConfig()


def part_of(batch: Batch, start: int, end: int) -> Batch:
    """Some of the sketches, padded no more than they need."""
    longest = int(batch.lengths[start:end].max())
    return Batch(batch.points[start:end, :longest], batch.lengths[start:end], batch.labels[start:end])


def slow_density(anchors: Anchors, offset: np.ndarray) -> float:
    """Log density of an offset under the anchors of one row, by scipy."""
    logits = anchor_logits(anchors.config, anchors.query, anchors.table, anchors.pen)[0, 0].double().numpy()
    centres, axes = (part[0].double().numpy() for part in anchor_places(anchors.table))
    target, round_part = anchors.pen.position[0, 0].numpy() + offset, float(anchors.spread) ** 2 * np.eye(2)
    densities = [
        multivariate_normal.logpdf(target, centre, round_part + np.outer(axis, axis))
        for centre, axis in zip(centres, axes, strict=True)
    ]
    return float(logsumexp(logits - logsumexp(logits) + densities))


def slow_nats(vae: SketchVAE, rows: torch.Tensor, z: torch.Tensor) -> list[tuple[float, float]]:
    """Offset and pen nats of every row of one sketch ``[n, 5]`` and of its end, one point at a time, by scipy."""
    z = z.unsqueeze(0)
    state = vae.decoder.initial_state(z)
    inputs = torch.cat([start_row(rows.unsqueeze(0))[0], rows])
    stepper = Stepper(vae.decoder)
    costs = []
    for time in range(len(rows) + 1):
        state = stepper.weights.step(inputs[time : time + 1], stepper.static_gates(z), state)
        following = state.following
        weights, mean, log_sd, atanh_rho, pen = (
            getattr(following, name)[0].double().numpy() for name in ("weights", "mean", "log_sd", "atanh_rho", "pen")
        )
        weights, pen = weights - logsumexp(weights), pen - logsumexp(pen)
        if time == len(rows):
            costs.append((0.0, -float(pen[2])))
            continue
        sd, rho = np.exp(log_sd), np.tanh(atanh_rho)
        densities = [
            multivariate_normal.logpdf(
                rows[time, :2].double().numpy(),
                mean[i],
                [[sd[i, 0] ** 2, rho[i] * sd[i, 0] * sd[i, 1]], [rho[i] * sd[i, 0] * sd[i, 1], sd[i, 1] ** 2]],
                allow_singular=True,
            )
            for i in range(len(mean))
        ]
        densities.append(slow_density(following.anchors, rows[time, :2].double().numpy()))
        costs.append((-float(logsumexp(weights + densities)), -float(pen[int(rows[time, 2:].argmax())])))
    return costs


@pytest.fixture
def gentle() -> SketchVAE:
    """A VAE whose densities are mild enough for an oracle with covariances."""
    return stirred_vae(seed=4)


def test_nats_per_point_are_those_of_a_slow_loop(gentle):
    batch = batch_of(6)
    measures = {name: each.total / each.count for name, each in DecoderObjective(gentle, CONFIG).measure(batch).items()}
    whole = gentle.encode(batch.points, batch.lengths)
    half = torch.tensor([max(1, round(0.5 * n)) for n in batch.lengths.tolist()])
    begun = gentle.encode(batch.points, half)
    offset = pen = after = 0.0
    for i, length in enumerate(batch.lengths.tolist()):
        rows = batch.points[i, :length]
        costs = slow_nats(gentle, rows, whole.mean[i])
        offset += sum(cost[0] for cost in costs)
        pen += sum(cost[1] for cost in costs)
        after += sum(sum(cost) for cost in slow_nats(gentle, rows, begun.mean[i])[int(half[i]) :])
    points = int(batch.lengths.sum())
    assert float(measures["offset"]) == pytest.approx(offset / points, rel=1e-4)
    assert float(measures["pen"]) == pytest.approx(pen / points, rel=1e-4)
    assert float(measures["continuation"]) == pytest.approx(after / int((batch.lengths - half).sum()), rel=1e-4)
    assert float(measures["kl"]) == pytest.approx(float(whole.kl().mean()), rel=1e-5)


def test_a_row_past_the_end_costs_nothing_and_the_end_costs_its_pen(gentle):
    batch = batch_of(5)
    z = gentle.encode(batch.points, batch.lengths).mean
    nats = PointNats.of(gentle(batch.points, batch.lengths, z), batch)
    for i, length in enumerate(batch.lengths.tolist()):
        assert (nats.offset[i, length:] == 0).all()
        assert (nats.pen[i, length + 1 :] == 0).all()
        assert (nats.pen[i, : length + 1] > 0).all()


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_what_follows_a_prefix_is_the_rest(gentle, cut):
    batch = batch_of(5)
    nats = PointNats.of(gentle(batch.points, batch.lengths, torch.zeros(5, 4)), batch)
    rest = nats.after(torch.full((5,), cut))
    assert torch.equal(rest.offset[:, cut:], nats.offset[:, cut:])
    assert torch.equal(rest.pen[:, cut:], nats.pen[:, cut:])
    assert float(rest.offset[:, :cut].abs().sum() + rest.pen[:, :cut].abs().sum()) == 0.0


def dotted(batch: Batch, rows: list[int]) -> Batch:
    """The batch with some rows of every sketch that move nothing."""
    points = batch.points.clone()
    points[:, rows, :2] = 0.0
    return replace(batch, points=points)


def test_weights_are_chosen_by_what_moves_and_a_dot_outweighs_nothing(gentle):
    """Outlets and cats once got the weights that liked the dots of a few sketches best; docs/log.md."""
    batch = batch_of(6)
    last = int(batch.lengths.min()) - 1
    batch = dotted(batch, [last])
    half = (batch.lengths * 0.5).round().long().clamp(min=1)
    begun = gentle.encode(batch.points, half).mean
    nats = PointNats.of(gentle(batch.points, batch.lengths, begun), batch).after(half)
    still = [float(nats.offset[i, last]) for i in range(6) if int(half[i]) <= last]
    assert still
    assert 0.0 not in still
    measures = DecoderObjective(gentle, CONFIG).measure(batch)
    left_out = float(measures["continuation"].total - measures["moved"].total)
    assert left_out == pytest.approx(sum(still), rel=1e-4)
    assert measures["moved"].count == measures["continuation"].count
    assert DecoderObjective.selection_measure == "moved"


def test_where_every_row_moves_nothing_is_left_out(gentle):
    batch = batch_of(6)
    batch.points[:, :, 0] = 0.0  # straight down is a move too
    batch.points[:, :, 1] = torch.where(batch.points[..., 4] == 0, 0.3, 0.0)
    assert (batch.points[..., :2] != 0).any(dim=-1)[batch.points[..., 4] == 0].all()
    measures = DecoderObjective(gentle, CONFIG).measure(batch)
    assert float(measures["moved"].total) == float(measures["continuation"].total)


@pytest.mark.parametrize("kind", ["draw", "predict"])
def test_one_batch_of_eight_is_two_batches_of_four(kind):
    """The reported test loss was once divided by the batch size instead of the number of tests."""
    objective = DecoderObjective(stirred_vae(), CONFIG) if kind == "draw" else RouterObjective(stirred_router(), CONFIG)
    batch = batch_of(8)
    together = evaluate(objective, [batch], CPU)
    halves = evaluate(objective, [part_of(batch, 0, 4), part_of(batch, 4, 8)], CPU)
    uneven = evaluate(objective, [part_of(batch, 0, 1), part_of(batch, 1, 8)], CPU)
    assert set(together) == (
        {"offset", "pen", "kl", "continuation", "moved"} if kind == "draw" else {"loss", "accuracy"}
    )
    assert halves == pytest.approx(together, rel=1e-5)
    assert uneven == pytest.approx(together, rel=1e-5)


@pytest.mark.parametrize("kind", ["draw", "predict"])
def test_measuring_is_deterministic_in_every_mode(kind):
    model = stirred_vae() if kind == "draw" else stirred_router()
    objective = DecoderObjective(model, CONFIG) if kind == "draw" else RouterObjective(model, CONFIG)
    results = []
    for mode in (True, False):
        model.train(mode)
        results.append(evaluate(objective, [batch_of(4)], CPU))
        torch.rand(5)
    assert results[0] == results[1]


def test_a_sum_that_counted_nothing_leaves_the_measure_out():
    single_rows = part_of(
        Batch(batch_of(3).points, torch.ones(3, dtype=torch.long), torch.zeros(3, dtype=torch.long)), 0, 3
    )
    averages = evaluate(DecoderObjective(stirred_vae(), CONFIG), [single_rows], CPU)
    assert "continuation" not in averages
    assert np.isfinite(list(averages.values())).all()


def test_sums_go_on_from_what_was_saved():
    objective = RouterObjective(stirred_router(), CONFIG)
    whole, begun = MeasureSums(), MeasureSums()
    for sums in (whole, begun):
        sums.add(objective.measure(batch_of(4)))
    resumed = MeasureSums(dict(begun.totals))
    for sums in (whole, resumed):
        sums.add(objective.measure(batch_of(5, seed=2)))
    assert resumed.averages() == whole.averages()


def test_accuracy_counts_hits_at_four_fractions():
    net, batch = stirred_router(), batch_of(7)
    hits = []
    for fraction in (0.25, 0.5, 0.75, 1.0):
        kept = torch.tensor([max(1, round(fraction * n)) for n in batch.lengths.tolist()])
        hits += (net(batch.points, kept).argmax(dim=-1) == batch.labels).tolist()
    measured = RouterObjective(net, CONFIG).measure(batch)["accuracy"]
    assert (int(measured.total), int(measured.count)) == (sum(hits), 28)


def test_the_loss_is_nats_a_point_and_the_weighted_divergence():
    vae, batch = stirred_vae(), batch_of(4)
    config = replace(CONFIG, mask=0.0, kl_tolerance=0.0, kl_weight=0.7)
    loss, measures = DecoderObjective(vae, config).loss(batch, 300, generator(5))
    rng = generator(5)
    torch.rand(2, 4, generator=rng)
    posterior = vae.encode(batch.points, batch.lengths, rng)
    nats = PointNats.of(vae(batch.points, batch.lengths, posterior.rsample(rng)), batch)
    expected = (nats.offset.sum() + nats.pen.sum()) / batch.lengths.sum()
    torch.testing.assert_close(loss, expected + config.kl_weight_at(300) * posterior.kl().mean())
    assert float(measures["offset"].total) == pytest.approx(float(nats.offset.sum()))


def test_below_its_tolerance_the_divergence_pushes_no_more():
    vae, batch = SketchVAE(TINY_VAE), batch_of(4)
    vae.requires_grad_(False)
    assert float(vae.encode(batch.points, batch.lengths).kl().mean()) < 0.5
    losses = [
        DecoderObjective(vae, replace(CONFIG, kl_tolerance=0.5, kl_weight=weight)).loss(batch, 10**6, generator())[0]
        for weight in (0.0, 1.0)
    ]
    assert float(losses[1] - losses[0]) == pytest.approx(0.5, abs=1e-4)


def test_cut_lengths_cuts_a_share_uniformly_and_leaves_a_row():
    lengths = torch.full((20_000,), 40)
    kept = cut_lengths(lengths, replace(CONFIG, mask=0.75), generator())
    assert int(kept.min()) == 1
    assert int(kept.max()) == 40
    cut = kept[kept < 40].float()
    assert len(cut) / 20_000 == pytest.approx(0.75 * (1 - 1 / 80), abs=0.015)
    assert float(cut.mean()) == pytest.approx(20, abs=0.5)
    kept = cut_lengths(lengths, replace(CONFIG, mask=1.0, shortest=0.5), generator())
    assert int(kept.min()) >= 20
    assert torch.equal(cut_lengths(lengths, replace(CONFIG, mask=0.0), generator()), lengths)
    assert cut_lengths(torch.ones(50, dtype=torch.long), replace(CONFIG, mask=1.0), generator()).unique().tolist() == [
        1
    ]


def learn(objective: DecoderObjective | RouterObjective, batch: Batch, steps: int) -> tuple[float, float]:
    """The loss before and after."""
    optimiser = torch.optim.Adam(objective.model.parameters(), lr=0.03)
    losses = []
    for _ in range(steps):
        loss, _ = objective.loss(batch, 0, generator(1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses[0], losses[-1]


def test_a_vae_learns_one_batch_by_heart():
    torch.manual_seed(0)
    before, after = learn(DecoderObjective(SketchVAE(TINY_VAE), CONFIG), batch_of(6), steps=60)
    assert after < before - 1.5


def test_a_router_learns_one_batch_by_heart():
    """Three linear layers with the wrong dropout could not."""
    torch.manual_seed(0)
    objective = RouterObjective(RouterNet(TINY_ROUTER), replace(CONFIG, mask=0.0))
    before, after = learn(objective, batch_of(9), steps=60)
    assert before > 0.8
    assert after < 0.1
    assert evaluate(objective, [batch_of(9)], CPU)["accuracy"] > 0.6


@pytest.mark.parametrize("kind", ["draw", "predict"])
def test_every_weight_learns(kind):
    """No part of a model is left out of the loss."""
    torch.manual_seed(1)
    model = SketchVAE(TINY_VAE) if kind == "draw" else RouterNet(TINY_ROUTER)
    objective = DecoderObjective(model, CONFIG) if kind == "draw" else RouterObjective(model, CONFIG)
    loss, _ = objective.loss(batch_of(6), 1000, generator())
    loss.backward()
    still = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert still == []
