"""Freed memory is kept where the C library can be told to."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys

import pytest

from codes.training import allocator

FAULTS = """
import json, resource, sys
import torch
from codes.training.allocator import keep_freed_memory
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
