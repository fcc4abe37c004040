"""What the C library does with memory that a training step gives back."""

from __future__ import annotations

import ctypes

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
