"""``train_or_test.py bundle``, ``teach`` and ``catalogue``: runs into a bundle, and a bundle into one with more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from codes.building.bundle_builder import BundlePlan, build_bundle, find_runs
from codes.building.catalogue import FROM_NOTHING, add_catalogue
from codes.building.few_shot import (
    MAX_DRAWINGS,
    TEACHING,
    TeachingTask,
    check_new_category,
    read_drawings,
    sketches_from_data,
    sketches_from_decoders,
)
from codes.building.few_shot import teach as teach_bundle
from codes.checkpoints.bundle import Bundle, check_bundle_folder
from codes.checkpoints.tensors import StoragePrecision
from codes.cli.common import MODEL, PATH, SectionedCommand, option, options_of, refuse
from codes.cli.next_steps import after_bundle, after_teaching, say_next
from codes.cli.train import jobs_option, side_by_side
from codes.data.store import Store
from codes.errors import BadOption
from codes.formats.files import MEGABYTE, read_text
from codes.formats.registry import files_in
from codes.inference.options import SamplingOptions
from codes.runtime import keep_freed_memory, use_threads
from codes.training.run_folder import RunFolder
from codes.vocabulary import same_name

MAX_CARD = MEGABYTE


@click.command(cls=SectionedCommand)
@option("--router", type=PATH, required=True, section="Parts", help="The run of the router, from train predict.")
@option("--draw", "decoders", type=PATH, required=True, section="Parts", help="The folder of train draw runs.")
@option(
    "--common",
    type=PATH,
    section="Parts",
    help="The run of train draw --together that they were started from: each is stored as its difference from it.",
)
@option(
    "-c",
    "--category",
    "categories",
    multiple=True,
    section="Parts",
    help="Put in this category only; repeat for several, in their order.",
)
@option("--data", type=PATH, required=True, section="Data", help="The store that the router was trained on.")
@option(
    "--practice",
    "critic_sketches",
    type=click.IntRange(min=0),
    default=BundlePlan.critic_sketches,
    show_default=True,
    section="Data",
    help="Training sketches of each category, at most, that the critic learns from; 0 makes no critic.",
)
@jobs_option("drawn for the critic", section="Data")
@option(
    "--precision",
    type=click.Choice(get_args(StoragePrecision)),
    default=BundlePlan.precision,
    show_default=True,
    section="Output",
    help="How weights are stored.",
)
@option(
    "--rank",
    type=click.IntRange(min=1),
    default=BundlePlan.rank,
    show_default=True,
    section="Output",
    help="Of the differences from --common: more is nearer to what was trained, and larger.",
)
@option(
    "--catalogue/--no-catalogue",
    default=BundlePlan.catalogue,
    show_default=True,
    section="Output",
    help="Let each category draw itself once, for people to see what the bundle knows.",
)
@option("--card", type=PATH, section="Output", help="A model card to put in as README.md.")
@option("-o", "--out", type=PATH, required=True, section="Output", help="The folder of the bundle.")
@click.pass_context
def bundle(ctx: click.Context, /, router: Path, decoders: Path, data: Path, out: Path, **options: Any) -> None:
    """Put a router and the decoders it routes to into one bundle.

    The router is calibrated on the valid split of --data: its probabilities, and the scores below which a sketch is
    unsure or unknown. What the router knows but has no decoder here counts as unknown.

    Then each decoder finishes sketches of the train split of --data that were cut short, and a critic learns to tell
    them from people's own; it has a say in which of several completions is kept. That takes some ten seconds a category
    on one core. If it is stopped before its end, the bundle is whole but has no critic; the same command goes on.

    At the end each category draws itself once, as with catalogue: about a second for each.

    \b
    Example:
      train_or_test.py bundle --router runs/router --draw runs/draw --common runs/all --data datasets/core -o mine
    """
    if not options["common"]:
        refuse(ctx, ("rank",), "without --common: decoders are stored whole")
    check_bundle_folder(out)
    card = read_text(options["card"], MAX_CARD) if options["card"] else None
    runs = find_runs(decoders, options["categories"])
    common = RunFolder(options["common"]) if options["common"] else None
    parts = (options["precision"], options["critic_sketches"], common, options["rank"], options["catalogue"])
    plan = BundlePlan(RunFolder(router), runs, Store(data), *parts)
    made = build_bundle(plan, out, card, side_by_side(options["jobs"]))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    click.echo(f"{made.folder}: {len(runs)} categories, {size / 1e6:.1f} MB")
    say_next(after_bundle(data, made.folder))


@click.command(cls=SectionedCommand)
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=PATH)
@MODEL
@option("--data", type=PATH, section="Data", help="A store of sketches of what the router knows already.")
@option(
    "--most",
    "max_drawings",
    type=click.IntRange(min=1),
    default=MAX_DRAWINGS,
    show_default=True,
    section="Data",
    help="Drawings to learn from, at most.",
)
@option(
    "--steps",
    type=click.IntRange(min=1),
    default=TEACHING.steps,
    show_default=True,
    section="Training",
    help="Optimiser steps of the new decoder.",
)
@option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=TEACHING.seed,
    show_default=True,
    section="Training",
    help="Seed of all random numbers.",
)
@option("-o", "--out", type=PATH, required=True, section="Output", help="The folder of the new bundle.")
def teach(name: str, files: tuple[Path, ...], model: str, data: Path | None, out: Path, **options: int) -> None:
    """Teach a bundle the category NAME from the drawings in FILES; 20 to 50 are enough.

    FILES are .svg, .npz, .ndjson or .json files, or folders of these. The bundle itself is left alone; --out is a copy
    that knows NAME as well. What the router knows already is taken from --data, the better way, or is drawn by the
    bundle's own decoders, which know nothing of the categories that are only background to it. Takes a minute or two on
    two cores.

    \b
    Examples:
      train_or_test.py teach snail drawings/snail-*.svg -o my-model
      train_or_test.py teach hand hand.npz --data datasets/router -o my-model
    """
    bundle = Bundle.open(model)
    check_bundle_folder(out)
    if out.resolve() == bundle.folder.resolve():
        raise BadOption(f"{out} is the bundle itself, which is left alone; name another folder")
    check_new_category(bundle, name)
    files = tuple(each for file in files for each in (files_in(file) if file.is_dir() else [file]))
    drawings = read_drawings(files, options["max_drawings"])
    config = replace(TEACHING, steps=options["steps"], seed=options["seed"])
    task = TeachingTask(name, drawings, {}, config)
    labels = bundle.router()[1].categories
    known = same_name(name, labels)
    task = replace(task, name=known or name)
    if data and known:
        raise BadOption(f"--data does nothing here: the router tells '{known}' from all else already")
    if not known:
        others = sketches_from_data(bundle, data) if data else sketches_from_decoders(bundle, options["seed"])
        task = replace(task, others=others)
    keep_freed_memory()
    made = teach_bundle(bundle, task, out)
    click.echo(f"{made.folder}: {len(made.categories)} categories, {task.name} from {len(drawings)} drawings")
    say_next(after_teaching(made.folder, task.name, files[0]))


@click.command(cls=SectionedCommand)
@click.argument("folder", metavar="BUNDLE", type=PATH)
@options_of(SamplingOptions, "temperature", "seed", "max_points", "candidates", section="Drawing")
def catalogue(folder: Path, **options: Any) -> None:
    """Let each category of BUNDLE draw itself from nothing, and keep the drawings in it.

    The live canvas shows them to people who ask what it knows, and draw_client.py list -o makes a picture of them.
    Of several drawings the one is kept that is recognised most surely. Nothing is written before all are drawn; then
    the drawings that BUNDLE has are replaced. Takes about a second for each category.

    \b
    Example:
      train_or_test.py catalogue runs/mine
    """
    use_threads(1)
    made = add_catalogue(Bundle.open(folder), replace(FROM_NOTHING, **options))
    click.echo(f"{made.folder}: a drawing of each of its {len(made.categories)} categories")
