"""``train_or_test.py bundle``: a router and its decoders into one folder that every client can open."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from codes.checkpoints.precision import Precision
from codes.data.packed import Store
from codes.training.bundling import Plan, make_bundle, runs_below
from codes.training.runfolder import RunFolder

CARD = "# {name}\n\nCategories: {categories}.\n\nWrite here what the data is, its licence, and what was measured.\n"


@click.command()
@click.option("--router", type=click.Path(path_type=Path), required=True, help="The run of `train predict`.")
@click.option("--draw", "decoders", type=click.Path(path_type=Path), required=True, help="Folder of `train draw` runs.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The router's store, to calibrate it.")
@click.option("-c", "--category", "categories", multiple=True, help="These only, in this order; all by default.")
@click.option(
    "--precision", type=click.Choice(get_args(Precision)), default=Plan.precision, show_default=True, help="Of weights."
)
@click.option("--card", type=click.Path(path_type=Path), help="A model card to put in as README.md.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the bundle.")
def bundle(
    router: Path,
    decoders: Path,
    data: Path,
    categories: tuple[str, ...],
    precision: Precision,
    card: Path | None,
    out: Path,
) -> None:
    """Put a router and the decoders it routes to into one bundle.

    The router is calibrated on the valid split of --data: its probabilities, and the scores below which a sketch is
    `unsure` or `unknown`. What the router knows but has no decoder here counts as unknown.

    \b
    Example:
      train_or_test.py bundle --router runs/router --draw runs/draw --data datasets/core -o examples/models/mine
    """
    runs = runs_below(decoders)
    chosen = {category: runs[category] for category in categories or runs if category in runs}
    if missing := [category for category in categories if category not in runs]:
        raise click.UsageError(f"{decoders} has no run of {', '.join(missing)}; there are {', '.join(runs)}")
    text = card.read_text() if card else CARD.format(name=out.name, categories=", ".join(chosen))
    made = make_bundle(Plan(RunFolder(router), chosen, Store(data), precision), out, text)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    click.echo(f"{made.folder}: {len(chosen)} categories, {size / 1e6:.1f} MB")
