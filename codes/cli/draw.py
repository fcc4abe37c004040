"""``draw_client.py``: drawings of one category from nothing, from a code, and between two sketches.

Knows files and sheets; how a code becomes a drawing is the sampler's.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from codes.checkpoints.bundle import Bundle
from codes.cli.common import (
    AS_JSON,
    MODEL,
    PATH,
    RESULT,
    Command,
    SectionedCommand,
    given,
    option,
    options_of,
    print_json,
)
from codes.cli.output import Output, output_of, output_options, printable
from codes.cli.sampling import sampling_from
from codes.errors import BadOption, ModelNotFound
from codes.formats.polyline_json import record_of
from codes.formats.registry import read
from codes.inference.completer import Completer, load
from codes.inference.generate import CategorySampler
from codes.inference.options import SamplingOptions
from codes.progress import progress
from codes.runtime import use_threads
from codes.strokes.sheet import Cell, Sheet, contact_sheet
from codes.strokes.stroke3 import Sketch
from codes.vocabulary import find, resolve

TEMPERATURES = (0.1, 0.25, 0.4, 0.6, 0.8, 1.0)
DOT = Sketch(np.zeros((1, 3)))  # stands for a sketch that is not drawn yet
COMMON = ("seed", "max_points", "candidates")
SAMPLING = options_of(SamplingOptions, "temperature", *COMMON, section="Drawing")
CATEGORY = option(
    "-c", "--category", section="Drawing", help="The category whose model draws; by default the one that is recognised."
)
CREATED = output_options(RESULT, overwrites=False)
MADE_OF_FILES = output_options(RESULT)


def _count_option(default: int, meaning: str, *names: str) -> Callable[[Command], Command]:
    return option(*names, section="Drawing", type=int, default=default, show_default=True, help=meaning)


@click.command(cls=SectionedCommand)
@click.argument("category")
@_count_option(16, "How many sketches.", "-n", "--variations")
@MODEL
@SAMPLING
@CREATED
@AS_JSON
@click.pass_context
def sample(ctx: click.Context, /, category: str, model: str, as_json: bool, **options: Any) -> None:
    """Draw new sketches of CATEGORY from nothing (z from the prior).

    \b
    Example:
      draw_client.py sample cat -n 16 --temperature 0.4 -o cats.svg
    """
    output, sampling = _prepared(ctx, {**options, "latent": "prior"}, as_json, options["variations"])
    sampler = _sampler(_load(model), category)
    sketches = sampler.sample(sampling)
    _write(sketches, contact_sheet(sketches, f"{sampler.decoder.category}, drawn from nothing"), output, as_json)


@click.command(cls=SectionedCommand)
@click.argument("category")
@_count_option(8, "Sketches a row.", "-n", "--variations")
@MODEL
@options_of(SamplingOptions, *COMMON, section="Drawing")
@CREATED
@AS_JSON
@click.pass_context
def temperatures(ctx: click.Context, /, category: str, model: str, as_json: bool, **options: Any) -> None:
    """Draw CATEGORY at rising temperatures, a row each: from careful to wild.

    \b
    Example:
      draw_client.py temperatures crab -o crabs.png
    """
    figures = len(TEMPERATURES) * options["variations"]
    output, sampling = _prepared(ctx, {**options, "temperature": TEMPERATURES[0], "latent": "prior"}, as_json, figures)
    sampler = _sampler(_load(model), category)
    rows = [sampler.sample(replace(sampling, temperature=t)) for t in TEMPERATURES]
    cells = [[Cell(sketch) for sketch in row] for row in rows]
    sheet = Sheet(cells, title=sampler.decoder.category, headings=[f"t = {t:g}" for t in TEMPERATURES])
    _write([sketch for row in rows for sketch in row], sheet, output, as_json)


@click.command(cls=SectionedCommand)
@click.argument("file", type=PATH)
@CATEGORY
@_count_option(8, "How many reconstructions; one at temperature 0.", "-n", "--variations")
@MODEL
@SAMPLING
@MADE_OF_FILES
@AS_JSON
@click.pass_context
def reconstruct(
    ctx: click.Context, /, file: Path, category: str | None, model: str, as_json: bool, **options: Any
) -> None:
    """Encode a whole sketch and draw it again from its latent code alone.

    \b
    Example:
      draw_client.py reconstruct my-cat.svg -o again.svg
    """
    output, sampling = _prepared(ctx, options, as_json, options["variations"], [file])
    sketch, completer = read(file), _load(model)
    sampler = _sampler(completer, category or completer.classify(sketch).category)
    z = sampler.encode(sketch).expand(sampling.variations, -1)
    sketches = sampler.draw(z, sampling)
    row = [Cell(sketch, printable(file.name)), *(Cell(each, sampler.decoder.category) for each in sketches)]
    _write(sketches, Sheet([row]), output, as_json)


@click.command(cls=SectionedCommand)
@click.argument("files", nargs=2, type=PATH)
@CATEGORY
@_count_option(8, "Sketches on the way, both ends included.", "--steps")
@MODEL
@SAMPLING
@MADE_OF_FILES
@AS_JSON
@click.pass_context
def interpolate(
    ctx: click.Context, /, files: tuple[Path, Path], category: str | None, steps: int, model: str, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Draw what lies between two sketches, by way of their latent codes.

    \b
    Example:
      draw_client.py interpolate round-cat.svg thin-cat.svg --steps 8 -o between.svg
    """
    output, sampling = _prepared(ctx, options, as_json, steps, files)
    (first, second), completer = (read(file) for file in files), _load(model)
    sampler = _sampler(completer, category or completer.classify(first).category)
    sketches = sampler.interpolate(first, second, steps, sampling)
    begin, end = (Cell(sketch, printable(file.name)) for sketch, file in zip((first, second), files, strict=True))
    row = [begin, *(Cell(each) for each in sketches), end]
    _write(sketches, Sheet([row], title=f"from one {sampler.decoder.category} to another"), output, as_json)


