"""``draw_client.py``: drawings of one category from nothing, from a code, and between two sketches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codes.cli.common import AS_JSON, MODEL, OUT, SAMPLING, ErrorHandlingGroup, options_from, print_json
from codes.cli.output import check_suffix
from codes.errors import BadOption
from codes.formats.polyline_json import record_of
from codes.formats.registry import read, write, write_sheet
from codes.inference.completer import Completer, load, use_one_thread
from codes.inference.generate import CategorySampler
from codes.inference.options import SamplingOptions
from codes.sketch.sheet import Cell, Sheet, contact_sheet
from codes.sketch.stroke3 import Sketch

TEMPERATURES = (0.1, 0.25, 0.4, 0.6, 0.8, 1.0)


@click.group(cls=ErrorHandlingGroup)
def main() -> None:
    """Let a category's model draw by itself."""
    use_one_thread()


@main.command()
@click.argument("category")
@click.option("-n", "--variations", type=int, default=16, show_default=True, help="How many sketches.")
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
    _check(out)
    sketches = _studio(load(model), category).sample(options_from(SamplingOptions, {**options, "latent": "prior"}))
    _give(sketches, contact_sheet(sketches, f"{category}, drawn from nothing"), out, as_json)


@main.command()
@click.argument("category")
@click.option("-n", "--variations", type=int, default=8, show_default=True, help="Sketches a row.")
@MODEL
@SAMPLING
@OUT
@AS_JSON
def temperatures(category: str, model: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Draw CATEGORY at rising temperatures, a row each: from careful to wild. --temperature is not used.

    \b
    Example:
      draw_client.py temperatures crab -o crabs.png
    """
    _check(out)
    studio = _studio(load(model), category)
    rows = [
        studio.sample(options_from(SamplingOptions, {**options, "temperature": t, "latent": "prior"}))
        for t in TEMPERATURES
    ]
    cells = [[Cell(sketch) for sketch in row] for row in rows]
    sheet = Sheet(cells, title=category, headings=[f"t = {t:g}" for t in TEMPERATURES])
    _give([sketch for row in rows for sketch in row], sheet, out, as_json)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-c", "--category", help="Whose model; by default what the sketch is recognised as.")
@click.option("-n", "--variations", type=int, default=8, show_default=True, help="How many reconstructions.")
@MODEL
@SAMPLING
@OUT
@AS_JSON
def reconstruct(file: Path, category: str | None, model: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Encode a whole sketch and draw it again from its code alone.

    \b
    Example:
      draw_client.py reconstruct my-cat.svg -o again.svg
    """
    _check(out)
    completer, asked, sketch = load(model), options_from(SamplingOptions, options), read(file)
    studio = _studio(completer, category or completer.classify(sketch).category)
    z = studio.encode(sketch).expand(asked.variations, -1)
    sketches = studio.draw(z, asked)
    row = [Cell(sketch, "yours"), *(Cell(each, studio.decoder.category) for each in sketches)]
    _give(sketches, Sheet([row]), out, as_json)


@main.command()
@click.argument("files", nargs=2, type=click.Path(path_type=Path))
@click.option("-c", "--category", help="Whose model; by default what the first is recognised as.")
@click.option("--steps", type=int, default=8, show_default=True, help="Sketches on the way, both ends included.")
@MODEL
@SAMPLING
@OUT
@AS_JSON
def interpolate(
    files: tuple[Path, Path], category: str | None, steps: int, model: str, out: Path | None, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Draw what lies between two sketches, by way of their codes.

    \b
    Example:
      draw_client.py interpolate round-cat.svg thin-cat.svg --steps 8 -o between.svg
    """
    _check(out)
    completer, (first, second) = load(model), (read(file) for file in files)
    studio = _studio(completer, category or completer.classify(first).category)
    sketches = studio.interpolate(first, second, steps, options_from(SamplingOptions, options))
    row = [Cell(first, "yours"), *(Cell(each) for each in sketches), Cell(second, "yours")]
    _give(sketches, Sheet([row], title=f"from one {studio.decoder.category} to another"), out, as_json)


def _studio(completer: Completer, category: str) -> CategorySampler:
    return completer.sampler(category)


def _check(out: Path | None) -> None:
    if out is not None:
        check_suffix(out)


def _give(sketches: list[Sketch], sheet: Sheet, out: Path | None, as_json: bool) -> None:
    """Write what was drawn where it was asked for; without a file it goes to the screen as JSON."""
    if out is None and not as_json:
        raise BadOption("say where to draw with -o FILE, or ask for --json")
    if out is not None and out.suffix.lower() in (".svg", ".png", ".gif") and len(sketches) > 1:
        write_sheet(out, sheet)
    elif out is not None:
        write(out, sketches)
    if as_json:
        print_json({"sketches": [record_of(sketch) for sketch in sketches]})
    else:
        click.echo(f"written: {out}")
