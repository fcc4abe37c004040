"""Looking back at earlier points by ``ink.c``, with its gradient written out, wherever that is possible.

Same names, arguments and results as in :mod:`codes.model.fused_ink.reference`, which is used on a GPU and where there
is no compiler. Scores of pairs of rows are never kept: the backward pass computes them anew, so the memory needed grows
with the rows, not with their square.
"""

from __future__ import annotations

from ctypes import CDLL
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from codes.compiled import call, load_ahead, load_library
from codes.model.config import InkConfig
from codes.model.fused_ink import reference
from codes.model.fused_ink.pen import Pen
from codes.model.fused_ink.reference import Table

SOURCE = Path(__file__).with_name("ink.c")


def attend(config: InkConfig, query: Tensor, table: Table, pen: Pen) -> Tensor:
    """See :func:`codes.model.fused_ink.reference.attend`."""
    if not _compiled_for(table):
        return reference.attend(config, query, table, pen)
    context: Tensor = _Attention.apply(config, query, *table.contiguous(), pen)  # type: ignore[no-untyped-call]
    return context


def anchor_log_prob(config: InkConfig, query: Tensor, spread: Tensor, table: Table, pen: Pen, offset: Tensor) -> Tensor:
    """See :func:`codes.model.fused_ink.reference.anchor_log_prob`."""
    if not _compiled_for(table):
        return reference.anchor_log_prob(config, query, spread, table, pen, offset)
    target = pen.position + offset
    log_prob: Tensor = _Anchors.apply(config, query, spread, *table.contiguous(), pen, target)  # type: ignore[no-untyped-call]
    return log_prob


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, config: InkConfig, query: Tensor, table: Tensor, slots: Tensor | None, pen: Pen) -> Tensor:
        query, pen = query.contiguous(), pen.contiguous()
        context = torch.empty_like(query)
        normaliser = query.new_empty(*query.shape[:2], config.heads)
        _run("attend_forward", config, query, table, slots, query, table, *pen, context, normaliser)
        ctx.save_for_backward(query, table, *pen, context, normaliser)
        ctx.config = config
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_context: Tensor) -> tuple[Tensor | None, ...]:
        query, table, *rest = ctx.saved_tensors
        d_query, d_table = torch.empty_like(query), table.new_empty(table.shape)
        further = (query, table, *rest, d_context.contiguous(), d_query, d_table)
        _run("attend_backward", ctx.config, query, table, *further)
        return None, d_query, d_table, None, None


class _Anchors(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, config: InkConfig, query: Tensor, spread: Tensor, table: Tensor, slots: Tensor | None, pen: Pen,
        target: Tensor,
    ) -> Tensor:  # fmt: skip
        query, spread, target = query.contiguous(), spread.contiguous(), target.contiguous()
        pen = pen.contiguous()
        log_prob, normaliser = torch.empty_like(spread), torch.empty_like(spread)
        given = (query, table, *pen, spread, target, log_prob, normaliser)
        _run("anchors_forward", config, query, table, slots, *given)
        ctx.save_for_backward(*given)
        ctx.config = config
        return log_prob

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_log_prob: Tensor) -> tuple[Tensor | None, ...]:
        query, table, place, row, spread, *rest = ctx.saved_tensors
        d_query, d_spread, d_table = torch.empty_like(query), torch.empty_like(spread), table.new_empty(table.shape)
        results = (d_query, d_spread, d_table)
        _run(
            "anchors_backward", ctx.config, query, table, query, table, place, row, spread, *rest,
            d_log_prob.contiguous(), *results,
        )  # fmt: skip
        return None, d_query, d_spread, d_table, None, None, None


def _run(function: str, config: InkConfig, query: Tensor, table: Tensor, *tensors: Tensor | None) -> None:
    """Call one function of the library; it gets scratch memory of its own."""
    library = _library()
    assert library is not None
    scratch = torch.empty(call(library.scratch_floats, table.shape[1], config.heads, config.key))
    sizes = (*query.shape[:2], table.shape[1], config.heads, config.key, table.stride(0))
    call(getattr(library, function), *sizes, *tensors, scratch)


def _compiled_for(table: Table) -> bool:
    rows = table.rows
    return rows.device.type == "cpu" and rows.dtype == torch.float32 and _library() is not None


def prepare() -> None:
    """Have the kernel compiled while other things are read: the first point of a drawing needs it."""
    load_ahead(SOURCE)


@lru_cache
def _library() -> CDLL | None:
    return load_library(SOURCE)
