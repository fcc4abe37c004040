"""Decoders that are stored as differences from a common one."""

from __future__ import annotations

import pytest
import torch

from codes.checkpoints.low_rank import LEFT, RIGHT, add_difference, difference, read_difference
from tests.support.worlds import generator


def common() -> dict[str, torch.Tensor]:
    rng = generator(1)
    return {"matrix": torch.randn(40, 30, generator=rng), "bias": torch.randn(40, generator=rng)}


def moved(rank: int, size: float = 0.1) -> dict[str, torch.Tensor]:
    """The common weights and a difference of this rank."""
    rng = generator(2)
    away = torch.randn(40, rank, generator=rng) @ torch.randn(rank, 30, generator=rng) * size
    return {"matrix": common()["matrix"] + away, "bias": common()["bias"] + 0.5}


def whole(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The common weights with this difference."""
    tensors = common()
    add_difference(tensors, read_difference(stored))
    return tensors


def test_a_difference_of_low_rank_is_kept_exactly():
    stored = difference(moved(4), common(), 4, "float32")
    assert set(stored) == {"matrix" + LEFT, "matrix" + RIGHT, "bias"}
    assert stored["matrix" + LEFT].shape == (4, 40)
    for name, value in whole(stored).items():
        torch.testing.assert_close(value, moved(4)[name], rtol=0, atol=1e-5)


def test_more_ranks_are_nearer():
    trained, errors = moved(12), []
    for rank in (1, 3, 6, 12):
        found = whole(difference(trained, common(), rank, "float32"))
        errors.append(float((found["matrix"] - trained["matrix"]).norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3 < errors[-2]


def test_eight_bits_are_near():
    stored = difference(moved(4), common(), 4, "int8")
    assert stored["matrix" + LEFT].dtype == torch.int8
    found, expected = whole(stored)["matrix"], moved(4)["matrix"]
    assert float((found - expected).norm() / (expected - common()["matrix"]).norm()) < 0.02


def test_a_matrix_that_its_factors_would_not_make_smaller_is_kept_whole():
    assert set(difference(moved(4), common(), 18, "float16")) == {"matrix", "bias"}


def test_another_decoder_s_weights_are_refused():
    with pytest.raises(ValueError, match="sizes"):
        difference({"matrix": torch.zeros(3, 3)}, common(), 2, "int8")


def test_what_is_left_out_is_the_common_one_s():
    stored = difference(moved(4), common(), 4, "float32", "matr")
    assert set(stored) == {"matrix" + LEFT, "matrix" + RIGHT}
    found = whole(stored)
    assert torch.equal(found["bias"], common()["bias"])
    torch.testing.assert_close(found["matrix"], moved(4)["matrix"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("lost", ["matrix" + RIGHT, "matrix" + LEFT])
def test_half_of_a_pair_is_refused(lost):
    stored = difference(moved(4), common(), 4, "float32")
    del stored[lost]
    with pytest.raises(ValueError, match="does not fit"):
        whole(stored)


def test_what_is_not_finite_or_of_another_shape_is_refused():
    stored = difference(moved(4), common(), 4, "float32")
    with pytest.raises(ValueError, match="bias is not finite"):
        whole({**stored, "bias": torch.full((40,), float("inf"))})
    with pytest.raises(ValueError, match="matrix is not finite"):
        whole({**stored, "matrix" + LEFT: torch.full((4, 40), float("nan"))})
    with pytest.raises(ValueError, match="bias does not fit"):
        whole({**stored, "bias": torch.zeros(1)})
    with pytest.raises(ValueError, match="other does not fit"):
        whole({**stored, "other": torch.zeros(1)})
