"""``predict_client.py``: half-drawn sketches in, their category and finished drawings out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from codes.cli.common import (
    AS_JSON,
    CANDIDATES,
    CATEGORY,
    LATENT,
    MODEL,
    OUT,
    SAMPLING,
    VARIATIONS,
    ErrorHandlingGroup,
    options_from,
    print_json,
)
from codes.cli.data_sets import data
from codes.cli.live import live
from codes.cli.output import check_suffix, write_results
from codes.errors import NotRecognised
from codes.formats.registry import read
from codes.inference.completer import Completer, load, use_one_thread
from codes.inference.options import Completion, Route, SamplingOptions, result_record
from codes.sketch.stroke3 import Sketch

Row = tuple[Sketch, Sequence[Completion], str]


@click.group(cls=ErrorHandlingGroup)
def main() -> None:
    """Recognise sketches that are not finished, and finish them."""


main.add_command(data)
main.add_command(live)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@MODEL
@CATEGORY
@click.option("--top", type=int, default=1, show_default=True, help="Draw this many of the likeliest categories.")
@VARIATIONS
@SAMPLING
@LATENT
@CANDIDATES
@click.option("--draw-unknown", is_flag=True, help="Draw the nearest category also where nothing is recognised.")
@click.option("--index", type=int, default=0, show_default=True, help="Which sketch of a file that holds many.")
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
    result is a sheet: the input and its variations, a row a file; -n 1 of one file is the finished sketch itself, in
    the place and units of the input. Exit code 1 where nothing was recognised.

    \b
    Examples:
      predict_client.py complete examples/sketches/half-a-bicycle.svg -o bicycle.svg
      predict_client.py complete examples/sketches/half-a-cat.svg -n 1 --seed 7 -o cat.gif
      predict_client.py complete mine.svg --top 3 -n 3 -o guesses.png
    """
    if out is not None:
        check_suffix(out)
    use_one_thread()
    completer, asked = load(model), options_from(SamplingOptions, options)
    sketches = [read(file, index) for file in files]
    started = time.perf_counter()
    routes = completer.classify_many(sketches)
    rows = [_finish(completer, sketch, route, asked) for sketch, route in zip(sketches, routes, strict=True)]
    seconds = time.perf_counter() - started
    if out is not None and any(completions for _, completions, _ in rows):
        write_results(out, rows)
    if as_json:
        print_json({"results": _records(files, routes, rows), "seconds": seconds})
    else:
        _tell(files, routes, rows, out)
    if not any(completions for _, completions, _ in rows):
        ctx.exit(1)


def _finish(completer: Completer, sketch: Sketch, route: Route, options: SamplingOptions) -> Row:
    try:
        completions = completer.finish(sketch, route, options)
    except NotRecognised as error:
        return sketch, [], str(error)
    return sketch, completions, "yours"


def _records(files: Sequence[Path], routes: Sequence[Route], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each file's result as plain values."""
    return [
        {"file": str(file), **result_record(route, completions)}
        for file, route, (_, completions, _) in zip(files, routes, rows, strict=True)
    ]


def _tell(files: Sequence[Path], routes: Sequence[Route], rows: Sequence[Row], out: Path | None) -> None:
    """What a person wants to read."""
    for file, route, (_, completions, told) in zip(files, routes, rows, strict=True):
        click.secho(f"{file}: ", nl=False, bold=True)
        click.echo(f"{route.category} ({route.decision})" if completions else told)
        for category, probability in list(route.probabilities.items())[:3]:
            click.echo(f"  {probability:6.1%}  {'█' * round(30 * probability):30}  {category}")
    if out is not None and out.exists():
        click.echo(f"written: {out}")
