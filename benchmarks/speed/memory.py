"""Whether training holds more memory where there are more sketches: a process for each of two stores.

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
from benchmarks.speed.doodles import write_store
from benchmarks.speed.reference import Sizes
from benchmarks.speed.training import vae_sizes
from benchmarks.speed.workload import Effort, Figures
from codes.data.store import Store
from codes.runtime import keep_freed_memory
from codes.training.config import DecoderTrainConfig
from codes.training.jobs import Splits, decoder_job
from codes.training.loop import Trainer
from codes.training.run_folder import RunFolder

STATUS = Path("/proc/self/status")
SMALL = Sizes(encoder=64, decoder=128, latent=32, mixtures=20)  # so that the model does not hide the data


def measure(effort: Effort, folder: Path) -> Figures:
    """``memory_ratio``: peak resident memory on the large store over the small one; null where it cannot be read.

    Pages of a mapped file count as resident though the system may take them back at any time; ``memory_own_ratio``
    leaves them out.
    """
    if not STATUS.exists():
        return {"memory_ratio": None, "memory_own_ratio": None}
    few = _in_a_process(folder / "few", effort.few, effort.memory_steps)
    many = _in_a_process(folder / "many", effort.many, effort.memory_steps)
    return {
        "memory_ratio": many["resident"] / few["resident"],
        "memory_own_ratio": many["own"] / few["own"],
        "memory_few_mb": few["resident"],
        "memory_many_mb": many["resident"],
    }


def _in_a_process(folder: Path, sketches: int, steps: int) -> dict[str, float]:
    write_store(folder, sketches)
    command = [sys.executable, "-m", "benchmarks.speed.memory", str(folder), str(steps)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    peaks: dict[str, float] = json.loads(done.stdout)
    return peaks


def peaks_of_training(store: Path, steps: int) -> dict[str, float]:
    """Train for a while; the most memory that was resident, and the most of it that was no file's, in megabytes."""
    config = DecoderTrainConfig()
    job = decoder_job(Splits.of(Store(store)), vae_sizes(SMALL), config)
    keep_freed_memory()
    trainer = Trainer(job, config, RunFolder(store / "run"), torch.device("cpu"))
    own = 0.0
    for _ in range(steps):
        trainer.step()
        own = max(own, megabytes("RssAnon"))
    return {"resident": megabytes("VmHWM"), "own": own}


def megabytes(name: str) -> float:
    """A figure of this process from the system's table (a process's own: unlike ``getrusage``, not its parent's)."""
    found = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(), flags=re.MULTILINE)
    assert found, f"no {name} in {STATUS}"
    return int(found[1]) / 1024


def main() -> None:
    """Print the peaks of one process as JSON."""
    print(json.dumps(peaks_of_training(Path(sys.argv[1]), int(sys.argv[2]))))


if __name__ == "__main__":
    main()
