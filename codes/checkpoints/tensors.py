"""Named tensors and a few facts in one safetensors file, written whole or not at all, read without running code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from codes.errors import BadFile
from codes.formats.atomic import atomic_path


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write both; ``facts`` must be plain JSON values."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"facts": json.dumps(facts)})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read both.

    Raises:
        BadFile: missing, cut short, or no file of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = dict(json.loads((file.metadata() or {})["facts"]))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118 (no mapping)
    except FileNotFoundError as error:
        raise BadFile(path, "no such file") from error
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise BadFile(path, "the weights cannot be read; the file is damaged or not one of ours") from error


def fill(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put tensors into a module of the same sizes, in float32.

    Raises:
        BadFile: a tensor is missing, is one too many, has another shape, or holds what is no finite number.
    """
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != found:
        odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise BadFile(path, f"the weights do not fit the sizes written beside them (first: {odd[0]})")
    if not all(value.isfinite().all() for value in tensors.values()):
        raise BadFile(path, "a weight is not a finite number")
    module.load_state_dict({name: value.float() for name, value in tensors.items()})