@click.command("list", cls=SectionedCommand)
@click.argument("words", nargs=-1)
@MODEL
@SAMPLING
@CREATED
@AS_JSON
@click.pass_context
def list_categories(ctx: click.Context, /, words: tuple[str, ...], model: str, as_json: bool, **options: Any) -> None:
    """Show what the model can draw, or what is meant by WORDS; with -o, a picture with a drawing of each.

    Other words and plurals are understood: "bike" finds the bicycle. The drawings are those of the bundle's catalogue,
    if it has one; they are made anew if an option says how.

    \b
    Examples:
      draw_client.py list
      draw_client.py list bikes
      draw_client.py list -o everything.svg
    """
    output = output_of(options, as_json)
    output.check()
    bundle, wanted = Bundle.open(model), " ".join(words)
    found = find(wanted, bundle.categories)
    if not found:
        raise ModelNotFound(f"nothing that it can draw is called '{wanted}'; 'list' alone shows all")
    if as_json:
        print_json({"categories": found})
    else:
        _print_columns(found, output)
    if output.path is not None:
        stored = {} if given(ctx, options) else bundle.catalogue()
        sampling = sampling_from(ctx, {**options, "latent": "prior"})
        sketches = _one_of_each(bundle, found, stored, sampling)
        output.write(sketches, contact_sheet(sketches), silent=as_json)


def _one_of_each(
    bundle: Bundle, names: Sequence[str], stored: Mapping[str, Sketch], sampling: SamplingOptions
) -> list[Sketch]:
    """Return a drawing of each, drawing those that are not stored."""
    missing = [name for name in names if name not in stored]
    if not missing:
        return [stored[name] for name in names]
    use_threads(1)
    completer = Completer(bundle)
    drawn = {name: completer.sampler(name).sample(sampling)[0] for name in progress(missing, unit=" categories")}
    return [stored.get(name) or drawn[name] for name in names]


def _print_columns(names: Sequence[str], output: Output) -> None:
    """Print names in as many columns as the terminal has room for, read downwards."""
    width = max(len(name) for name in names) + 2
    columns = max(1, min(len(names), shutil.get_terminal_size().columns // width))
    rows = -(-len(names) // columns)
    for row in range(rows):
        output.say("".join(f"{name:{width}}" for name in names[row::rows]).rstrip())


def _load(model: str) -> Completer:
    use_threads(1)
    return load(model)


def _sampler(completer: Completer, category: str) -> CategorySampler:
    """Return what draws the category that is named, in any case, spacing and number."""
    return completer.sampler(resolve(category, completer.categories))


def _prepared(
    ctx: click.Context, options: dict[str, Any], as_json: bool, figures: int, files: Sequence[Path] = ()
) -> tuple[Output, SamplingOptions]:
    """Return where to draw and how; refuse, before anything is read or drawn, what cannot be.

    Args:
        ctx: the context of the command.
        options: of the command.
        as_json: true if JSON is asked for.
        figures: how many sketches will be drawn.
        files: the inputs.

    Raises:
        BadOption: neither a file nor JSON is asked for, or an option is out of its range.
        BadFile: the file cannot be written.
    """
    output = output_of(options, as_json)
    if output.path is None and not as_json:
        raise BadOption("say where to draw with -o FILE, or ask for --json")
    output.check(files)
    sampling = sampling_from(ctx, options)
    output.check_sheet(contact_sheet([DOT] * max(1, figures)))
    return output, sampling


def _write(sketches: list[Sketch], sheet: Sheet, output: Output, as_json: bool) -> None:
    """Write the sketches, several as a sheet where a picture is asked for, and print them as JSON or say where."""
    if output.path is not None:
        output.write(sketches, sheet if len(sketches) > 1 else None, silent=as_json)
    if as_json:
        print_json({"sketches": [record_of(sketch) for sketch in sketches]})
