"""``python -m benchmarks.quality``: how good a bundle is, in the measures of docs/results.md, in one run.

Completions are judged by a network that shares nothing with them (``benchmarks/quality/judge.py``); recognition and
refusal are measured as by ``train_or_test.py test predict``. The figures are kept as JSON, part by part, and
``benchmarks/quality/tables.py`` makes the tables of the pages from them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from tqdm import tqdm

from benchmarks import FIGURES, IMAGES
from benchmarks.commands import Command
from benchmarks.quality.category_page import write_category_page
from benchmarks.quality.examples import example_figures
from benchmarks.quality.figures import read_figures, run_facts, save_figures, trials_figures
from benchmarks.quality.headline import headline_figures
from benchmarks.quality.judge import SHIPPED
from benchmarks.quality.routing import RoutingData, read_strangers, routing_figures
from benchmarks.quality.tables import write_pages
from benchmarks.quality.trials import QualityPlan, measure_category, measure_headline, measured_categories
from codes.errors import BadOption
from codes.runtime import use_threads

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
PARTS = ("headline", "trials", "router")
# Options that do nothing in some parts, and what has to be measured for them.
COMPLETING = {"categories": "--category", "sketches": "--sketches"}
ROUTING = {"rare": "--rare", "strangers": "--strangers"}

Result = TypeVar("Result")


@click.command(cls=Command)
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    default=PARTS,
    help="Measure this part alone, the figures of others stay; repeat for several. By default all are measured.",
)
@click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")
@click.option(
    "-c", "--category", "categories", multiple=True, help="Complete sketches of this one only; repeat for several."
)
@click.option(
    "--sketches",
    type=click.IntRange(min=1),
    help=f"Complete at most so many of a category, and draw so many from nothing; "
    f"{QualityPlan.many} and {QualityPlan.from_nothing} by default.",
)
@click.option("--judge", type=click.Path(path_type=Path), default=SHIPPED, help="Weights of the judge.")
@click.option("--rare", type=click.Path(path_type=Path), help="Folder of .npz files of categories nobody learned.")
@click.option(
    "--strangers",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File (.npz) or folder of drawings of no category, to be refused; repeat for several.",
)
@click.option("--quick", is_flag=True, help="Few sketches: some minutes, rough figures.")
@click.option("--workers", default=2, show_default=True, help="Categories that are measured at a time.")
@click.option("--seed", default=0, show_default=True, help="Of the completions.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=FIGURES / "quality.json", help="The figures.")
@click.option(
    "--write",
    is_flag=True,
    help="Put tables and pictures into docs/, the README and the model card.",
)
@click.pass_context
def main(ctx: click.Context, /, data: Path, out: Path, parts: tuple[str, ...], workers: int, **asked: Any) -> None:
    """Measure a bundle on split test of DATA (a packed store, or a folder of .npz files).

    The headline finishes half sketches in the ways that people meet. The trials compare many other ways, which takes
    several times as long for each sketch. The router is asked what sketches are, and whether they are anything.

    \b
    Examples:
      python -m benchmarks.quality datasets/core --rare datasets/rare --write
      python -m benchmarks.quality datasets/all --part headline --sketches 12
      python -m benchmarks.quality datasets/all --part trials -c cat -c crab
    """
    _refuse_idle_options(ctx, parts)
    plan = _plan(asked)
    figures = read_figures(out) if out.exists() else {}
    categories = measured_categories(data, plan, asked["categories"]) if set(parts) != {"router"} else []
    asked_about = RoutingData(data, asked["rare"], read_strangers(asked["strangers"]))
    facts = run_facts(plan, asked["quick"])
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), use_threads, (1,)) as pool:
        if "router" in parts:
            routing = pool.submit(routing_figures, plan, asked_about, IMAGES if asked["write"] else None)
        if "headline" in parts:
            trials = _each(partial(measure_headline, data, plan), categories, pool)
            figures["headline"] = {**facts, **headline_figures(trials, pool)}
            save_figures(out, figures)
            save_figures(out.with_name("pictures.json"), example_figures(trials))
        if "trials" in parts:
            figures |= facts | trials_figures(_each(partial(measure_category, data, plan), categories, pool))
            save_figures(out, figures)
        if "router" in parts:
            figures["routing"] = {**facts, **routing.result()}
            save_figures(out, figures)
    if asked["write"]:
        write_pages(FIGURES)
        write_category_page(FIGURES)
    click.echo(f"{out}: {', '.join(parts)}")


def _refuse_idle_options(ctx: click.Context, parts: Sequence[str]) -> None:
    """Refuse options of parts that are not measured.

    Raises:
        BadOption: one of them was given.
    """
    idle = {} if "router" in parts else {name: (flag, "router") for name, flag in ROUTING.items()}
    if set(parts) == {"router"}:
        idle |= {name: (flag, "headline or trials") for name, flag in COMPLETING.items()}
    for name, (flag, needed) in idle.items():
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise BadOption(f"{flag} does nothing without --part {needed}")


def _plan(asked: dict[str, Any]) -> QualityPlan:
    plan = QualityPlan(asked["model"], asked["judge"], seed=asked["seed"])
    plan = replace(plan, **QUICK) if asked["quick"] else plan
    return replace(plan, many=asked["sketches"], from_nothing=asked["sketches"]) if asked["sketches"] else plan


def _each(measure: Callable[[str], Result], categories: Sequence[str], pool: Executor) -> list[Result]:
    """Measure every category, several at a time."""
    return list(tqdm(pool.map(measure, categories), total=len(categories), unit=" categories"))


if __name__ == "__main__":
    main()
