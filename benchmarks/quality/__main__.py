"""``python -m benchmarks.quality``: what a bundle is worth, in the words of docs/results.md, in one run.

Completions are judged by a network that shares nothing with them (``benchmarks/judge.py``); recognition and refusal are
those of ``train_or_test.py test predict``. The figures are kept as JSON; ``benchmarks/results.py`` makes the tables of
them.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks import FIGURES, IMAGES
from benchmarks.quality.bundle import all_figures, facts, measure_all
from benchmarks.quality.figures import save_figures
from benchmarks.quality.judge import SHIPPED
from benchmarks.quality.routing import routing_figures
from benchmarks.quality.sheets import best_median_worst
from benchmarks.quality.tables import write_pages
from benchmarks.quality.trials import StudyPlan
from codes.formats.registry import write_sheet
from codes.inference.completer import use_one_thread

QUICK = {"many": 12, "few": 6, "varied": 3, "variations": 4, "drawn": 1, "routed": 15, "odd": 20}


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--rare", type=click.Path(path_type=Path), help="Folder of .npz files of categories nobody learned.")
@click.option("-m", "--model", default="starter", show_default=True)
@click.option("--judge", type=click.Path(path_type=Path), default=SHIPPED, help="Its weights.")
@click.option("--quick", is_flag=True, help="Few sketches: some minutes, rough figures.")
@click.option("--workers", default=2, show_default=True, help="Categories that are measured at a time.")
@click.option("--seed", default=0, show_default=True, help="Of the completions.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=FIGURES / "quality.json", help="The figures.")
@click.option(
    "--write", is_flag=True, help="Put the tables and pictures into docs/results.md, the README and the model card."
)
def main(data: Path, model: str, judge: Path, quick: bool, **asked: Any) -> None:
    """Measure a bundle on split test of DATA (a packed store, or a folder of .npz files).

    \b
    Example:
      python -m benchmarks.quality datasets/core --rare datasets/rare --write
    """
    plan = StudyPlan(model, judge, seed=asked["seed"])
    plan = replace(plan, **QUICK) if quick else plan
    images = IMAGES if asked["write"] else None
    with ProcessPoolExecutor(asked["workers"], multiprocessing.get_context("spawn"), use_one_thread) as pool:
        routing = pool.submit(routing_figures, plan, data, asked["rare"], images)
        measured = measure_all(data, plan, pool)
        figures = {**facts(plan, quick), **all_figures(measured, plan), "routing": routing.result()}
    asked["out"].parent.mkdir(parents=True, exist_ok=True)
    save_figures(asked["out"], figures)
    if images:
        write_sheet(images / "best-median-worst.png", best_median_worst([each.study for each in measured]))
        write_pages(FIGURES)
    click.echo(f"{asked['out']}: {len(measured)} categories")


if __name__ == "__main__":
    main()
