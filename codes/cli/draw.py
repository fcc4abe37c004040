"""``draw_client.py``: drawings of one category from nothing, from a code, and between two sketches.

Knows files and sheets; how a code becomes a drawing is the sampler's.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import click

from codes.checkpoints.bundle import Bundle
from codes.cli.common import (
    AS_JSON,
    MODEL,
    OUT,
    PATH,
    Command,
    SectionedCommand,
    given,
    option,
    options_from,
    options_of,
    print_json,
)
from codes.cli.output import PICTURES, check_suffix
from codes.errors import BadOption, ModelNotFound
from codes.formats.polyline_json import record_of
from codes.formats.registry import read, write, write_sheet
from codes.inference.completer import Completer, load
from codes.inference.options import SamplingOptions
from codes.progress import progress
from codes.runtime import use_threads
from codes.strokes.sheet import Cell, Sheet, contact_sheet
from codes.strokes.stroke3 import Sketch
from codes.vocabulary import find

TEMPERATURES = (0.1, 0.25, 0.4, 0.6, 0.8, 1.0)
COMMON = ("seed", "max_points", "candidates")
SAMPLING = options_of(SamplingOptions, "temperature", *COMMON, section="Drawing")
CATEGORY = option(
    "-c", "--category", section="Drawing", help="The category whose model draws; by default the one that is recognised."
)


def _count_option(default: int, meaning: str, *names: str) -> Callable[[Command], Command]:
    return option(*names, section="Drawing", type=int, default=default, show_default=True, help=meaning)


@click.command(cls=SectionedCommand)
@click.argument("category")
@_count_option(16, "How many sketches.", "-n", "--variations")
@MODEL
@SAMPLING
@OUT
@AS_JSON
def sample(category: str, model: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Draw new sketches of CATEGORY from nothing (z from the prior).

    \b
    Example:
      draw_client.py sample cat -n 16 --temperature 0.4 -o cats.svg
    """
    _check(out, as_json)
    sketches = _load(model).sampler(category).sample(options_from(SamplingOptions, {**options, "latent": "prior"}))
    _write(sketches, contact_sheet(sketches, f"{category}, drawn from nothing"), out, as_json)


