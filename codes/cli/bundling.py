"""``train_or_test.py bundle``: a router and its decoders into one folder that every client can open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from codes.checkpoints.bundle import Bundle, with_critic
from codes.checkpoints.part import PartConfig
from codes.checkpoints.precision import Precision
from codes.data.packed import Store
from codes.inference.completer import Completer
from codes.inference.practice import practise
from codes.training.bundling import Plan, make_bundle, runs_below
from codes.training.criticising import fit_critic
from codes.training.runfolder import RunFolder

Rows = NDArray[np.generic]
CARD = "# {name}\n\nCategories: {categories}.\n\nWrite here what the data is, its licence, and what was measured.\n"


@click.command()
@click.option("--router", type=click.Path(path_type=Path), required=True, help="The run of `train predict`.")
@click.option("--draw", "decoders", type=click.Path(path_type=Path), required=True, help="Folder of `train draw` runs.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The router's store, to calibrate it.")
@click.option("-c", "--category", "categories", multiple=True, help="These only, in this order; all by default.")
@click.option(
    "--precision", type=click.Choice(get_args(Precision)), default=Plan.precision, show_default=True, help="Of weights."
)
@click.option(
    "--practice",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Training sketches of each category, at most, that its decoder finishes for the critic; 0 makes no critic.",
)
@click.option("--card", type=click.Path(path_type=Path), help="A model card to put in as README.md.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the bundle.")
def bundle(router: Path, decoders: Path, data: Path, out: Path, **asked: Any) -> None:
    """Put a router and the decoders it routes to into one bundle.

    The router is calibrated on the valid split of --data: its probabilities, and the scores below which a sketch is
    `unsure` or `unknown`. What the router knows but has no decoder here counts as unknown.

    Then each decoder finishes sketches of the train split of --data that were cut short, and a critic learns to tell
    them from people's own; it has a say in which of several completions is kept. That takes some ten seconds a category
    on one core; stopped before its end, it leaves a bundle without a critic.

    \b
    Example:
      train_or_test.py bundle --router runs/router --draw runs/draw --data datasets/core -o examples/models/mine
    """
    runs = chosen_runs(decoders, asked["categories"])
    card = asked["card"].read_text() if asked["card"] else CARD.format(name=out.name, categories=", ".join(runs))
    plan = Plan(RunFolder(router), runs, Store(data), asked["precision"])
    sketches = to_practise(plan.store, tuple(runs), asked["practice"])  # before anything is replaced: there may be none
    made = criticised(make_bundle(plan, out, card), sketches)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    click.echo(f"{made.folder}: {len(runs)} categories, {size / 1e6:.1f} MB")


def chosen_runs(folder: Path, categories: Sequence[str]) -> dict[str, RunFolder]:
    """The runs of these categories, in this order; of all that there are where none is named.

    Raises:
        UsageError: one of them has no run there.
    """
    runs = runs_below(folder)
    if missing := [category for category in categories if category not in runs]:
        raise click.UsageError(f"{folder} has no run of {', '.join(missing)}; there are {', '.join(runs)}")
    return {category: runs[category] for category in categories or runs}


def to_practise(store: Store, categories: Sequence[str], most: int) -> dict[str, list[Rows]]:
    """At most so many training sketches of each category that has any.

    Raises:
        BadFile: some are asked for and the store has no training sketches at all.
        BadOption: it has no such category.
    """
    if most == 0:
        return {}
    split = store.split("train")
    found = {category: evenly(list(split.only(category).sketches()), most) for category in categories}
    return {category: sketches for category, sketches in found.items() if sketches}


def criticised(bundle: Bundle, sketches: Mapping[str, Sequence[Rows]]) -> Bundle:
    """The bundle with a critic that learned from these sketches; from none, the bundle as it is."""
    if not sketches:
        return bundle
    completer = Completer(bundle)
    bar = tqdm(sketches.items(), desc="critic", unit=" categories")
    critic = fit_critic({category: practise(completer, category, some) for category, some in bar})
    counts = {"counts": [len(some) for some in sketches.values()]}
    sizes, scale = critic.config.to_dict(), bundle.router()[1].scale
    return with_critic(bundle, critic, PartConfig("critic", sizes, scale, list(sketches), training=counts))


def evenly(sketches: Sequence[Rows], most: int) -> list[Rows]:
    """At most so many, from the first to the last."""
    return [sketches[int(i)] for i in np.linspace(0, len(sketches) - 1, min(most, len(sketches)))]
