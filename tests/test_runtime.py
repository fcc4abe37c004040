"""Freed memory is kept where the C library can be told to.

What the server keeps for nothing."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys

import pytest
import torch

from codes import runtime as allocator
from codes.runtime import CAPACITIES, resident_megabytes

FAULTS = """
import json, resource, sys
import torch
from codes.runtime import keep_freed_memory
told = keep_freed_memory() if sys.argv[1] == "keep" else None
for _ in range(3):
    torch.ones(1 << 23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(1 << 23)
print(json.dumps([told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before]))
"""


def faults(word: str) -> tuple[bool | None, int]:
    """What was answered, and the page faults of twenty blocks of 32 MB, each freed before the next."""
    done = subprocess.run([sys.executable, "-c", FAULTS, word], check=True, capture_output=True, text=True)
    told, count = json.loads(done.stdout)
    return told, count


def test_a_block_that_was_freed_is_not_faulted_in_again():
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("this C library has no mallopt")
    told, kept = faults("keep")
    _, returned = faults("return")
    assert told is True
    assert kept < returned / 2


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert allocator.keep_freed_memory() is False


pytestmark = pytest.mark.skipif(resident_megabytes() is None, reason="this system does not say what memory is held")

MANY_SHAPES = """
import sys
from codes.model.packed_linear import packed_linear
from codes.runtime import keep_few_kernels, resident_megabytes
import torch

if sys.argv[1] == "few":
    keep_few_kernels()
torch.set_num_threads(1)
with torch.no_grad():
    product = packed_linear(torch.randn(256, 64))
    product(torch.randn(1, 64))
    before = resident_megabytes()
    for rows in range(2, 600):
        product(torch.randn(rows, 64))
    print(resident_megabytes() - before)
"""


def _growth(kept: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name not in CAPACITIES}
    command = [sys.executable, "-c", MANY_SHAPES, kept]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")
def test_kernels_of_shapes_that_are_not_met_again_are_forgotten():
    assert _growth("few") < 0.5 * _growth("all")
