"""``python -m benchmarks.quality``: how good a bundle is, in the measures of docs/results.md, in one run.

Completions are judged by a network that shares nothing with them (``benchmarks/quality/judge.py``); recognition and
refusal are measured as by ``train_or_test.py test predict``. The figures are kept as JSON, and
``benchmarks/quality/tables.py`` makes the tables of the pages from them.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from benchmarks import FIGURES, IMAGES
from benchmarks.quality.figures import Figures, all_figures, run_facts, save_figures
from benchmarks.quality.headline import headline_figures
from benchmarks.quality.judge import SHIPPED
from benchmarks.quality.routing import RoutingData, routing_figures
from benchmarks.quality.tables import write_pages
from benchmarks.quality.trials import (
    CategoryTrials,
    QualityPlan,
    measure_category,
    measure_headline,
    measured_categories,
)
from codes.formats.registry import write_sheet
from codes.runtime import use_threads
from codes.sketch.layout import view_of
from codes.sketch.sheet import Cell, Sheet

QUICK = {
    "many": 12,
    "few": 6,
    "varied": 3,
    "variations": 4,
    "drawn": 1,
    "routed": 15,
    "negatives": 20,
    "from_nothing": 6,
}
SHEET_CATEGORIES = 3  # a row
SHEET_SIDE = 104

Result = TypeVar("Result")


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--rare", type=click.Path(path_type=Path), help="Folder of .npz files of categories nobody learned.")
@click.option(
    "--strangers",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File (.npz) or folder of drawings of no category, to be refused; repeat for several.",
)
@click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")
@click.option("--judge", type=click.Path(path_type=Path), default=SHIPPED, help="Weights of the judge.")
@click.option("--wide-judge", type=click.Path(path_type=Path), help="Weights of a judge of drawings from nothing.")
@click.option("--quick", is_flag=True, help="Few sketches: some minutes, rough figures.")
@click.option("--sketches", type=click.IntRange(min=1), help="Of a category, at most, in the headline's trials.")
@click.option("--headline", is_flag=True, help="Measure the headline's completions alone; other figures stay.")
@click.option("--workers", default=2, show_default=True, help="Categories that are measured at a time.")
@click.option("--seed", default=0, show_default=True, help="Of the completions.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=FIGURES / "quality.json", help="The figures.")
@click.option(
    "--write", is_flag=True, help="Put the tables and pictures into docs/results.md, the README and the model card."
)
def main(data: Path, out: Path, headline: bool, workers: int, write: bool, **asked: Any) -> None:
    """Measure a bundle on split test of DATA (a packed store, or a folder of .npz files).

    \b
    Example:
      python -m benchmarks.quality datasets/core --rare datasets/rare --write
    """
    plan = QualityPlan(asked["model"], asked["judge"], seed=asked["seed"], wide_judge=asked["wide_judge"])
    plan = replace(plan, **QUICK) if asked["quick"] else plan
    plan = replace(plan, many=asked["sketches"]) if asked["sketches"] else plan
    facts = run_facts(plan, asked["quick"])
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), use_threads, (1,)) as pool:
        if headline:
            figures = json.loads(out.read_text()) if out.exists() else {}
            figures["headline"] = {**facts, **headline_figures(_each(measure_headline, data, plan, pool), pool)}
        else:
            asked_about = RoutingData(data, asked["rare"], asked["strangers"])
            figures = measure_all(asked_about, plan, pool, IMAGES if write else None)
            figures = {**facts, **figures, "headline": {**facts, **figures["headline"]}}
    save_figures(out, figures)
    if write:
        write_pages(FIGURES)
    click.echo(f"{out}: {len(measured_categories(data, plan))} categories")


def measure_all(data: RoutingData, plan: QualityPlan, pool: Executor, images: Path | None) -> Figures:
    """Return all figures; with ``images``, the pictures of docs/results.md are drawn into that folder."""
    routing = pool.submit(routing_figures, plan, data, images)
    measured = _each(measure_category, data.known, plan, pool)
    if images:
        write_sheet(images / "best-median-worst.png", best_median_worst([each.trials for each in measured]))
    headline = headline_figures([each.trials.headline for each in measured], pool)
    return {**all_figures(measured, headline), "routing": routing.result()}


def _each(
    measure: Callable[[Path, QualityPlan, str], Result], data: Path, plan: QualityPlan, pool: Executor
) -> list[Result]:
    """Measure every category, several at a time."""
    categories = measured_categories(data, plan)
    work = pool.map(partial(measure, data, plan), categories)
    return list(tqdm(work, total=len(categories), unit=" categories"))


def best_median_worst(trials: Sequence[CategoryTrials]) -> Sheet:
    """Lay out three completions of half the points for each category, as the judge ranks them."""
    cells = [cell for each in trials for cell in _cells(each)]
    width = SHEET_CATEGORIES * 3
    rows = [cells[start : start + width] for start in range(0, len(cells), width)]
    return Sheet(rows, side=SHEET_SIDE, title="Half drawn, finished: the best, the median and the worst by the judge")


def _cells(trials: CategoryTrials) -> list[Cell]:
    examples = zip(reversed(trials.examples), (trials.category, "median", "worst"), strict=True)
    return [Cell(each.sketch, f"{name} {each.probability:.0%}", view_of(each.sketch)) for each, name in examples]


if __name__ == "__main__":
    main()
