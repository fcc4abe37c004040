"""``train_or_test.py teach``: a bundle learns one more category from a few drawings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from codes.checkpoints.bundle import Bundle
from codes.cli.options import MODEL
from codes.data.labelled import labelled
from codes.errors import BadFile, BadOption
from codes.formats.registry import read_all
from codes.inference.options import SamplingOptions
from codes.inference.studio import Studio
from codes.sketch.geometry import in_quickdraw_pixels
from codes.sketch.strokes import Sketch
from codes.training.teaching import TEACHING, Lesson
from codes.training.teaching import teach as learn

Rows = NDArray[np.generic]
PRACTICE = SamplingOptions(variations=100, latent="prior", temperature=0.6)
MOST = 200  # sketches of each of the others
CARD = "\n\nTaught `{name}` from {count} drawings with `train_or_test.py teach`.\n"


@click.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@MODEL
@click.option("--data", type=click.Path(path_type=Path), help="A store of sketches of what the router knows already.")
@click.option("--most", type=click.IntRange(min=1), default=50, show_default=True, help="Drawings to learn from.")
@click.option("--steps", type=click.IntRange(min=1), default=TEACHING.steps, show_default=True, help="Of its decoder.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the new bundle.")
def teach(
    name: str, files: tuple[Path, ...], model: str, data: Path | None, most: int, out: Path, **asked: int
) -> None:
    """Teach a bundle the category NAME from the drawings in FILES (.svg, .npz, .ndjson, .json); 20 to 50 are enough.

    The bundle itself is left alone; --out is a copy that knows NAME as well. What the router knows already is taken
    from --data, the better way, or is drawn by the bundle's own decoders, which know nothing of the categories that are
    only background to it. Takes a minute or two on two cores.

    \b
    Examples:
      train_or_test.py teach snail drawings/snail-*.svg -o my-model
      train_or_test.py teach hand hand.npz --data datasets/router -o my-model
    """
    bundle = Bundle.open(model)
    drawings = [rows for file in files for rows in _rows_of(file)][:most]
    others = _from_store(bundle, data) if data else _from_itself(bundle, asked["seed"])
    lesson = Lesson(name, drawings, others, replace(TEACHING, steps=asked["steps"], seed=asked["seed"]))
    card = (bundle.folder / "README.md").read_text() + CARD.format(name=name, count=len(drawings))
    made = learn(bundle, lesson, out, card)
    click.echo(f"{made.folder}: {len(made.categories)} categories, {name} from {len(drawings)} drawings")


def _rows_of(file: Path) -> list[Rows]:
    """What a model is to see of each drawing in a file; of an .npz file in splits only the one to learn from."""
    try:
        sketches = read_all(file, "train")
    except (BadFile, BadOption):  # no splits, or none of that name; what else is wrong is said again
        sketches = read_all(file)
    return _whole(in_quickdraw_pixels(sketch) for sketch in sketches)


def _from_store(bundle: Bundle, data: Path) -> dict[str, list[Rows]]:
    """Training sketches of the router's own categories."""
    known = bundle.router()[1].categories
    return {name: rows[:MOST] for name, rows in labelled(data, "train").items() if name in known and rows}


def _from_itself(bundle: Bundle, seed: int) -> dict[str, list[Rows]]:
    """What the bundle's decoders draw of their own."""
    options = replace(PRACTICE, seed=seed)
    studios = (Studio(*bundle.vae(category), category) for category in bundle.categories)
    return {each.category: _whole(each.sample(options)) for each in tqdm(studios, desc="practice", unit=" categories")}


def _whole(sketches: Iterable[Sketch]) -> list[Rows]:
    return [np.rint(each.points).astype(np.int16) for each in sketches]
