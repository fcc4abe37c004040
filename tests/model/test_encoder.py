"""The encoder and the router read each sketch's own rows and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from codes.model.config import EncoderConfig
from codes.model.encoder import Encoder, with_positions
from codes.model.router import RouterNet
from tests.support.worlds import TINY_ROUTER, batch_of, generator, stirred, stirred_router


def encoder(positions: bool = True, pooled: bool = True) -> Encoder:
    made = Encoder(EncoderConfig(size=6, positions=positions, pooled=pooled))
    stirred(made)
    return made


EVERY_KIND = [pytest.param(encoder(a, b), id=f"positions={a},pooled={b}") for a in (True, False) for b in (True, False)]
READERS = [*EVERY_KIND, pytest.param(stirred_router(), id="router")]


@pytest.mark.parametrize("net", READERS)
@pytest.mark.parametrize("garbage", [3.0, -1e6, 1e30, float("nan"), float("inf")])
def test_padding_is_never_read_whatever_it_holds(net, garbage):
    """The encoder once read padding, so a class depended on the longest sketch in the batch."""
    batch = batch_of(7)
    expected = net(batch.points, batch.lengths)
    points = batch.points.clone()
    for row, length in enumerate(batch.lengths.tolist()):
        points[row, length:] = garbage
    assert torch.equal(net(points, batch.lengths), expected)


@pytest.mark.parametrize("net", READERS)
def test_the_width_of_the_padding_does_not_matter(net):
    batch = batch_of(5)
    expected = net(batch.points, batch.lengths)
    wider = F.pad(batch.points, (0, 0, 0, 30))
    torch.testing.assert_close(net(wider, batch.lengths), expected)


@pytest.mark.parametrize("net", READERS)
def test_a_sketch_is_the_same_alone_and_among_others(net):
    batch = batch_of(6)
    together = net(batch.points, batch.lengths)
    for row, length in enumerate(batch.lengths.tolist()):
        alone = net(batch.points[row : row + 1, :length], batch.lengths[row : row + 1])
        torch.testing.assert_close(together[row], alone[0])


@pytest.mark.parametrize("net", READERS)
def test_a_prefix_is_a_sketch_of_fewer_rows(net):
    batch = batch_of(6)
    half = (batch.lengths // 2).clamp(min=1)
    for row, length in enumerate(half.tolist()):
        alone = net(batch.points[row : row + 1, :length], half[row : row + 1])
        torch.testing.assert_close(net(batch.points, half)[row], alone[0])
    assert not torch.allclose(net(batch.points, half), net(batch.points, batch.lengths))


@pytest.mark.parametrize("net", READERS)
def test_every_row_of_a_sketch_is_read(net):
    """Rows within the length count, the first and the last alike."""
    batch = batch_of(3)
    expected = net(batch.points, batch.lengths)
    for row, length in enumerate(batch.lengths.tolist()):
        for time in (0, length - 1):
            points = batch.points.clone()
            points[row, time, 0] += 1.0
            assert not torch.allclose(net(points, batch.lengths)[row], expected[row], atol=1e-5)


def test_features_are_torchs_two_last_states():
    net = encoder(positions=False, pooled=False)
    points = batch_of(1).points
    reference = torch.nn.LSTM(5, 6, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for ours, suffix in ((net.forwards, "l0"), (net.backwards, "l0_reverse")):
            getattr(reference, f"weight_ih_{suffix}").copy_(ours.weight_input)
            getattr(reference, f"weight_hh_{suffix}").copy_(ours.weight_hidden)
            getattr(reference, f"bias_ih_{suffix}").copy_(ours.bias)
            getattr(reference, f"bias_hh_{suffix}").zero_()
        _, (hidden, _) = reference(points)
    torch.testing.assert_close(net(points, torch.tensor([points.shape[1]])), hidden.transpose(0, 1).reshape(1, 12))


def test_pooled_features_hold_the_largest_of_every_row():
    net = encoder()
    batch = batch_of(1)
    length = int(batch.lengths[0])
    features = net(batch.points, batch.lengths)
    assert features.shape == (1, net.config.features) == (1, 24)
    forward_only = torch.stack([net(batch.points, torch.tensor([n]))[0, :6] for n in range(1, length + 1)])
    torch.testing.assert_close(features[0, 12:18], forward_only.amax(dim=0))


def test_positions_are_sums_of_moves():
    points = torch.tensor([[[1.0, 2, 1, 0, 0], [3, -1, 0, 1, 0]]])
    seen = with_positions(points)
    assert seen[0, :, 5:].tolist() == [[0.25, 0.5], [1.0, 0.25]]
    assert torch.equal(seen[..., :5], points)


def test_the_router_has_an_activation_between_its_layers():
    """Three linear layers once stood with nothing between, so they were one."""
    net = stirred_router()
    features = torch.randn(3, net.classifier.inner.in_features, generator=generator())
    middle = net.classifier(0.5 * (features[:1] + features[1:2]))
    ends = 0.5 * (net.classifier(features[:1]) + net.classifier(features[1:2]))
    assert not torch.allclose(middle, ends, atol=1e-3)


def test_the_same_sketch_gets_the_same_answer(router_net):
    """z was once sampled with noise when classifying."""
    batch = batch_of(4)
    first = router_net.train()(batch.points, batch.lengths)
    torch.rand(3)
    assert torch.equal(router_net.eval()(batch.points, batch.lengths), first)


def test_dropout_reaches_the_router_only_with_a_generator():
    config = replace(TINY_ROUTER, dropout=0.5)
    net = RouterNet(config)
    net.load_state_dict(stirred_router().state_dict())
    batch = batch_of(4)
    assert torch.equal(net(batch.points, batch.lengths), stirred_router()(batch.points, batch.lengths))
    dropped = net(batch.points, batch.lengths, generator(1))
    assert torch.equal(dropped, net(batch.points, batch.lengths, generator(1)))
    assert not torch.allclose(dropped, net(batch.points, batch.lengths))
