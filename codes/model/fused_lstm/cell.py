"""One moment of an LSTM, between two products: gates to states, and back. With torch, or compiled.

The candidate's input is doubled throughout: ``tanh(a)`` is ``2 sigmoid(2 a) - 1``, so one sigmoid serves all four
gates. (Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000.)

C next to Python: compiled when it is first asked for, for this processor, and gone with the process.

Nothing is kept on disk, so nothing on disk can be of another processor or of another person. Where there is no
compiler, there is no library, and whoever asks goes the plain way.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

NAMES = {torch.float32: "float", torch.bfloat16: "bfloat16"}


class Moment(NamedTuple):
    """What is kept of one moment of ``n`` sketches for the way back, float32.

    Attributes:
        gates: ``[n, 4 H]`` after the sigmoid.
        cell: ``[n, H]``.
        bent: ``[n, H]`` its tanh.
    """

    gates: Tensor
    cell: Tensor
    bent: Tensor


class Backflow(NamedTuple):
    """Gradients on their way back through the moments, float32; the first ``n`` rows of each are in use.

    Attributes:
        hidden: ``[n, H]`` at the hidden state, what the next moment sends back.
        cell: ``[n, H]`` at the cell.
        held: ``[n, 4 H]`` at what is added to the gates at every moment, added up.
    """

    hidden: Tensor
    cell: Tensor
    held: Tensor

    def first(self, many: int) -> Backflow:
        """Of some sketches; the same memory."""
        return Backflow(*(part[:many] for part in self))


class CellKernel(Protocol):
    """Both ways through a moment; results are written where they are to be."""

    def forward(self, product: Tensor, held: Tensor, before: Tensor, now: Moment, hidden: Tensor) -> None:
        """``product + held [n, 4 H]``, the gates' inputs, and the cell before to this moment and its hidden state."""
        ...

    def backward(self, now: Moment, before: Tensor, d_outputs: Tensor, back: Backflow, d_gates: Tensor) -> None:
        """``d_outputs [n, H]`` and what came back to ``d_gates [n, 4 H]``, at the gates' inputs, and ``back``."""
        ...


class PlainCell:
    """With torch, in as few passes over the numbers as it has operators for."""

    def forward(self, product: Tensor, held: Tensor, before: Tensor, now: Moment, hidden: Tensor) -> None:
        """See :class:`CellKernel`."""
        torch.add(product, held, out=now.gates).sigmoid_()
        take, forget, candidate, give = now.gates.chunk(4, dim=1)
        torch.mul(forget, before, out=now.cell).addcmul_(take, candidate, value=2).sub_(take)
        torch.mul(now.cell, 2, out=now.bent).sigmoid_().mul_(2).sub_(1)
        torch.mul(give, now.bent, out=hidden)

    def backward(self, now: Moment, before: Tensor, d_outputs: Tensor, back: Backflow, d_gates: Tensor) -> None:
        """See :class:`CellKernel`."""
        take, forget, candidate, give = now.gates.chunk(4, dim=1)
        found = torch.empty_like(now.gates)
        d_take, d_forget, d_candidate, d_give = found.chunk(4, dim=1)
        d_here = back.hidden + d_outputs
        torch.mul(d_here, now.bent, out=d_give)
        back.cell.add_(torch.ops.aten.tanh_backward(d_here * give, now.bent))
        torch.mul(back.cell, candidate, out=d_take).mul_(2).sub_(back.cell)
        torch.mul(back.cell, before, out=d_forget)
        torch.mul(back.cell, take, out=d_candidate).mul_(2)
        back.cell.mul_(forget)
        torch.ops.aten.sigmoid_backward.grad_input(found, now.gates, grad_input=found)
        back.held.add_(found)
        d_gates.copy_(found)


class CompiledCell:
    """One pass over the numbers, by ``kernels/lstm.c``; every tensor's rows stand one after another."""

    def __init__(self, there: Callable[..., None], back: Callable[..., None]) -> None:
        self._there, self._back = there, back

    def forward(self, product: Tensor, held: Tensor, before: Tensor, now: Moment, hidden: Tensor) -> None:
        """See :class:`CellKernel`."""
        given = (product, held, before, *now, hidden)
        assert all(each.is_contiguous() for each in given)
        self._there(*hidden.shape, *(each.data_ptr() for each in given))

    def backward(self, now: Moment, before: Tensor, d_outputs: Tensor, back: Backflow, d_gates: Tensor) -> None:
        """See :class:`CellKernel`."""
        kept, sent = (now.gates, now.bent, before), (*back, d_gates)
        assert all(each.is_contiguous() for each in (*kept, *sent)) and d_outputs.stride(1) == 1
        pointers = ([each.data_ptr() for each in some] for some in (kept, sent))
        self._back(*before.shape, *next(pointers), d_outputs.data_ptr(), d_outputs.stride(0), *next(pointers))


@lru_cache
def cell_for(dtype: torch.dtype) -> CellKernel:
    """The quickest there is for products of this type."""
    made = library("lstm") if dtype in NAMES else None
    if made is None:
        return PlainCell()
    there, back = (getattr(made, f"{way}_{NAMES[dtype]}") for way in ("forward", "backward"))
    whole, where = ctypes.c_long, ctypes.c_void_p
    there.argtypes = [whole, whole, *[where] * 7]
    back.argtypes = [whole, whole, *[where] * 4, whole, *[where] * 4]
    there.restype = back.restype = None
    return CompiledCell(there, back)


def through_gates(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One row: ``gates [B, 4 H]``, overwritten, and the cell before it ``[B, H]`` to the hidden state and the cell."""
    take, forget, candidate, give = gates.sigmoid_().chunk(4, dim=1)
    after = (forget * cell).sub_(take).addcmul_(take, candidate, value=2)
    return give * after.tanh(), after


def candidate_doubled(gates: Tensor, dim: int) -> Tensor:
    """A copy of weights, inputs or gradients of the gates in which those of the candidate are twice as large."""
    doubled = gates.clone()
    doubled.chunk(4, dim)[2].mul_(2)
    return doubled


FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")
PATIENCE = 60  # seconds


@lru_cache
def library(name: str) -> ctypes.CDLL | None:
    """The functions of ``<name>.c`` beside this file; none where they cannot be compiled."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    return compiled(compiler, Path(__file__).with_name(f"{name}.c"), FLAGS) if compiler else None


def compiled(compiler: str, source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """The functions of a file of C; none where the compiler will not have it."""
    with TemporaryDirectory(prefix="halfdrawn-") as folder:
        made = Path(folder) / f"{source.stem}.so"
        try:
            done = subprocess.run(
                [compiler, *flags, "-o", str(made), str(source)], capture_output=True, timeout=PATIENCE, check=False
            )
            return ctypes.CDLL(str(made)) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired):
            return None