@click.command(cls=SectionedCommand)
@click.argument("category")
@_count_option(8, "Sketches a row.", "-n", "--variations")
@MODEL
@options_of(SamplingOptions, *COMMON, section="Drawing")
@OUT
@AS_JSON
def temperatures(category: str, model: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Draw CATEGORY at rising temperatures, a row each: from careful to wild.

    \b
    Example:
      draw_client.py temperatures crab -o crabs.png
    """
    _check(out, as_json)
    sampler = _load(model).sampler(category)
    rows = [
        sampler.sample(options_from(SamplingOptions, {**options, "temperature": t, "latent": "prior"}))
        for t in TEMPERATURES
    ]
    cells = [[Cell(sketch) for sketch in row] for row in rows]
    sheet = Sheet(cells, title=category, headings=[f"t = {t:g}" for t in TEMPERATURES])
    _write([sketch for row in rows for sketch in row], sheet, out, as_json)


@click.command(cls=SectionedCommand)
@click.argument("file", type=PATH)
@CATEGORY
@_count_option(8, "How many reconstructions.", "-n", "--variations")
@MODEL
@SAMPLING
@OUT
@AS_JSON
def reconstruct(file: Path, category: str | None, model: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Encode a whole sketch and draw it again from its latent code alone.

    \b
    Example:
      draw_client.py reconstruct my-cat.svg -o again.svg
    """
    _check(out, as_json)
    completer, sampling, sketch = _load(model), options_from(SamplingOptions, options), read(file)
    sampler = completer.sampler(category or completer.classify(sketch).category)
    z = sampler.encode(sketch).expand(sampling.variations, -1)
    sketches = sampler.draw(z, sampling)
    row = [Cell(sketch, "yours"), *(Cell(each, sampler.decoder.category) for each in sketches)]
    _write(sketches, Sheet([row]), out, as_json)


@click.command(cls=SectionedCommand)
@click.argument("files", nargs=2, type=PATH)
@CATEGORY
@_count_option(8, "Sketches on the way, both ends included.", "--steps")
@MODEL
@SAMPLING
@OUT
@AS_JSON
def interpolate(
    files: tuple[Path, Path], category: str | None, steps: int, model: str, out: Path | None, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Draw what lies between two sketches, by way of their latent codes.

    \b
    Example:
      draw_client.py interpolate round-cat.svg thin-cat.svg --steps 8 -o between.svg
    """
    _check(out, as_json)
    completer, (first, second) = _load(model), (read(file) for file in files)
    sampler = completer.sampler(category or completer.classify(first).category)
    sketches = sampler.interpolate(first, second, steps, options_from(SamplingOptions, options))
    row = [Cell(first, "yours"), *(Cell(each) for each in sketches), Cell(second, "yours")]
    _write(sketches, Sheet([row], title=f"from one {sampler.decoder.category} to another"), out, as_json)


@click.command("list", cls=SectionedCommand)
@click.argument("words", nargs=-1)
@MODEL
@SAMPLING
@OUT
@AS_JSON
@click.pass_context
def list_categories(
    ctx: click.Context, /, words: tuple[str, ...], model: str, out: Path | None, as_json: bool, **options: Any
) -> None:
    """Show what the model can draw, or what is meant by WORDS; with -o, a picture with a drawing of each.

    Other words and plurals are understood: "bike" finds the bicycle. The drawings are those of the bundle's catalogue,
    if it has one; they are made anew if an option says how.

    \b
    Examples:
      draw_client.py list
      draw_client.py list bikes
      draw_client.py list -o everything.svg
    """
    if out is not None:
        check_suffix(out)
    bundle, wanted = Bundle.open(model), " ".join(words)
    found = find(wanted, bundle.categories)
    if not found:
        raise ModelNotFound(f"nothing that it can draw is called '{wanted}'; 'list' alone shows all")
    if as_json:
        print_json({"categories": found})
    else:
        _print_columns(found)
    if out is not None:
        stored = {} if given(ctx, options) else bundle.catalogue()
        sampling = options_from(SamplingOptions, {**options, "latent": "prior"})
        _write_sheet(out, _one_of_each(bundle, found, stored, sampling), found)
        if not as_json:
            click.echo(f"written: {out}")


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


def _print_columns(names: Sequence[str]) -> None:
    """Print names in as many columns as the terminal has room for, read downwards."""
    width = max(len(name) for name in names) + 2
    columns = max(1, min(len(names), shutil.get_terminal_size().columns // width))
    rows = -(-len(names) // columns)
    for row in range(rows):
        click.echo("".join(f"{name:{width}}" for name in names[row::rows]).rstrip())


def _write_sheet(out: Path, sketches: Sequence[Sketch], names: Sequence[str]) -> None:
    """Write sketches with their names, in rows as long as there are about as many."""
    if out.suffix.lower() not in PICTURES:
        write(out, sketches)
        return
    cells = [Cell(sketch, name) for sketch, name in zip(sketches, names, strict=True)]
    columns = ceil(len(cells) ** 0.5)
    write_sheet(out, Sheet([cells[start : start + columns] for start in range(0, len(cells), columns)]))


def _load(model: str) -> Completer:
    use_threads(1)
    return load(model)


def _check(out: Path | None, as_json: bool) -> None:
    """Refuse, before anything is drawn, to draw into nowhere.

    Raises:
        BadOption: neither a file nor JSON is asked for.
        BadFile: the file cannot be written.
    """
    if out is None and not as_json:
        raise BadOption("say where to draw with -o FILE, or ask for --json")
    if out is not None:
        check_suffix(out)


def _write(sketches: list[Sketch], sheet: Sheet, out: Path | None, as_json: bool) -> None:
    """Write the sketches, several as a sheet where a picture is asked for, and print them as JSON or say where."""
    if out is not None and out.suffix.lower() in PICTURES and len(sketches) > 1:
        write_sheet(out, sheet)
    elif out is not None:
        write(out, sketches)
    if as_json:
        print_json({"sketches": [record_of(sketch) for sketch in sketches]})
    else:
        click.echo(f"written: {out}")
