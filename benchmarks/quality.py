"""``python -m benchmarks.quality``: what a bundle is worth, in the words of docs/results.md, in one run.

Completions are judged by a network that shares nothing with them (``benchmarks/judge.py``); recognition and refusal are
those of ``train_or_test.py test predict``. The figures are kept as JSON; ``benchmarks/results.py`` makes the tables of
them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from benchmarks.figures import Figures, completion_figures, save_figures
from benchmarks.judge import SHIPPED, Judge
from benchmarks.results import IMAGES, PAGE, write_pages
from benchmarks.routing import routing_figures
from benchmarks.sheets import best_median_worst
from benchmarks.studies import Floats, Sketches, Study, StudyPlan, StudyRunner
from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import sha256
from codes.data.store import labelled
from codes.evaluation.bootstrap import estimated
from codes.evaluation.measures import DrawQuality, draw_quality
from codes.formats.png import write_sheet
from codes.inference.completer import Completer, use_one_thread

FIGURES = PAGE.parent / "figures"
QUICK = {"many": 12, "few": 6, "varied": 3, "variations": 4, "drawn": 1, "routed": 15, "odd": 20}


@dataclass(frozen=True)
class Measured:
    """Of one category.

    Attributes:
        study: its completions, by the judge.
        nats: its decoder, on all test sketches.
        recognised: whether the judge recognises each of its true test sketches.
    """

    study: Study
    nats: DrawQuality
    recognised: Floats


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


def facts(plan: StudyPlan, quick: bool) -> Figures:
    """What was measured, with what."""
    bundle = Bundle.open(plan.model)
    return {
        "quick": quick,
        "seed": plan.seed,
        "counts": {name: getattr(plan, name) for name in ("many", "few", "varied", "variations", "drawn")},
        "bundle": sha256(bundle.folder / "bundle.json"),
        "judge": {"sha256": sha256(plan.judge)},
    }


def all_figures(measured: Sequence[Measured], plan: StudyPlan) -> Figures:
    """But for those of routing."""
    return {
        "completions": completion_figures([each.study for each in measured], plan.few),
        "judged": {
            "macro": estimated([each.recognised for each in measured]),
            "categories": {each.study.category: estimated([each.recognised]) for each in measured},
        },
        "nats": {each.study.category: each.nats for each in measured},
    }


def measure_all(data: Path, plan: StudyPlan, pool: Executor) -> list[Measured]:
    """Every category that the bundle draws, the judge knows and the data has."""
    known, there = Judge.open(plan.judge).categories, labelled(data, "test")
    categories = [name for name in Bundle.open(plan.model).categories if name in known and there.get(name)]
    work = pool.map(partial(measure, data, plan), categories)
    return list(tqdm(work, total=len(categories), unit=" categories"))


def measure(data: Path, plan: StudyPlan, category: str) -> Measured:
    """One category."""
    test, valid = labelled(data, "test")[category], labelled(data, "valid")[category]
    bundle, judge = Bundle.open(plan.model), Judge.open(plan.judge)
    study = StudyRunner(Completer(bundle), judge, plan).study(Sketches(category, test, valid))
    return Measured(study, draw_quality(*bundle.vae(category), test, 0.5), judge.opinion(test).recognised(category))


if __name__ == "__main__":
    main()
