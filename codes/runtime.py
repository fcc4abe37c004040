"""Switches of the whole process: threads, the allocator, kernel caches; and how much memory the process holds.

Commands set them, and so do programs of your own; library code never does, as it does not know what else runs beside
it.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import torch

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # of glibc's mallopt(3)
KEPT_BYTES = 1 << 30
BYTES_AHEAD = 1 << 26
CACHE_CAPACITIES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")  # of oneDNN, and of torch's way to it
FEW_KERNELS = 64  # 1024 by default, which takes 100 MB, and no answer comes sooner (docs/performance.md)
STATM = Path("/proc/self/statm")


def use_threads(count: int) -> None:
    """Have torch use so many processor threads for one operation; a few sketches are faster with one."""
    torch.set_num_threads(count)


def keep_freed_memory() -> bool:
    """Keep freed memory for the next training step; return whether the C library could be told.

    A step asks for the same hundreds of megabytes each time. glibc hands large blocks back to the system at once, and
    then every page of them is a fault and is zeroed anew (docs/log.md). Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return False
    settings = ((MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT_BYTES), (TOP_PAD, BYTES_AHEAD))
    return all(mallopt(name, value) for name, value in settings)


def keep_few_kernels() -> None:
    """Let oneDNN forget the kernels that it has not used for long. To be called before the first matrix product.

    It makes a kernel for each shape it meets. With many people drawing, every number of sketches, points and drawings
    is a shape of its own.
    """
    for capacity in CACHE_CAPACITIES:
        os.environ.setdefault(capacity, str(FEW_KERNELS))


def resident_megabytes() -> float | None:
    """Return how many megabytes are resident; None on a system that does not say."""
    if not STATM.exists():
        return None
    pages = int(STATM.read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
