"""A linear map whose weights are laid out beforehand, with torch's private operators and without them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from codes.model import packed_linear as module
from codes.model.packed_linear import can_prepack, packed_linear
from tests.support.worlds import generator

has_operators = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build has no oneDNN")


@pytest.fixture
def probed_again():
    """Forget what the probe found, before and after."""
    can_prepack.cache_clear()
    yield
    can_prepack.cache_clear()


def wrong_product(left: Tensor, packed: Tensor, *more: object) -> Tensor:
    return torch.zeros(2, 3)


@pytest.mark.parametrize("prepacked", [pytest.param(True, marks=has_operators), False], ids=["oneDNN", "plain"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_it_is_a_product(monkeypatch, prepacked, with_bias):
    monkeypatch.setattr(module, "can_prepack", lambda dtype: prepacked)
    weight, left = torch.randn(24, 10, generator=generator()), torch.randn(7, 10, generator=generator(1))
    bias = torch.randn(24, generator=generator(2)) if with_bias else None
    expected = left.double() @ weight.double().t() + (0.0 if bias is None else bias.double())
    torch.testing.assert_close(packed_linear(weight, bias)(left).double(), expected, rtol=1e-5, atol=1e-5)


@has_operators
def test_this_torch_has_the_operators(probed_again):
    """If a new version of torch fails here, products are slower and nothing else."""
    assert can_prepack(torch.float32)


@pytest.mark.parametrize(
    "operators",
    [
        SimpleNamespace(),
        SimpleNamespace(_reorder_linear_weight=lambda weight: weight, _is_mkldnn_bf16_supported=lambda: True),
        SimpleNamespace(
            _reorder_linear_weight=lambda weight, rows: weight,
            _linear_pointwise=wrong_product,
            _is_mkldnn_bf16_supported=lambda: True,
        ),
    ],
    ids=["missing", "other arguments", "wrong numbers"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_operators_that_are_missing_changed_or_wrong_are_not_used(monkeypatch, probed_again, operators, dtype):
    monkeypatch.setattr(torch.ops, "mkldnn", operators)
    assert not can_prepack(dtype)
    weight, left = torch.eye(3, dtype=dtype), torch.ones(2, 3, dtype=dtype)
    assert torch.equal(packed_linear(weight)(left), left)


def test_without_onednn_they_are_not_tried(monkeypatch, probed_again):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not can_prepack(torch.float32)
