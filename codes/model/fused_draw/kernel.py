"""Draw by ``draw.c``: a point takes dozens of small operators in torch, and there it is two calls."""

from __future__ import annotations

from ctypes import CDLL
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from codes.compiled import call, load_ahead, load_library
from codes.model.anchors import Anchors
from codes.model.config import InkConfig
from codes.model.encoder import POINT
from codes.model.fused_ink import GEOMETRY, Pen, Table

SOURCE = Path(__file__).with_name("draw.c")


def can_draw(outputs: Tensor) -> bool:
    """Return true if points can be drawn from these outputs here."""
    return outputs.device.type == "cpu" and outputs.dtype == torch.float32 and _library() is not None


def draw_points(outputs: Tensor, anchors: Anchors | None, mixtures: int, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Draw the next points, ``[A, 5]``, and say how likely they were, ``[A]``, in nats.

    Args:
        outputs: ``[A, 6 M + 3]``, and one more where there are anchors.
        anchors: those of ``[A, 1]`` rows.
        mixtures: M.
        noise: ``[A, K]``, see :func:`codes.model.mixture.draw_noise`.
    """
    library = _library()
    assert library is not None
    points, nats = outputs.new_empty(len(outputs), POINT), outputs.new_empty(len(outputs))
    outputs, ink = _rows_contiguous(outputs), _Ink.of(anchors)
    scratch = outputs.new_empty(call(library.scratch_floats, mixtures, ink.points))
    sizes = (len(outputs), mixtures, outputs.stride(0), *ink[:5])
    given = (ink.slots, outputs, noise.contiguous(), ink.outputs, ink.rows, ink.place, ink.row)
    call(library.draw_points, *sizes, *given, points, nats, scratch)
    return points, nats


def advance(
    config: InkConfig, looked: Tensor, table: Table, pen: Pen, points: Tensor, lifted: Tensor
) -> tuple[Tensor, Pen]:
    """Write one more row into the table of each sketch and look back from it.

    :meth:`codes.model.ink.InkAttention.advance` says what is given, and does the same with torch.

    Returns:
        What was found, ``[B, heads (key + GEOMETRY)]``, and the pen ``[B, 1]`` after the row.
    """
    library = _library()
    assert library is not None and table.slots is not None and table.contiguous() is table
    rows, count, pen = table.rows, len(points), pen.contiguous()
    moved = Pen(*(torch.empty_like(each) for each in pen))
    context = looked.new_empty(count, config.heads * (config.key + GEOMETRY))
    scratch = looked.new_empty(call(library.scratch_floats, 0, rows.shape[1]))
    sizes = (count, rows.shape[1], config.heads, config.key, rows.stride(0))
    given = (looked.contiguous(), rows, *pen, points.contiguous(), lifted.contiguous())
    call(library.advance, *sizes, table.slots, *given, *moved, context, scratch)
    return context, moved


class _Ink(NamedTuple):
    """Hold what ``draw.c`` is told of anchors; where there are none, there are no points."""

    stride: int = 0
    points: int = 0
    heads: int = 0
    key: int = 0
    table_stride: int = 0
    slots: Tensor | None = None
    outputs: Tensor | None = None
    rows: Tensor | None = None
    place: Tensor | None = None
    row: Tensor | None = None

    @classmethod
    def of(cls, anchors: Anchors | None) -> _Ink:
        if anchors is None:
            return cls()
        (rows, slots), outputs, config = anchors.table.contiguous(), _rows_contiguous(anchors.outputs), anchors.config
        sizes = (outputs.stride(0), rows.shape[1], config.heads, config.key, rows.stride(0))
        return cls(*sizes, slots, outputs, rows, *anchors.pen.contiguous())


def _rows_contiguous(outputs: Tensor) -> Tensor:
    """Return outputs of which those of one sketch stand behind one another."""
    return outputs if outputs.stride(-1) == 1 else outputs.contiguous()


def prepare() -> None:
    """Have the kernel compiled while other things are read: the first point of a drawing needs it."""
    load_ahead(SOURCE)


@lru_cache
def _library() -> CDLL | None:
    return load_library(SOURCE)
