"""How weights are stored: as they are, in 16 bits, or in 8 bits with a scale a row. Always used in float32.

Knows tensors; knows no files.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Precision = Literal["float32", "float16", "int8"]
SCALE = ".row_scale"
LEVELS = 127


def stored(tensors: dict[str, Tensor], precision: Precision) -> dict[str, Tensor]:
    """The tensors in the form in which they are to be written.

    In ``int8``, a matrix ``[R, C]`` becomes int8 and a float16 scale for each row, the largest weight of which is 127;
    vectors become float16.
    """
    if precision == "float32":
        return tensors
    if precision == "float16":
        return {name: value.half() for name, value in tensors.items()}
    rows: dict[str, Tensor] = {}
    for name, value in tensors.items():
        rows |= _in_rows(name, value) if value.dim() == 2 else {name: value.half()}
    return rows


def _in_rows(name: str, matrix: Tensor) -> dict[str, Tensor]:
    scale = (matrix.abs().amax(dim=1) / LEVELS).half().clamp(min=torch.finfo(torch.float16).tiny)
    levels = (matrix / scale.float().unsqueeze(1)).round().clamp(-LEVELS, LEVELS)
    return {name: levels.to(torch.int8), name + SCALE: scale}


def restored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of :func:`stored`, as float32; a scale without its matrix is left for the reader to refuse."""
    found = {name: value.float() for name, value in tensors.items() if not _is_scale_of_one(name, tensors)}
    return {
        name: value * tensors[name + SCALE].float().unsqueeze(1) if name + SCALE in tensors else value
        for name, value in found.items()
    }


def _is_scale_of_one(name: str, tensors: dict[str, Tensor]) -> bool:
    """Whether this is the row scale of an int8 matrix that is there."""
    matrix = tensors.get(name.removesuffix(SCALE))
    fits = matrix is not None and matrix.dtype == torch.int8 and tensors[name].shape == matrix.shape[:1]
    return name.endswith(SCALE) and fits
