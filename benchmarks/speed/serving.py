"""What a person waits for, from a cold start on, and what many sketches or many categories cost."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from benchmarks import EXAMPLES, ROOT
from benchmarks.speed.timing import seconds, time_in_turn
from benchmarks.speed.workload import Figures, Workload, make_completer, unfinished_sketches
from codes.inference.completer import Completer, load
from codes.inference.options import SamplingOptions
from codes.strokes.stroke3 import Sketch

ROWS = 60
ADDED = 50
FEW_CATEGORIES = 5
CLIENT = ROOT / "predict_client.py"
SKETCH = EXAMPLES / "half-a-bicycle.svg"
TIMED = "import {before}, time; start = time.perf_counter(); {timed}; print(time.perf_counter() - start)"


def measure(workload: Workload, folder: Path) -> Figures:
    """Measure everything that goes through a Completer."""
    torch.manual_seed(0)
    few = make_completer(folder / "few", workload.sizes, FEW_CATEGORIES)
    many = make_completer(folder / "many", workload.sizes, workload.categories)
    return {**_waits(workload, few), **_bulk(workload, few), **_categories(workload, few, many)}


def _waits(workload: Workload, completer: Completer) -> Figures:
    sketch = unfinished_sketches(1, ROWS)[0]
    works = {"classify": partial(completer.classify, sketch), "first": partial(first_point, completer, sketch)}
    timings = time_in_turn(workload.rounds * 3, works)
    return {"classify_ms": 1000 * timings.median("classify"), "first_point_ms": 1000 * timings.median("first")}


def first_point(completer: Completer, sketch: Sketch) -> object:
    """Classify, route, read the prefix and draw one point."""
    return next(completer.stream(sketch))


def _bulk(workload: Workload, completer: Completer) -> Figures:
    """Compare many sketches in one call with some of them in a call each, in sketches a second."""
    sketches = unfinished_sketches(workload.bulk, ROWS // 2)
    options = SamplingOptions(candidates=1, max_points=ADDED)

    def singly() -> object:
        return [completer.complete_many([sketch], options) for sketch in sketches[: workload.singly]]

    works = {"singly": singly, "bulk": partial(completer.complete_many, sketches, options)}
    timings = time_in_turn(workload.rounds, works, warm=False)
    return {
        "bulk_ratio": timings.ratio("singly", "bulk") * workload.bulk / workload.singly,
        "bulk_sketches_a_second": workload.bulk / timings.median("bulk"),
    }


def _categories(workload: Workload, few: Completer, many: Completer) -> Figures:
    """Compare a bundle of hundreds of categories with one of five, to finish a sketch and to open."""
    sketch = unfinished_sketches(1, ROWS)[0]
    works = {
        "few": partial(few.complete, sketch, max_points=ADDED),
        "many": partial(many.complete, sketch, max_points=ADDED),
        "open": partial(load, many.bundle.folder),
        "use": lambda: first_point(load(many.bundle.folder), sketch),
    }
    timings = time_in_turn(workload.rounds * 2, works)
    return {
        "categories_ratio": timings.ratio("many", "few"),
        "open_345_ms": 1000 * timings.median("open"),
        "open_345_first_point_ms": 1000 * timings.median("use"),
    }


def measure_startup(workload: Workload, folder: Path) -> Figures:
    """Measure ``import_ms``, the import beyond torch's own, and ``cold_s``, a whole command from the shell."""
    return {
        "import_ms": 1000 * import_seconds("import codes; codes.load", "torch", workload.rounds),
        "cold_s": median(seconds(_complete) for _ in range(workload.rounds)),
    }


def import_seconds(timed: str, before: str, rounds: int) -> float:
    """Return how long statements take in a fresh Python that has imported ``before``; the median of the rounds."""
    command = [sys.executable, "-c", TIMED.format(before=before, timed=timed)]
    return median(float(_run(command)) for _ in range(rounds))


def _complete() -> None:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "bicycle.svg"
        _run([sys.executable, str(CLIENT), "complete", str(SKETCH), "-n", "9", "-o", str(out)])
        assert out.exists()


def _run(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
