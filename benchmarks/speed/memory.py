"""How much more memory training holds where there are more sketches: a process for each of two stores.

``python -m benchmarks.speed.memory STORE STEPS`` is one such process.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks import ROOT
from benchmarks.speed.training import SMALL
from benchmarks.speed.workload import Figures, Workload, vae_config, write_store
from codes.data.store import Store
from codes.runtime import keep_freed_memory
from codes.training.config import DecoderTrainConfig
from codes.training.jobs import Splits, decoder_job
from codes.training.loop import Trainer
from codes.training.run_folder import RunFolder

STATUS = Path("/proc/self/status")


def measure(workload: Workload, folder: Path) -> Figures:
    """Measure ``memory_ratio``: peak memory on the large store over the small one; None where it cannot be read.

    Pages of a mapped file count as resident though the system may take them back at any time; ``memory_own_ratio``
    leaves them out.
    """
    if not STATUS.exists():
        return {"memory_ratio": None, "memory_own_ratio": None}
    small = _peaks_in_process(folder / "small", workload.small_store, workload.memory_steps)
    large = _peaks_in_process(folder / "large", workload.large_store, workload.memory_steps)
    return {
        "memory_ratio": large["resident"] / small["resident"],
        "memory_own_ratio": large["own"] / small["own"],
        "memory_few_mb": small["resident"],
        "memory_many_mb": large["resident"],
    }


def _peaks_in_process(folder: Path, sketches: int, steps: int) -> dict[str, float]:
    write_store(folder, sketches)
    command = [sys.executable, "-m", "benchmarks.speed.memory", str(folder), str(steps)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    peaks: dict[str, float] = json.loads(done.stdout)
    return peaks


def peaks_of_training(store: Path, steps: int) -> dict[str, float]:
    """Train for a while and return peaks in megabytes: ``resident``, and ``own``, without mapped files.

    The model is small, so that it does not hide the data.
    """
    config = DecoderTrainConfig()
    job = decoder_job(Splits.of(Store(store)), vae_config(SMALL), config)
    keep_freed_memory()
    trainer = Trainer(job, config, RunFolder(store / "run"), torch.device("cpu"))
    own = 0.0
    for _ in range(steps):
        trainer.step()
        own = max(own, megabytes("RssAnon"))
    return {"resident": megabytes("VmHWM"), "own": own}


def megabytes(name: str) -> float:
    """Return a figure of this process from the system's table; ``getrusage`` would count its parent's peak as well."""
    found = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(), flags=re.MULTILINE)
    assert found, f"no {name} in {STATUS}"
    return int(found[1]) / 1024


def main() -> None:
    """Print the peaks of one process as JSON."""
    print(json.dumps(peaks_of_training(Path(sys.argv[1]), int(sys.argv[2]))))


if __name__ == "__main__":
    main()
