"""``predict_client.py complete`` and ``data``: begun sketches in, their category and finished drawings out.

Knows files, tables and what a person reads; which category a sketch is and how it goes on is the completer's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from codes.cli.common import (
    AS_JSON,
    FRACTION,
    MODEL,
    OUT,
    PATH,
    SPLIT,
    SectionedCommand,
    option,
    options_from,
    options_of,
    print_json,
    refuse,
)
from codes.cli.output import check_suffix, write_results
from codes.data.transforms import PREFIX_RULES, PrefixRule
from codes.errors import BadFile, NotRecognised
from codes.formats.npz import write_arrays
from codes.formats.registry import read, read_all
from codes.inference.completer import Completer, load
from codes.inference.options import MAX_DRAWINGS, Completion, Route, SamplingOptions, result_record
from codes.progress import progress
from codes.runtime import use_threads
from codes.strokes.stroke3 import Sketch

Row = tuple[Sketch, Sequence[Completion], str]

CATEGORY = option("-c", "--category", section="Drawing", help="Draw this category, whatever the sketch looks like.")
ONLY = option(
    "--only",
    default="",
    callback=lambda ctx, parameter, text: tuple(filter(None, map(str.strip, text.split(",")))),
    section="Drawing",
    help="What it may be: categories with commas between; anything by default.",
)
DRAWING = ("temperature", "seed", "max_points", "latent", "candidates")
SAMPLING = options_of(SamplingOptions, *DRAWING, section="Drawing")
CHUNK = 256


@click.command(cls=SectionedCommand)
@click.argument("files", nargs=-1, required=True, type=PATH)
@MODEL
@option("--index", type=int, default=0, show_default=True, section="Data",
        help="Which sketch of a file that holds several, from 0.")  # fmt: skip
@CATEGORY
@ONLY
@options_of(SamplingOptions, "top", section="Drawing")
@option("--draw-unknown", is_flag=True, section="Drawing",
        help="Draw the nearest category also where nothing is recognised.")  # fmt: skip
@option("-n", "--variations", type=int, default=9, show_default=True, section="Drawing",
        help="How many ways to finish it, of each category drawn.")  # fmt: skip
@SAMPLING
@OUT
@AS_JSON
@click.pass_context
def complete(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    model: str,
    index: int,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what each of FILES shows and finish it.

    FILES are .svg, .ndjson, .json or .npz sketches. Each is classified first; one that looks like nothing the model
    knows is not drawn, unless --category or --draw-unknown asks for it. With -o ending in .svg, .png or .gif the
    result is a sheet with a row for each file: the input and its variations. With -n 1 and one file it is the
    finished sketch itself, in the place and units of the input. The exit code is 1 where nothing was recognised.

    \b
    Examples:
      predict_client.py complete half-a-bicycle.svg -o bicycle.svg
      predict_client.py complete half-a-cat.svg -n 1 --seed 7 -o cat.gif
      predict_client.py complete mine.svg --top 3 -n 3 -o guesses.png
      predict_client.py complete mine.svg --only cat,dog,pig
    """
    if out is not None:
        check_suffix(out)
    if options["category"] is not None:
        refuse(ctx, ("draw_unknown",), "where --category says what to draw")
    use_threads(1)
    completer, sampling = load(model), options_from(SamplingOptions, options)
    sketches = [read(file, index) for file in files]
    started = time.perf_counter()
    routes = completer.classify_many(sketches, sampling.only)
    rows = [_finish(completer, sketch, route, sampling) for sketch, route in zip(sketches, routes, strict=True)]
    seconds = time.perf_counter() - started
    drawn = any(completions for _, completions, _ in rows)
    if out is not None and drawn:
        write_results(out, rows)
    if as_json:
        print_json({"results": _records(files, routes, rows), "seconds": seconds})
    else:
        _print_rows(files, routes, rows)
        _print_written(out if drawn else None)
    if not drawn:
        ctx.exit(1)


def _finish(completer: Completer, sketch: Sketch, route: Route, options: SamplingOptions) -> Row:
    try:
        completions = completer.finish(sketch, route, options)
    except NotRecognised as error:
        return sketch, [], str(error)
    return sketch, completions, "yours"


