"""One moment of an LSTM, compiled and with torch: the same numbers, both of them right."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import Tensor

from codes.model.moment import Backflow, Cell, CompiledCell, Moment, PlainCell, cell_for
from tests.helpers import generator

N, H = 5, 37  # no multiple of what a processor takes at once
TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (2 * torch.randn(*shape, generator=generator(seed))).to(dtype)


def there(cell: Cell, product: Tensor) -> tuple[Moment, Tensor]:
    now, hidden = Moment(torch.empty(N, 4 * H), torch.empty(N, H), torch.empty(N, H)), torch.empty(N, H)
    cell.forward(product, numbers(N, 4 * H, seed=1), numbers(N, H, seed=2), now, hidden)
    return now, hidden


def back(cell: Cell, now: Moment, dtype: torch.dtype) -> tuple[Backflow, Tensor]:
    flow = Backflow(numbers(N, H, seed=3), numbers(N, H, seed=4), numbers(N, 4 * H, seed=5))
    d_gates = torch.empty(N, 4 * H, dtype=dtype)
    d_outputs = numbers(N, 3, H, seed=6)[:, 1]  # rows that do not stand one after another
    cell.backward(now, numbers(N, H, seed=2), d_outputs, flow, d_gates)
    return flow, d_gates


@TYPES
def test_both_ways_give_the_same(dtype):
    compiled, plain = cell_for(dtype), PlainCell()
    assert isinstance(compiled, CompiledCell)
    product = numbers(N, 4 * H, seed=0, dtype=dtype)
    (now, hidden), (expected, expected_hidden) = there(compiled, product), there(plain, product)
    torch.testing.assert_close([*now, hidden], [*expected, expected_hidden], rtol=1e-5, atol=1e-6)
    (flow, d_gates), (wanted, wanted_gates) = (back(each, expected, dtype) for each in (compiled, plain))
    torch.testing.assert_close([flow.cell, flow.held], [wanted.cell, wanted.held], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(d_gates, wanted_gates, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-6)


def test_forward_is_an_lstm():
    product, held, before = (numbers(N, width, seed=seed) for width, seed in ((4 * H, 0), (4 * H, 1), (H, 2)))
    now, found = there(cell_for(torch.float32), product)
    take, forget, candidate, give = (product + held).chunk(4, dim=1)
    expected = forget.sigmoid() * before + take.sigmoid() * (candidate / 2).tanh()
    torch.testing.assert_close(now.cell, expected)
    torch.testing.assert_close(found, give.sigmoid() * expected.tanh())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30, 88.0, -104.0, 0.0])
def test_extremes_saturate_and_what_is_no_number_stays_none(value):
    product = torch.full((N, 4 * H), value)
    found, expected = (there(cell, product) for cell in (cell_for(torch.float32), PlainCell()))
    torch.testing.assert_close([*found[0], found[1]], [*expected[0], expected[1]], equal_nan=True)


def test_a_gradient_that_is_no_number_stays_none_in_bfloat16():
    now, _ = there(PlainCell(), numbers(N, 4 * H, seed=0))
    now.gates[2, 3] = float("nan")
    _, d_gates = back(cell_for(torch.bfloat16), now, torch.bfloat16)
    assert d_gates[2].isnan().any() and not d_gates[[0, 1, 3, 4]].isnan().any()


def test_other_types_go_the_plain_way():
    assert isinstance(cell_for(torch.float64), PlainCell)
