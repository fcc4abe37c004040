"""The router's picture of a sketch holds all of the ink and nothing else, wherever and however large it was drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from codes.data.batches import collate
from codes.errors import BadOption
from codes.model.config import ImageConfig
from codes.model.image_encoder import ImageEncoder, StandardisedConv, rasterise
from tests.support.worlds import TINY_RASTER, batch_of, generator, stirred

SIDE = 16


def picture_of(rows: list[list[float]]) -> torch.Tensor:
    """Return the picture of one sketch, ``[2, SIDE, SIDE]``."""
    batch = collate([np.array(rows, dtype=np.float32)], [0])
    return rasterise(batch.points, batch.lengths, SIDE)[0]


def test_a_line_across_is_one_row_of_ink_without_gaps_the_first_segment_too():
    ink = picture_of([[40, 0, 1]])[0]
    assert ink.sum(dim=1).count_nonzero() == 1
    assert ink.sum() == SIDE


def test_the_pen_in_the_air_leaves_no_ink():
    ink = picture_of([[0, 10, 1], [40, -10, 0], [0, 10, 1]])[0]
    assert ink[:, 1:-1].sum() == 0
    assert ink[:, 0].count_nonzero() > 1
    assert ink[:, -1].count_nonzero() > 1


def test_a_dot_of_two_equal_points_is_seen():
    ink = picture_of([[0, 10, 1], [40, -5, 0], [0, 0, 1]])[0]
    assert ink[:, -1].sum() == 1


def test_later_ink_is_brighter():
    ink, recency = picture_of([[0, 40, 0], [40, 0, 0], [0, -40, 1]])
    assert set(recency[ink == 0].tolist()) == {0.0}
    assert recency[5, 0] == pytest.approx(1 / 3)
    assert recency[-1, 8] == pytest.approx(2 / 3)
    assert recency[5, -1] == pytest.approx(1.0)


@pytest.mark.parametrize("factor", [0.01, 3.0, 0.37])
def test_the_size_does_not_matter_and_proportions_stay(factor):
    rows = [[30, 0, 0], [0, 10, 0], [-30, 0, 0], [0, -10, 1]]
    ink = picture_of(rows)[0]
    smaller = picture_of([[x * factor, y * factor, lift] for x, y, lift in rows])[0]
    assert torch.equal(ink, smaller)
    rows_with_ink, columns_with_ink = ink.sum(dim=1).nonzero(), ink.sum(dim=0).nonzero()
    assert len(columns_with_ink) == SIDE
    assert int(rows_with_ink.max() - rows_with_ink.min()) in (4, 5, 6)


@pytest.mark.parametrize("noise", [1e-7, 1e-5, -1e-5])
def test_rounding_errors_do_not_move_an_upright_line(noise):
    """Its middle lies between two columns, and the last digit of a unit or a scale must not choose one."""
    expected = picture_of([[0, 40, 1]])
    assert torch.equal(picture_of([[noise, 40, 1]]), expected)


def test_a_sketch_without_extent_is_one_spot():
    assert picture_of([[0, 0, 1]])[0].sum() == 1


@pytest.mark.parametrize("garbage", [5.0, 1e30, float("nan"), float("inf")])
def test_padding_leaves_no_ink(garbage):
    batch = batch_of(6)
    expected = rasterise(batch.points, batch.lengths, SIDE)
    points = F.pad(batch.points, (0, 0, 0, 9))
    for row, length in enumerate(batch.lengths.tolist()):
        points[row, length:] = garbage
    assert torch.equal(rasterise(points, batch.lengths, SIDE), expected)
    for row, length in enumerate(batch.lengths.tolist()):
        alone = rasterise(batch.points[row : row + 1, :length], batch.lengths[row : row + 1], SIDE)
        assert torch.equal(alone[0], expected[row])


def test_features_have_the_width_they_name():
    net = ImageEncoder(TINY_RASTER)
    stirred(net)
    batch = batch_of(3)
    assert net(batch.points, batch.lengths).shape == (3, TINY_RASTER.features)


def test_kernels_have_no_mean_and_the_length_of_their_gain():
    layer = StandardisedConv(6, 8)
    stirred(layer)
    kernels = layer.kernels().flatten(1)
    torch.testing.assert_close(kernels.mean(dim=1), torch.zeros(8), atol=1e-6, rtol=0)
    torch.testing.assert_close(kernels.norm(dim=1), layer.gain.abs() * (2 / (1 - 1 / torch.pi)) ** 0.5)
    scaled = StandardisedConv(6, 8)
    scaled.load_state_dict({**layer.state_dict(), "weight": layer.weight * 3 + 1})
    torch.testing.assert_close(scaled.kernels(), layer.kernels(), atol=1e-4, rtol=1e-3)


def test_a_layer_passes_on_as_much_variance_as_it_is_given():
    """Deep in the network numbers are neither lost nor large, without a look at other sketches."""
    layers = torch.nn.Sequential(*[StandardisedConv(64, 64) for _ in range(4)]).requires_grad_(False)
    values = torch.randn(8, 64, 16, 16, generator=generator())
    found = layers(values)[..., 4:-4, 4:-4]
    assert 0.5 < float(found.var(dim=(0, 2, 3)).mean()) < 2


def test_a_picture_is_seen_alike_alone_and_among_others():
    net = ImageEncoder(TINY_RASTER)
    stirred(net)
    batch = batch_of(5)
    together = net(batch.points, batch.lengths)
    alone = [net(batch.points[i : i + 1], batch.lengths[i : i + 1])[0] for i in range(5)]
    torch.testing.assert_close(together, torch.stack(alone))


@pytest.mark.parametrize("fields", [{"side": 8}, {"width": 12}, {"features": 20}, {"side": 0}])
def test_sizes_that_cannot_be_built_are_refused(fields):
    with pytest.raises(BadOption):
        ImageConfig(**fields)
