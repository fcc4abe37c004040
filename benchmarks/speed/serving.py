"""What a person waits for once a bundle is open, and what many sketches or many categories cost."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from benchmarks.speed.bundles import begun, make_completer
from benchmarks.speed.timing import in_turn
from benchmarks.speed.workload import Effort, Figures
from codes.inference.completer import Completer, load
from codes.inference.options import SamplingOptions
from codes.sketch.stroke3 import Sketch

ROWS = 60
ADDED = 50
FEW_CATEGORIES = 5


def measure(effort: Effort, folder: Path) -> Figures:
    """Everything that goes through a Completer."""
    torch.manual_seed(0)
    few = make_completer(folder / "few", effort.sizes, FEW_CATEGORIES)
    many = make_completer(folder / "many", effort.sizes, effort.categories)
    return {**_waits(effort, few), **_bulk(effort, few), **_categories(effort, few, many)}


def _waits(effort: Effort, completer: Completer) -> Figures:
    sketch = begun(1, ROWS)[0]
    works = {"classify": partial(completer.classify, sketch), "first": partial(first_point, completer, sketch)}
    timings = in_turn(effort.rounds * 3, works)
    return {"classify_ms": 1000 * timings.median("classify"), "first_point_ms": 1000 * timings.median("first")}


def first_point(completer: Completer, sketch: Sketch) -> object:
    """Classify, route, read the prefix and draw one point."""
    return next(completer.stream(sketch))


def _bulk(effort: Effort, completer: Completer) -> Figures:
    """Many sketches in one call against some of them in a call each, in sketches a second."""
    sketches = begun(effort.bulk, ROWS // 2)
    options = SamplingOptions(candidates=1, max_points=ADDED)

    def singly() -> object:
        return [completer.complete_many([sketch], options) for sketch in sketches[: effort.singly]]

    works = {"singly": singly, "bulk": partial(completer.complete_many, sketches, options)}
    timings = in_turn(effort.rounds, works, warm=False)
    return {
        "bulk_ratio": timings.ratio("singly", "bulk") * effort.bulk / effort.singly,
        "bulk_sketches_a_second": effort.bulk / timings.median("bulk"),
    }


def _categories(effort: Effort, few: Completer, many: Completer) -> Figures:
    """One sketch finished by a bundle of hundreds of categories, against one of five; and opening the large one."""
    sketch = begun(1, ROWS)[0]
    works = {
        "few": partial(few.complete, sketch, max_points=ADDED),
        "many": partial(many.complete, sketch, max_points=ADDED),
        "open": partial(load, many.bundle.folder),
        "use": lambda: first_point(load(many.bundle.folder), sketch),
    }
    timings = in_turn(effort.rounds * 2, works)
    return {
        "categories_ratio": timings.ratio("many", "few"),
        "open_345_ms": 1000 * timings.median("open"),
        "open_345_first_point_ms": 1000 * timings.median("use"),
    }