def _records(files: Sequence[Path], routes: Sequence[Route], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return each file's result as plain values."""
    return [
        {"file": str(file), **result_record(route, completions)}
        for file, route, (_, completions, _) in zip(files, routes, rows, strict=True)
    ]


def _print_rows(files: Sequence[Path], routes: Sequence[Route], rows: Sequence[Row]) -> None:
    """Print the likeliest three categories of each file, with bars that the terminal can show."""
    full = "█" if (sys.stdout.encoding or "").lower().startswith("utf") else "#"
    for file, route, (_, completions, caption) in zip(files, routes, rows, strict=True):
        click.secho(f"{file}: ", nl=False, bold=True)
        click.echo(f"{route.category} ({route.decision})" if completions else caption)
        for category, probability in list(route.probabilities.items())[:3]:
            click.echo(f"  {probability:6.1%}  {full * round(30 * probability):30}  {category}")


@click.command(cls=SectionedCommand)
@click.argument("file", type=PATH)
@MODEL
@SPLIT
@FRACTION
@option("--law", "rule", type=click.Choice(list(PREFIX_RULES)), default="points", show_default=True, section="Data",
        help="What the fraction is counted in.")  # fmt: skip
@CATEGORY
@ONLY
@option("-n", "--variations", type=click.IntRange(0, MAX_DRAWINGS), default=1, show_default=True, section="Drawing",
        help="How many completions of each sketch; 0 only classifies.")  # fmt: skip
@SAMPLING
@option("-o", "--out", type=PATH, section="Output", help="An .npz file for the completions.")
@AS_JSON
@click.pass_context
def data(
    ctx: click.Context,
    /,
    file: Path,
    model: str,
    split: str,
    fraction: float,
    rule: PrefixRule,
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
    variations, has_splits = options.pop("variations"), file.suffix.lower() == ".npz"
    if variations == 0:
        refuse(ctx, ("out", "category", *DRAWING), "with -n 0, which only classifies")
    if not has_splits:
        refuse(ctx, ("split",), f"for {file}: only .npz files have splits")
    _check_out(out)
    sampling = SamplingOptions(variations=max(1, variations), **options)
    completer = load(model)
    sketches = read_all(file, split if has_splits else None)
    prefixes = [sketch.prefix(PREFIX_RULES[rule](sketch.points, fraction)) for sketch in sketches]
    routes, completions = _routes_and_completions(completer, prefixes, sampling, variations > 0)
    if out is not None:
        write_arrays(out, completions=_table(completions), prefix_lengths=np.array([len(p) for p in prefixes]))
    if as_json:
        print_json(_record(sampling.only or completer.categories, routes, completions))
    else:
        _print_decisions(routes)
        _print_written(out)


def _check_out(out: Path | None) -> None:
    if out is not None and out.suffix.lower() != ".npz":
        raise BadFile(out, "completions of a data set are written as .npz")
    if out is not None and not out.parent.is_dir():
        raise BadFile(out, "its folder does not exist")


def _routes_and_completions(
    completer: Completer, prefixes: list[Sketch], options: SamplingOptions, draw: bool
) -> tuple[list[Route], list[list[Completion]]]:
    """Return routes, and completions where they are asked for, of ``CHUNK`` sketches at a time."""
    routes: list[Route] = []
    completions: list[list[Completion]] = []
    for start in progress(range(0, len(prefixes), CHUNK), unit=f" x {CHUNK} sketches", disable=len(prefixes) <= CHUNK):
        chunk = prefixes[start : start + CHUNK]
        if draw:
            done = completer.complete_many(chunk, options)
            completions += done
            routes += [each[0].route for each in done]
        else:
            routes += completer.classify_many(chunk, options.only)
    return routes, completions


def _table(completions: list[list[Completion]]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return stroke-3 arrays in an object array ``[N, variations]``."""
    table = np.empty((len(completions), len(completions[0])), dtype=object)
    for i, each in enumerate(completions):
        for j, completion in enumerate(each):
            table[i, j] = completion.sketch.points.astype(np.float32)
    return table


def _record(categories: Sequence[str], routes: list[Route], completions: list[list[Completion]]) -> dict[str, Any]:
    """Return the JSON object that docs/formats.md promises."""
    return {
        "categories": list(categories),
        "probabilities": [[route.probabilities[category] for category in categories] for route in routes],
        "decisions": [route.decision for route in routes],
        "known_scores": [route.known_score for route in routes],
        "log_likelihoods": [[completion.log_likelihood for completion in each] for each in completions],
    }


def _print_decisions(routes: list[Route]) -> None:
    decisions = [route.decision for route in routes]
    counts = ", ".join(f"{decisions.count(name)} {name}" for name in ("known", "unsure", "unknown"))
    click.echo(f"{len(routes)} sketches: {counts}")
    likeliest = [route.category for route in routes]
    for category in sorted(set(likeliest), key=likeliest.count, reverse=True)[:5]:
        click.echo(f"  {likeliest.count(category) / len(likeliest):6.1%}  {category}")


def _print_written(path: Path | None) -> None:
    if path is not None:
        click.echo(f"written: {path}")
