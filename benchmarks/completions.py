"""What completions of a data set are like: how long, whether they end, and what the router takes them for.

``python -m benchmarks.completions STORE`` completes the first test sketches of each category of a bundle from half of
their points, each forced to its own category. The router is no independent judge: it says whether a completion looks to
it like what it looks for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from codes.data.masking import rows_by_points
from codes.data.packed import Store
from codes.inference.completer import Completer, load
from codes.inference.options import Completion, SamplingOptions
from codes.sketch.strokes import Sketch


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option("-m", "--model", default="starter", show_default=True)
@click.option("--split", default="test", show_default=True)
@click.option("--count", default=120, show_default=True, help="Sketches of each category, at most.")
@click.option("--temperature", default=0.4, show_default=True)
@click.option("--latent", default="prefix", show_default=True)
def main(store: Path, model: str, split: str, count: int, **options: Any) -> None:
    completer, sketches = load(model), Store(store).split(split)
    measured = {}
    for category in tqdm(completer.categories, unit=" categories"):
        whole = [Sketch(rows) for rows, _ in zip(sketches.only(category).sketches(), range(count), strict=False)]
        measured[category] = measure(completer, whole, SamplingOptions(category=category, **options))
    show(measured)
    click.echo(json.dumps(measured))


def measure(completer: Completer, whole: Sequence[Sketch], options: SamplingOptions) -> dict[str, float]:
    """The figures of one category."""
    prefixes = [sketch.prefix(rows_by_points(sketch.points, 0.5)) for sketch in whole]
    made = [each[0] for each in completer.complete_many(prefixes, options)]
    added = np.array([len(each.sketch) - len(prefix) for each, prefix in zip(made, prefixes, strict=True)])
    own = np.array([len(sketch) - len(prefix) for sketch, prefix in zip(whole, prefixes, strict=True)])
    return {
        "sketches": len(whole),
        "length_ratio": float(np.median(added / np.maximum(1, own))),
        "never_ended": float(np.mean([not each.ended for each in made])),
        "added_nothing": float(np.mean(added == 0)),
        "recognised_prefixes": recognised(completer, prefixes, options.category),
        "recognised_completions": recognised(completer, finished(made), options.category),
        "recognised_whole": recognised(completer, whole, options.category),
    }


def finished(made: Sequence[Completion]) -> list[Sketch]:
    return [each.sketch for each in made]


def recognised(completer: Completer, sketches: Sequence[Sketch], category: str | None) -> float:
    """Share that the router takes for this category."""
    return float(np.mean([route.category == category for route in completer.classify_many(sketches)]))


def show(measured: dict[str, dict[str, float]]) -> None:
    """A table, in Markdown."""
    click.echo(
        "| category | sketches | points added over the person's own, median | never ended | added nothing |", nl=False
    )
    click.echo(" taken for it: prefix, completed, whole |\n|---|---|---|---|---|---|")
    for category, each in measured.items():
        shares = [f"{each[f'recognised_{what}']:.0%}" for what in ("prefixes", "completions", "whole")]
        click.echo(
            f"| {category} | {each['sketches']} | {each['length_ratio']:.2f} | {each['never_ended']:.1%} "
            f"| {each['added_nothing']:.1%} | {', '.join(shares)} |"
        )


if __name__ == "__main__":
    main()
