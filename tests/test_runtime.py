"""Process-wide switches do what they say, each seen in a process of its own."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys

import pytest
import torch

from codes import runtime
from codes.runtime import CACHE_CAPACITIES, resident_megabytes

PAGE_FAULTS = """
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

MANY_SHAPES = """
import json, sys
from codes.model.packed_linear import packed_linear
from codes.runtime import keep_few_kernels, resident_megabytes, use_threads
import torch
if sys.argv[1] == "few":
    keep_few_kernels()
use_threads(1)
with torch.no_grad():
    product = packed_linear(torch.randn(256, 64))
    product(torch.randn(1, 64))
    before = resident_megabytes()
    for rows in range(2, 600):
        product(torch.randn(rows, 64))
    print(json.dumps(resident_megabytes() - before))
"""

THREADS = """
import json, sys
from codes.runtime import use_threads
import torch
use_threads(int(sys.argv[1]))
print(json.dumps(torch.get_num_threads()))
"""


def answer_of(program: str, word: str) -> object:
    """Return what a new process prints, in which no kernel cache has been set."""
    environment = {name: value for name, value in os.environ.items() if name not in CACHE_CAPACITIES}
    command = [sys.executable, "-c", program, word]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def test_a_block_that_was_freed_is_not_faulted_in_again():
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("this C library has no mallopt")
    told, kept = answer_of(PAGE_FAULTS, "keep")
    _, returned = answer_of(PAGE_FAULTS, "return")
    assert told is True
    assert kept < returned / 2


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda name: object())
    assert runtime.keep_freed_memory() is False


@pytest.mark.skipif(resident_megabytes() is None, reason="this system does not say what memory is held")
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")
def test_kernels_of_shapes_that_are_not_met_again_are_forgotten():
    assert answer_of(MANY_SHAPES, "few") < 0.5 * answer_of(MANY_SHAPES, "all")


@pytest.mark.parametrize("count", [1, 2])
def test_torch_uses_as_many_threads_as_it_is_told(count):
    assert answer_of(THREADS, str(count)) == count


def test_memory_is_measured_where_the_system_says_so(monkeypatch, tmp_path):
    statm = tmp_path / "statm"
    monkeypatch.setattr(runtime, "STATM", statm)
    assert resident_megabytes() is None
    statm.write_text("900 512 3 4 5 6 7\n")
    assert resident_megabytes() == round(512 * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
