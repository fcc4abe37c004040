"""``predict_client.py data``: a whole data set, cut, classified and finished in batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from codes.cli.common import AS_JSON, CANDIDATES, CATEGORY, FRACTION, LATENT, MODEL, SAMPLING, SPLIT, print_json
from codes.data.transforms import PREFIX_RULES, PrefixRule
from codes.errors import BadFile, BadOption
from codes.formats.npz import write_arrays
from codes.formats.registry import read_all
from codes.inference.completer import Completer, load
from codes.inference.options import MOST_DRAWINGS, Completion, Route, SamplingOptions
from codes.progress import progress
from codes.sketch.stroke3 import Sketch

CHUNK = 256


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@MODEL
@SPLIT
@FRACTION
@click.option(
    "--law", type=click.Choice(list(PREFIX_RULES)), default="points", show_default=True, help="What is counted."
)
@click.option("-n", "--variations", type=click.IntRange(0, MOST_DRAWINGS), default=1, show_default=True,
              help="Completions of each sketch; 0 only classifies.")  # fmt: skip
@CATEGORY
@SAMPLING
@LATENT
@CANDIDATES
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Where to write completions, as .npz.")
@AS_JSON
def data(
    file: Path,
    model: str,
    split: str,
    fraction: float,
    law: PrefixRule,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Cut every sketch of FILE short, classify what is left, and finish it.

    Writes completions (an object array, N x variations, of stroke-3 rows with the prefix) and prefix_lengths (N) to
    --out. With --json prints categories, probabilities (N x C), decisions, known_scores and log_likelihoods.
    Every sketch is finished as its likeliest category, whatever was decided; filter by decisions where that matters.

    \b
    Example:
      predict_client.py data datasets/quickdraw/cat.npz --split test --fraction 0.5 -n 1 -o finished.npz
    """
    many = options.pop("variations")
    _check_out(out, many)
    asked = SamplingOptions(variations=max(1, many), **options)
    completer = load(model)
    sketches = read_all(file, split if file.suffix.lower() == ".npz" else None)
    prefixes = [sketch.prefix(PREFIX_RULES[law](sketch.points, fraction)) for sketch in sketches]
    routes, completions = _work(completer, prefixes, asked, many > 0)
    if out is not None:
        write_arrays(out, completions=_table(completions), prefix_lengths=np.array([len(p) for p in prefixes]))
    if as_json:
        print_json(_record(completer, routes, completions))
    else:
        _tell(routes, out)


def _check_out(out: Path | None, many: int) -> None:
    if out is not None and out.suffix.lower() != ".npz":
        raise BadFile(out, "completions of a data set are written as .npz")
    if out is not None and not out.parent.is_dir():
        raise BadFile(out, "its folder does not exist")
    if out is not None and many == 0:
        raise BadOption("-n 0 only classifies, so there is nothing to write to --out")


def _work(
    completer: Completer, prefixes: list[Sketch], options: SamplingOptions, draw: bool
) -> tuple[list[Route], list[list[Completion]]]:
    """Routes, and completions where they are asked for, some sketches at a time."""
    routes: list[Route] = []
    completions: list[list[Completion]] = []
    for start in progress(range(0, len(prefixes), CHUNK), unit=f" x {CHUNK} sketches", disable=len(prefixes) <= CHUNK):
        some = prefixes[start : start + CHUNK]
        if draw:
            done = completer.complete_many(some, options)
            completions += done
            routes += [each[0].route for each in done]
        else:
            routes += completer.classify_many(some)
    return routes, completions


def _table(completions: list[list[Completion]]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Stroke-3 arrays in an object array ``[N, variations]``."""
    table = np.empty((len(completions), len(completions[0])), dtype=object)
    for i, each in enumerate(completions):
        for j, completion in enumerate(each):
            table[i, j] = completion.sketch.points.astype(np.float32)
    return table


def _record(completer: Completer, routes: list[Route], completions: list[list[Completion]]) -> dict[str, Any]:
    """What docs/formats.md promises."""
    return {
        "categories": list(completer.categories),
        "probabilities": [[route.probabilities[category] for category in completer.categories] for route in routes],
        "decisions": [route.decision for route in routes],
        "known_scores": [route.known_score for route in routes],
        "log_likelihoods": [[completion.log_likelihood for completion in each] for each in completions],
    }


def _tell(routes: list[Route], out: Path | None) -> None:
    decisions = [route.decision for route in routes]
    told = ", ".join(f"{decisions.count(name)} {name}" for name in ("known", "unsure", "unknown"))
    click.echo(f"{len(routes)} sketches: {told}")
    likeliest = [route.category for route in routes]
    for category in sorted(set(likeliest), key=likeliest.count, reverse=True)[:5]:
        click.echo(f"  {likeliest.count(category) / len(likeliest):6.1%}  {category}")
    if out is not None:
        click.echo(f"written: {out}")
