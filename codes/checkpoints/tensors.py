"""Named tensors and a few facts in one safetensors file: written whole or not at all, read without running code.

Weights are stored in 32 or 16 bits, or in 8 bits with a scale for each row; they are always used in float32. Knows
names and shapes; knows no models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from codes.errors import BadFile
from codes.formats.files import atomic_path


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and facts into one file; facts must be plain JSON values."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"facts": json.dumps(facts)})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the facts of a file.

    Raises:
        BadFile: it is missing, cut short, or was not written by :func:`save_tensors`.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _facts(file)  # noqa: SIM118 (no mapping)


def load_facts(path: Path) -> dict[str, Any]:
    """Read the facts of a file and none of its tensors; raises as :func:`load_tensors` does."""
    with _opened(path) as file:
        return _facts(file)


def _facts(file: Any) -> dict[str, Any]:
    return dict(json.loads((file.metadata() or {})["facts"]))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError as error:
        raise BadFile(path, "no such file") from error
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise BadFile(path, "the weights cannot be read; the file is damaged or not one of ours") from error


def fill(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Load tensors into a module of the same sizes, as float32; ``path`` is named in errors.

    Raises:
        BadFile: a tensor is missing, unexpected, of another shape, or not finite.
    """
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != found:
        different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise BadFile(path, f"the weights do not fit the sizes written beside them (first: {different[0]})")
    if not all(value.isfinite().all() for value in tensors.values()):
        raise BadFile(path, "a weight is not a finite number")
    module.load_state_dict({name: value.float() for name, value in tensors.items()})


StoragePrecision = Literal["float32", "float16", "int8"]
SCALE = ".row_scale"
LEVELS = 127


def quantise(tensors: dict[str, Tensor], precision: StoragePrecision) -> dict[str, Tensor]:
    """Return the tensors as they are to be stored in this precision.

    In ``int8``, a matrix ``[R, C]`` becomes whole numbers and a float16 scale for each row, whose largest weight is
    127; all other tensors become float16.
    """
    if precision == "float32":
        return tensors
    if precision == "float16":
        return {name: value.half() for name, value in tensors.items()}
    quantised: dict[str, Tensor] = {}
    for name, value in tensors.items():
        quantised |= _quantise_rows(name, value) if value.dim() == 2 else {name: value.half()}
    return quantised


def _quantise_rows(name: str, matrix: Tensor) -> dict[str, Tensor]:
    scale = (matrix.abs().amax(dim=1) / LEVELS).half().clamp(min=torch.finfo(torch.float16).tiny)
    levels = (matrix / scale.float().unsqueeze(1)).round().clamp(-LEVELS, LEVELS)
    return {name: levels.to(torch.int8), name + SCALE: scale}


def dequantise(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Invert :func:`quantise`, as float32; a scale without its matrix stays, for the reader to refuse."""
    found = {name: value.float() for name, value in tensors.items() if not _is_row_scale(name, tensors)}
    return {
        name: value * tensors[name + SCALE].float().unsqueeze(1) if name + SCALE in tensors else value
        for name, value in found.items()
    }


def _is_row_scale(name: str, tensors: dict[str, Tensor]) -> bool:
    """Return true if this is the row scale of an int8 matrix that is there."""
    matrix = tensors.get(name.removesuffix(SCALE))
    fits = matrix is not None and matrix.dtype == torch.int8 and tensors[name].shape == matrix.shape[:1]
    return name.endswith(SCALE) and fits
