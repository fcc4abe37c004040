"""From nothing: how long the import takes beyond torch's own, and a whole command from the shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import EXAMPLES, ROOT
from benchmarks.speed.timing import seconds
from benchmarks.speed.workload import Effort, Figures

CLIENT = ROOT / "predict_client.py"
SKETCH = EXAMPLES / "half-a-bicycle.svg"
MODEL = ROOT / "examples" / "models" / "starter" / "bundle.json"
TIMED = "import {before}, time; start = time.perf_counter(); {timed}; print(time.perf_counter() - start)"


def measure(effort: Effort, folder: Path) -> Figures:
    """``import_ms`` and ``cold_s``; the second is null where the starter model or the client is not there."""
    there = all(path.exists() for path in (CLIENT, SKETCH, MODEL))
    return {
        "import_ms": 1000 * import_seconds("import codes; codes.load", "torch", effort.rounds),
        "cold_s": median(seconds(_complete) for _ in range(effort.rounds)) if there else None,
    }


def import_seconds(timed: str, before: str, rounds: int) -> float:
    """How long statements take in a fresh Python that has imported ``before``; the median."""
    command = [sys.executable, "-c", TIMED.format(before=before, timed=timed)]
    return median(float(_run(command)) for _ in range(rounds))


def _complete() -> None:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "bicycle.svg"
        _run([sys.executable, str(CLIENT), "complete", str(SKETCH), "-n", "9", "-o", str(out)])
        assert out.exists()


def _run(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
