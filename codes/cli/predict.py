"""``predict_client.py classify``, ``complete`` and ``data``: begun sketches in, categories and finished drawings out.

Knows files, tables and what a person reads; which category a sketch is and how it goes on is the completer's.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from codes.checkpoints.bundle import Bundle
from codes.cli.common import (
    AS_JSON,
    FRACTION,
    MODEL,
    PATH,
    RESULT,
    SPLIT,
    SectionedCommand,
    option,
    options_of,
    print_json,
    refuse,
)
from codes.cli.inputs import SKETCH_INPUTS, Input, Inputs, read_inputs
from codes.cli.output import (
    Figures,
    Output,
    check_overwritten,
    figures_sheet,
    looks_finished,
    output_of,
    output_options,
    planned_sheet,
)
from codes.cli.recognised import finding, say_meanings, say_route
from codes.cli.sampling import DRAWING, ONLY, SAMPLING, resolve_all, sampling_from
from codes.data.transforms import PREFIX_RULES, PrefixRule
from codes.errors import BadFile, NotRecognised
from codes.formats.files import check_destination
from codes.formats.npz import write_arrays
from codes.formats.registry import read_all
from codes.inference.completer import Completer, check_size, load
from codes.inference.options import MAX_DRAWINGS, Completion, Route, SamplingOptions, result_record, route_record
from codes.progress import progress
from codes.runtime import use_threads
from codes.strokes.stroke3 import Sketch

CATEGORY = option("-c", "--category", section="Drawing", help="Draw this category, whatever the sketch looks like.")
SHOWN = 3  # categories of each sketch that are printed
CHUNK = 256


@click.command(cls=SectionedCommand)
@SKETCH_INPUTS
@MODEL
@ONLY
@option("--top", type=click.IntRange(min=1), default=SHOWN, show_default=True, section="Output",
        help="How many of the likeliest categories are printed.")  # fmt: skip
@AS_JSON
@click.pass_context
def classify(ctx: click.Context, /, model: str, only: tuple[str, ...], top: int, as_json: bool, **options: Any) -> None:
    """Say what each of FILES shows, and draw nothing.

    FILES are sketches as complete takes them: .svg, .ndjson, .json or .npz, folders of these, or - for standard input.
    draw_client.py list shows what the model knows. The exit code is 2 where a file could not be read, and 1 where
    nothing was recognised.

    \b
    Examples:
      predict_client.py classify my-drawing.svg
      predict_client.py classify drawings --only cat,dog,pig --top 1
    """
    if as_json:
        refuse(ctx, ("top",), "with --json, which has all categories")
    use_threads(1)
    inputs = read_inputs(**options)
    completer = load(model)
    started = time.perf_counter()
    routes = _routes(completer, inputs, resolve_all(only, completer.categories))
    if as_json:
        results = [{"file": each.name, **route_record(route)} for each, route in zip(inputs.read, routes, strict=True)]
        print_json(_answer(results, inputs, started))
    else:
        for each, route in zip(inputs.read, routes, strict=True):
            say_route(click.echo, each.name, finding(route), route, top)
        say_meanings(click.echo, routes)
    _exit(ctx, inputs, any(route.decision != "unknown" for route in routes))


@click.command(cls=SectionedCommand)
@SKETCH_INPUTS
@MODEL
@CATEGORY
@ONLY
@options_of(SamplingOptions, "top", section="Drawing")
@option("--draw-unknown", is_flag=True, section="Drawing",
        help="Draw the nearest category also where nothing is recognised.")  # fmt: skip
@option("-n", "--variations", type=int, default=9, show_default=True, section="Drawing",
        help="How many ways to finish it, of each category drawn; one at temperature 0.")  # fmt: skip
@SAMPLING
@output_options(RESULT)
@AS_JSON
@click.pass_context
def complete(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    index: int,
    source_format: str | None,
    model: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what each of FILES shows and finish it.

    FILES are .svg, .ndjson, .json or .npz sketches, folders of these, or - for standard input. Each is classified
    first; one that looks like nothing the model knows is not drawn, unless --category or --draw-unknown asks for it.
    Without -o and --json nothing is drawn at all.

    With -o ending in .svg, .png or .gif the result is a sheet: each input with its variations beside it. With -n 1 and
    one file it is the finished sketch itself, in the place and units of the input. The exit code is 2 where a file
    could not be read (the others are finished), and 1 where nothing was recognised.

    \b
    Examples:
      predict_client.py complete half-a-bicycle.svg -o bicycle.svg
      predict_client.py complete half-a-cat.svg -n 1 --seed 7 -o cat.gif
      predict_client.py complete mine.svg --top 3 -n 3 -o guesses.png
      predict_client.py complete mine.svg --only cat,dog,pig -o guesses.png
      predict_client.py complete - -n 1 --to png -o - < mine.svg > finished.png
    """
    if options["category"] is not None:
        refuse(ctx, ("draw_unknown",), "where --category says what to draw")
    output, bundle = output_of(options, as_json), Bundle.open(model)
    sampling = sampling_from(ctx, options, bundle.categories)
    check_size(sampling)
    inputs = read_inputs(files, index, source_format)
    output.check(inputs.files)
    if inputs.read and output.path is not None:
        output.check_sheet(planned_sheet([each.sketch for each in inputs.read], sampling.top, sampling.variations))
    use_threads(1)
    completer, started = Completer(bundle), time.perf_counter()
    routes = _routes(completer, inputs, sampling.only)
    if output.path is None and not as_json:
        _only_recognise(ctx, inputs, routes)
        return
    rows = [_finish(completer, each, route, sampling) for each, route in zip(inputs.read, routes, strict=True)]
    drawn = any(row.completions for row in rows)
    if as_json:
        pairs = zip(rows, routes, strict=True)
        results = [{"file": row.name, **result_record(route, row.completions)} for row, route in pairs]
        print_json(_answer(results, inputs, started))
    else:
        _say_drawn(output, rows, routes)
    if drawn and output.path is not None:
        finished = [completion.sketch for row in rows for completion in row.completions]
        output.write(finished, figures_sheet(rows) if len(rows) + len(finished) > 2 else None, silent=as_json)
    _exit(ctx, inputs, drawn)


