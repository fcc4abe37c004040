"""The pictures of the README and of docs/results.md, made again by ``make pictures``.

``python -m benchmarks.docs pictures --data FOLDER`` also makes the sheet of docs/results.md, from the official ``.npz``
files in FOLDER: the first eight test sketches of each of the five categories, none left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks import EXAMPLES, IMAGES, ROOT
from benchmarks.quality.choices import FIVE
from codes.data.transforms import rows_by_points
from codes.formats.registry import read, read_all, write_sheet
from codes.inference.completer import Completer, load
from codes.inference.options import SamplingOptions
from codes.strokes.layout import view_of
from codes.strokes.sheet import Cell, Sheet

SHOWN = ("half-a-bicycle", "half-a-cat", "half-a-crab", "half-a-sun", "half-an-alarm-clock")
SEED = 4
HALF = (*SHOWN, "half-a-monkey", "half-an-ambulance", "half-an-ant")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of official .npz files, for docs/results.md.")
@click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")
def pictures(data: Path | None, model: str) -> None:
    """Make the pictures of finished sketches in docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    completer = load(model)
    write_sheet(IMAGES / "finished.png", finished_examples(completer, SHOWN, 7, SEED))
    write_sheet(IMAGES / "finished.gif", finished_examples(completer, SHOWN, 3, SEED))
    write_sheet(IMAGES / "nine-ways.png", finished_examples(completer, HALF, 9, seed=0))
    if data is not None:
        write_sheet(IMAGES / "five-by-eight.png", five_by_eight(completer, data))
    for path in sorted(IMAGES.glob("*")):
        click.echo(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


def finished_examples(completer: Completer, names: Sequence[str], variations: int, seed: int) -> Sheet:
    """Lay out a row an example: the half sketch, then its completions."""
    rows = []
    for name in names:
        half = read(EXAMPLES / f"{name}.svg")
        made = completer.complete(half, variations=variations, seed=seed)
        view = view_of(half, *(each.sketch for each in made))
        captions = [f"{made[0].category} {made[0].probability:.0%}"] + [""] * (variations - 1)
        cells = [Cell(each.sketch, caption, view) for each, caption in zip(made, captions, strict=True)]
        rows.append([Cell(half, "yours", view), *cells])
    return Sheet(rows, side=132)


def five_by_eight(completer: Completer, data: Path) -> Sheet:
    """Lay out, for each category, a row of 50 % prefixes and below it their completions as the router takes them."""
    rows, headings = [], []
    for category in FIVE:
        sketches = read_all(data / f"{category}.npz", "test")[:8]
        prefixes = [sketch.prefix(rows_by_points(sketch.points, 0.5)) for sketch in sketches]
        made = [each[0] for each in completer.complete_many(prefixes, SamplingOptions(temperature=0.4, seed=0))]
        views = [view_of(prefix, each.sketch) for prefix, each in zip(prefixes, made, strict=True)]
        rows.append([Cell(prefix, "", view) for prefix, view in zip(prefixes, views, strict=True)])
        rows.append(
            [Cell(m.sketch, f"{m.category} {m.probability:.0%}", view) for m, view in zip(made, views, strict=True)]
        )
        headings += [category, ""]
    return Sheet(rows, headings=headings, side=120, title="The first eight test sketches, cut at 50 %, finished")
