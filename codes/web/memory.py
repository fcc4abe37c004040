"""How much memory this process holds, where the system says so, and how little of it is kept for nothing."""

from __future__ import annotations

import os
from pathlib import Path

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
