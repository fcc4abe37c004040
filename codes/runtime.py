"""What the C library does with memory that a training step gives back.

How much memory this process holds, where the system says so, and how little of it is kept for nothing."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # of glibc's mallopt(3)
KEPT = 1 << 30
AHEAD = 1 << 26


def keep_freed_memory() -> bool:
    """Keep freed memory for the next step; says whether the C library let itself be told.

    A step asks for the same hundreds of megabytes each time. glibc hands large blocks back to the system at once, and
    then every page of them is a fault and is zeroed anew (docs/log.md). Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return False
    return all(mallopt(name, value) for name, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT), (TOP_PAD, AHEAD)))


STATM = Path("/proc/self/statm")
CAPACITIES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")  # of oneDNN, and of torch's way to it
KERNELS = 64  # of 1024, that would be kept otherwise: 100 MB, and no answer comes sooner (docs/performance.md)


def keep_few_kernels() -> None:
    """Have the library of products forget those kernels that it has not used for long.

    It makes one for each shape it meets, and with many people drawing every number of sketches, points and drawings
    is a shape. It asks once: to be called before the first product of the process.
    """
    for capacity in CAPACITIES:
        os.environ.setdefault(capacity, str(KERNELS))


def resident_megabytes() -> float | None:
    """Megabytes that are resident; None on a system without a table of processes."""
    if not STATM.exists():
        return None
    pages = int(STATM.read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
