"""A linear map whose weights are laid out for the processor once and used many times.

oneDNN's own layout takes half to two thirds of the time of a plain product of few rows (docs/log.md). torch reaches it
through private operators only, so they are probed once for each type; where they are missing, changed or wrong, the
map is :func:`torch.nn.functional.linear`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import torch
from torch import Tensor
from torch.nn import functional as F

TYPICAL_ROWS = 100  # of a product, for which the weights are laid out

Linear = Callable[[Tensor], Tensor]


def packed_linear(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """Return a function from ``x [n, I]`` to ``x @ weight.t() + bias``, ``[n, O]``, without a gradient."""
    if not can_prepack(weight.dtype):
        return partial(F.linear, weight=weight, bias=bias)
    return _prepacked(weight, bias)


def _prepacked(weight: Tensor, bias: Tensor | None) -> Linear:
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), TYPICAL_ROWS)
    return lambda inputs: torch.ops.mkldnn._linear_pointwise(inputs, packed, bias, "none", [], "")


@lru_cache
def can_prepack(dtype: torch.dtype) -> bool:
    """Try torch's private operators on a tiny product of whole numbers, which every type holds exactly."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    inputs, weight, bias = torch.arange(8.0).view(2, 4), torch.arange(12.0).view(3, 4), torch.tensor([1.0, 2.0, 3.0])
    try:
        if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
        found = _prepacked(weight.to(dtype), bias.to(dtype))(inputs.to(dtype))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.equal(found.float(), F.linear(inputs, weight, bias))
