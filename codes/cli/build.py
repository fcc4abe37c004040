"""``train_or_test.py bundle``: a router and its decoders into one folder that every client can open.

``train_or_test.py teach``: a bundle learns one more category from a few drawings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
from tqdm import tqdm

from codes.building.bundle_builder import BundlePlan, make_bundle, runs_below
from codes.building.critic_fit import critic_examples, fit_critic
from codes.building.few_shot import TEACHING, Lesson
from codes.building.few_shot import teach as learn
from codes.checkpoints.bundle import Bundle, with_critic
from codes.checkpoints.part import PartConfig
from codes.checkpoints.tensors import Precision
from codes.cli.common import MODEL
from codes.data.store import Store, read_labelled
from codes.errors import BadFile, BadOption
from codes.formats.registry import read_all
from codes.inference.completer import Completer
from codes.inference.generate import CategorySampler
from codes.inference.models import LoadedDecoder
from codes.inference.options import SamplingOptions
from codes.sketch.geometry import in_quickdraw_pixels
from codes.sketch.stroke3 import AnyStroke3, Sketch
from codes.training.run_folder import RunFolder

CARD = "# {name}\n\nCategories: {categories}.\n\nWrite here what the data is, its licence, and what was measured.\n"


@click.command()
@click.option("--router", type=click.Path(path_type=Path), required=True, help="The run of `train predict`.")
@click.option("--draw", "decoders", type=click.Path(path_type=Path), required=True, help="Folder of `train draw` runs.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The router's store, to calibrate it.")
@click.option("-c", "--category", "categories", multiple=True, help="These only, in this order; all by default.")
@click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    default=BundlePlan.precision,
    show_default=True,
    help="Of weights.",
)
@click.option(
    "--practice",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Training sketches of each category, at most, that its decoder finishes for the critic; 0 makes no critic.",
)
@click.option("--card", type=click.Path(path_type=Path), help="A model card to put in as README.md.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the bundle.")
def bundle(router: Path, decoders: Path, data: Path, out: Path, **asked: Any) -> None:
    """Put a router and the decoders it routes to into one bundle.

    The router is calibrated on the valid split of --data: its probabilities, and the scores below which a sketch is
    `unsure` or `unknown`. What the router knows but has no decoder here counts as unknown.

    Then each decoder finishes sketches of the train split of --data that were cut short, and a critic learns to tell
    them from people's own; it has a say in which of several completions is kept. That takes some ten seconds a category
    on one core; stopped before its end, it leaves a bundle without a critic.

    \b
    Example:
      train_or_test.py bundle --router runs/router --draw runs/draw --data datasets/core -o examples/models/mine
    """
    runs = chosen_runs(decoders, asked["categories"])
    card = asked["card"].read_text() if asked["card"] else CARD.format(name=out.name, categories=", ".join(runs))
    plan = BundlePlan(RunFolder(router), runs, Store(data), asked["precision"])
    sketches = to_practise(plan.store, tuple(runs), asked["practice"])  # before anything is replaced: there may be none
    made = criticised(make_bundle(plan, out, card), sketches)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    click.echo(f"{made.folder}: {len(runs)} categories, {size / 1e6:.1f} MB")


def chosen_runs(folder: Path, categories: Sequence[str]) -> dict[str, RunFolder]:
    """The runs of these categories, in this order; of all that there are where none is named.

    Raises:
        UsageError: one of them has no run there.
    """
    runs = runs_below(folder)
    if missing := [category for category in categories if category not in runs]:
        raise click.UsageError(f"{folder} has no run of {', '.join(missing)}; there are {', '.join(runs)}")
    return {category: runs[category] for category in categories or runs}


def to_practise(store: Store, categories: Sequence[str], most: int) -> dict[str, list[AnyStroke3]]:
    """At most so many training sketches of each category that has any.

    Raises:
        BadFile: some are asked for and the store has no training sketches at all.
        BadOption: it has no such category.
    """
    if most == 0:
        return {}
    split = store.split("train")
    found = {category: evenly(list(split.only(category).sketches()), most) for category in categories}
    return {category: sketches for category, sketches in found.items() if sketches}


def criticised(bundle: Bundle, sketches: Mapping[str, Sequence[AnyStroke3]]) -> Bundle:
    """The bundle with a critic that learned from these sketches; from none, the bundle as it is."""
    if not sketches:
        return bundle
    completer = Completer(bundle)
    bar = tqdm(sketches.items(), desc="critic", unit=" categories")
    critic = fit_critic({category: critic_examples(completer, category, some) for category, some in bar})
    counts = {"counts": [len(some) for some in sketches.values()]}
    sizes, scale = critic.config.to_dict(), bundle.router()[1].scale
    return with_critic(bundle, critic, PartConfig("critic", sizes, scale, list(sketches), training=counts))


def evenly(sketches: Sequence[AnyStroke3], most: int) -> list[AnyStroke3]:
    """At most so many, from the first to the last."""
    return [sketches[int(i)] for i in np.linspace(0, len(sketches) - 1, min(most, len(sketches)))]


PRACTICE = SamplingOptions(variations=100, latent="prior", temperature=0.6)
MOST = 200  # sketches of each of the others
TAUGHT = "\n\nTaught `{name}` from {count} drawings with `train_or_test.py teach`.\n"


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
    card = (bundle.folder / "README.md").read_text() + TAUGHT.format(name=name, count=len(drawings))
    made = learn(bundle, lesson, out, card)
    click.echo(f"{made.folder}: {len(made.categories)} categories, {name} from {len(drawings)} drawings")


def _rows_of(file: Path) -> list[AnyStroke3]:
    """What a model is to see of each drawing in a file; of an .npz file in splits only the one to learn from."""
    try:
        sketches = read_all(file, "train")
    except (BadFile, BadOption):  # no splits, or none of that name; what else is wrong is said again
        sketches = read_all(file)
    return _whole(in_quickdraw_pixels(sketch) for sketch in sketches)


def _from_store(bundle: Bundle, data: Path) -> dict[str, list[AnyStroke3]]:
    """Training sketches of the router's own categories."""
    known = bundle.router()[1].categories
    return {name: rows[:MOST] for name, rows in read_labelled(data, "train").items() if name in known and rows}


def _from_itself(bundle: Bundle, seed: int) -> dict[str, list[AnyStroke3]]:
    """What the bundle's decoders draw of their own."""
    options = replace(PRACTICE, seed=seed)
    decoders = (LoadedDecoder(*bundle.vae(category), category) for category in bundle.categories)
    bar = tqdm(decoders, desc="practice", unit=" categories")
    return {each.category: _whole(CategorySampler(each).sample(options)) for each in bar}


def _whole(sketches: Iterable[Sketch]) -> list[AnyStroke3]:
    return [np.rint(each.points).astype(np.int16) for each in sketches]
