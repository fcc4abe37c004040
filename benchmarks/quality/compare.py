"""``python -m benchmarks.quality.compare``: the headline's figures of several bundles side by side, while one works.

It measures a few categories and sketches, by default of split ``valid``, because choices are made there. The figures
of a bundle can be kept (``-o``) and shown beside others later (``--beside``), so a baseline is measured once.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.commands import Command
from benchmarks.quality.figures import plain, read_figures, save_figures
from benchmarks.quality.headline import Figures, headline_figures
from benchmarks.quality.judge import SHIPPED
from benchmarks.quality.trials import HEADLINE, QualityPlan, measure_headline, measured_categories
from codes.errors import BadOption
from codes.runtime import use_threads

GIVEN = tuple(name for name, trial in HEADLINE.items() if not trial.routed)
DOZEN = (
    *("bicycle", "alarm clock", "sun", "crab", "cat", "ambulance"),
    *("monkey", "ant", "duck", "airplane", "butterfly", "face"),
)


@click.command(cls=Command)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-m", "--model", "models", multiple=True, help="Name or folder of a bundle; give several to compare.")
@click.option("--categories", default=",".join(DOZEN), show_default=True, help="Names with commas between, or all.")
@click.option("--split", type=click.Choice(["valid", "test"]), default="valid", show_default=True)
@click.option("-n", "--sketches", default=40, show_default=True, help="Sketches of a category, at most.")
@click.option("--routed", is_flag=True, help="Also complete as the router says.")
@click.option("--one", is_flag=True, help="Draw one candidate only, which takes a tenth of the time.")
@click.option("--judge", type=click.Path(path_type=Path), default=SHIPPED, help="Weights of the judge.")
@click.option("--from-nothing", default=0, show_default=True, help="Drawings of a category without a prefix.")
@click.option("--seed", default=0, show_default=True, help="Of the completions.")
@click.option("--workers", default=1, show_default=True, help="Categories that are measured at a time.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Where the figures of all bundles are kept (JSON).")
@click.option("--beside", type=click.Path(path_type=Path), multiple=True, help="Figures that were kept before.")
def main(data: Path, models: tuple[str, ...], out: Path | None, beside: tuple[Path, ...], **asked: Any) -> None:
    """Compare bundles on half sketches of DATA (a packed store, or a folder of .npz files).

    \b
    Example:
      python -m benchmarks.quality.compare datasets/core -m starter -m runs/mine --categories bicycle,cat -o two.json
    """
    kept = [read_figures(path) for path in beside]
    columns: dict[str, Figures] = {name: figures for each in kept for name, figures in each.items()}
    with ProcessPoolExecutor(asked["workers"], multiprocessing.get_context("spawn"), use_threads, (1,)) as pool:
        for model in models:
            columns[model] = plain(compared_figures(data, _plan(model, asked), asked["categories"], pool))
            if out:
                save_figures(out, columns)
    if not columns:
        raise BadOption("name a bundle with -m, or figures with --beside")
    click.echo(comparison_table(columns))


def _plan(model: str, asked: dict[str, Any]) -> QualityPlan:
    trials = [name for name in HEADLINE if asked["routed"] or name in GIVEN]
    return QualityPlan(
        model,
        asked["judge"],
        many=asked["sketches"],
        seed=asked["seed"],
        split=asked["split"],
        headline=tuple(name for name in trials if not asked["one"] or HEADLINE[name].candidates == 1),
        from_nothing=asked["from_nothing"],
    )


def compared_figures(data: Path, plan: QualityPlan, categories: str, executor: Executor) -> Figures:
    """Measure one bundle on these categories, or on ``all`` that it has.

    Raises:
        BadFile, BadOption: see :func:`measured_categories`.
    """
    asked = [] if categories == "all" else [name.strip() for name in categories.split(",")]
    names = measured_categories(data, plan, asked)
    trials = list(executor.map(partial(measure_headline, data, plan), names))
    return headline_figures(trials, executor)


def comparison_table(columns: dict[str, Figures]) -> str:
    """Lay out the figures of bundles as columns of text; a figure that one of them lacks is a dash."""
    rows = {name: comparison_rows(figures) for name, figures in columns.items()}
    names = list(dict.fromkeys(row for each in rows.values() for row in each))
    lines = [("", *rows)] + [(name, *(each.get(name, "-") for each in rows.values())) for name in names]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *others = widths
    return "\n".join(
        "  ".join([line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))])
        for line in lines
    )


def comparison_rows(figures: Figures) -> dict[str, str]:
    """Return the figures of one bundle as rows of text, by what they are of."""
    rows = {
        "sketches": str(figures["true"]["count"]),
        "recognised: prefixes / true": f"{figures['prefix']['value']:.3f} / {figures['true']['value']:.3f}",
    }
    for trial in (name for name in HEADLINE if name in figures):
        rows |= {f"{trial}: {name}": value for name, value in _trial_rows(figures, trial).items()}
    for name, each in figures["joins"].items():
        rows[f"people: {name}, share; difference by chance"] = f"{each['people']['value']:.3f}; {each['chance']:.3f}"
    for name, each in figures["row_nats"].items():
        rows[f"pixel nats: {name}"] = f"{each['macro']['value']:.3f}"
    if "from_nothing" in figures:
        one = figures["from_nothing"]
        rows["from nothing: drawn / true; ratio"] = (
            f"{one['drawn']['value']:.3f} / {one['true']['value']:.3f}; {one['ratio']:.3f}"
        )
    return rows


def _trial_rows(figures: Figures, trial: str) -> dict[str, str]:
    """Return the figures of one trial."""
    rows = {
        "recognised": f"{figures[trial]['value']:.3f}",
        "length over people's": f"{figures['length_ratio'][trial]['value']:.2f}",
    }
    for name, each in figures["joins"].items():
        gap = each["wasserstein"][trial]
        shown = "-" if gap is None else f"{gap:.1f}"
        rows[f"{name}, share; difference; gaps px"] = (
            f"{each[trial]['value']:.3f}; {each['difference'][trial]:.3f}; {shown}"
        )
    for name, each in figures["told_apart"].items():
        one = each[trial]["all"]
        rows[f"told apart by {name}"] = f"{one['value']:.3f} ({one['low']:.3f}-{one['high']:.3f})"
    return rows


if __name__ == "__main__":
    main()
