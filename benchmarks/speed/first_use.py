"""What each category of a bundle costs when it is first used, and what a process holds once all have been used.

``python -m benchmarks.speed.first_use BUNDLE`` is one such process; it prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np

from benchmarks import EXAMPLES, ROOT
from benchmarks.speed.workload import Figures, Workload
from codes.checkpoints.bundle import Bundle
from codes.formats.registry import read
from codes.inference.completer import Completer
from codes.runtime import keep_freed_memory, resident_megabytes, use_threads

SKETCH = EXAMPLES / "half-a-cat.svg"
SHIPPED = "starter"

Result = TypeVar("Result")


def measure(workload: Workload, folder: Path) -> Figures:
    """Measure the bundle that ships, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.first_use", SHIPPED]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def use_all(name: str) -> Figures:
    """Open a bundle, finish a sketch, then have every other category's decoder ready to draw."""
    use_threads(1)
    keep_freed_memory()
    bundle, opened = _timed(partial(Bundle.open, name))
    completer = Completer(bundle)
    first, *others = bundle.categories
    completer.complete(read(SKETCH), category=first)
    first_uses = [_timed(partial(completer.models.decoders.get, category))[1] for category in others]
    return {
        "categories": len(bundle.categories),
        "bundle_mb": sum(path.stat().st_size for path in bundle.folder.rglob("*") if path.is_file()) / 1e6,
        "open_ms": 1000 * opened,
        "first_use_ms": 1000 * median(first_uses),
        "first_use_p95_ms": 1000 * float(np.percentile(first_uses, 95)),
        "all_used_mb": resident_megabytes(),
    }


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what the work returns, and the seconds that it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(use_all(sys.argv[1])))