def _routes(completer: Completer, inputs: Inputs, only: Sequence[str]) -> list[Route]:
    """Tell what could not be read, and recognise the rest."""
    for error in inputs.errors:
        click.echo(f"Error: {error}", err=True)
    return completer.classify_many([each.sketch for each in inputs.read], only) if inputs.read else []


def _only_recognise(ctx: click.Context, inputs: Inputs, routes: Sequence[Route]) -> None:
    """Say what sketches are, and how to have them finished."""
    for each, route in zip(inputs.read, routes, strict=True):
        say_route(click.echo, each.name, finding(route), route, SHOWN)
    say_meanings(click.echo, routes)
    recognised = any(route.decision != "unknown" for route in routes)
    if routes:
        name = f"finished-{routes[0].category.replace(' ', '-')}.svg" if len(routes) == 1 else "finished.svg"
        named = "" if recognised else f'-c "{routes[0].category}" '
        click.echo(f"Nothing is drawn yet: add {named}-o {name} to see it finished.")
    _exit(ctx, inputs, recognised)


def _finish(completer: Completer, each: Input, route: Route, options: SamplingOptions) -> Figures:
    try:
        return Figures(each.name, each.sketch, completer.finish(each.sketch, route, options))
    except NotRecognised:
        return Figures(each.name, each.sketch, [])


def _say_drawn(output: Output, rows: Sequence[Figures], routes: Sequence[Route]) -> None:
    """Say what each sketch is, and what became of it."""
    for row, route in zip(rows, routes, strict=True):
        say_route(output.say, row.name, _drawn_finding(row, route), route, SHOWN)
    say_meanings(output.say, routes)


def _drawn_finding(figures: Figures, route: Route) -> str:
    """Return what a sketch is, and whether it is drawn, looks finished already, or is drawn as something else."""
    if not figures.completions:
        return f"{finding(route)}; name a category to have it drawn"
    drawn = dict.fromkeys(each.category for each in figures.completions)
    as_asked = "" if list(drawn) == [route.category] else f", drawn as {', '.join(drawn)}"
    finished = ", looks finished already" if looks_finished(figures.completions) else ""
    return f"{finding(route)}{as_asked}{finished}"


def _answer(results: Sequence[dict[str, Any]], inputs: Inputs, started: float) -> dict[str, Any]:
    """Return the JSON object that docs/formats.md promises."""
    errors = [{"file": str(error.path), "error": error.reason} for error in inputs.errors]
    return {"results": results, "errors": errors, "seconds": time.perf_counter() - started}


def _exit(ctx: click.Context, inputs: Inputs, recognised: bool) -> None:
    """End with the exit code that docs/formats.md promises."""
    if inputs.errors:
        ctx.exit(2)
    if not recognised:
        ctx.exit(1)


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
@option("--force", is_flag=True, section="Output", help="Overwrite the file that is read.")
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
    force: bool,
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
    _check_out(out, file, force)
    bundle = Bundle.open(model)
    sampling = sampling_from(ctx, {**options, "variations": max(1, variations)}, bundle.categories)
    check_size(sampling)
    sketches = read_all(file, split if has_splits else None)
    completer = Completer(bundle)
    prefixes = [sketch.prefix(PREFIX_RULES[rule](sketch.points, fraction)) for sketch in sketches]
    routes, completions = _routes_and_completions(completer, prefixes, sampling, variations > 0)
    if out is not None:
        write_arrays(out, completions=_table(completions), prefix_lengths=np.array([len(p) for p in prefixes]))
    if as_json:
        print_json(_record(sampling.only or completer.categories, routes, completions))
    else:
        _print_decisions(routes)
        _print_written(out)


def _check_out(out: Path | None, file: Path, force: bool) -> None:
    if out is None:
        return
    if out.suffix.lower() != ".npz":
        raise BadFile(out, "completions of a data set are written as .npz")
    check_overwritten(out, [file], force)
    check_destination(out)


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
