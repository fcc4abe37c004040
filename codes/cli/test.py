"""``train_or_test.py test``: the flags of testing, turned into measurements and their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from codes.checkpoints.bundle import Bundle
from codes.cli.common import AS_JSON, FRACTION, MODEL, PATH, SPLIT, ErrorHandlingGroup, option, print_json
from codes.cli.next_steps import after_test, say_next
from codes.cli.sampling import resolve_all
from codes.data.store import read_labelled
from codes.errors import BadOption
from codes.evaluation.likelihood import DecoderQuality, decoder_quality
from codes.evaluation.plots import draw_confusion, draw_risk
from codes.evaluation.prefixes import FRACTIONS, all_cuts, never_learned, select_categories
from codes.evaluation.recognition import RefusalQuality, RouterQuality, RouterTest, learned_categories
from codes.formats.files import check_destination
from codes.progress import progress

DATA = click.argument("data", type=PATH)
MAX_CONFUSION = 100  # categories whose names and numbers fit into a picture
DRAW_LEGEND = """
Lower is better. whole: of whole sketches, to which kl is added for z; z = 0: the same without z; rest: of what follows
the part that is seen, which is offset (where the pen goes) and pen (what it does there); pixels: rest, with offsets in
Quick, Draw! pixels. docs/training.md has more."""
PREDICT_LEGEND = """
macro: share of right answers, every category counting the same; 95 %: between what it may lie; top 3: right among the
three likeliest; micro: every sketch counting the same (for all of these higher is better). ECE: how far probabilities
are from shares of right answers; accepted: not taken for unknown; risk: mean share of wrong answers, surest first (for
ECE and risk lower is better). docs/formats.md has more."""


@click.group(cls=ErrorHandlingGroup)
def test() -> None:
    """Measure a bundle on sketches that it never saw."""


@test.command()
@DATA
@MODEL
@SPLIT
@FRACTION
@option(
    "-c",
    "--category",
    "categories",
    multiple=True,
    section="Data",
    help="Test this category only; repeat for several.",
)
@AS_JSON
def draw(data: Path, model: str, split: str, fraction: float, categories: tuple[str, ...], as_json: bool) -> None:
    """Measure nats per point of each category's decoder on DATA: a packed store, a file, or a folder of .npz files.

    Whole sketches are measured with z inferred from each; the KL divergence comes on top. So is what follows a prefix
    of --fraction of the points. Offsets are in the model's own units. "pixels" counts them in QuickDraw pixels, so
    that models of different scales can be compared.

    \b
    Example:
      train_or_test.py test draw datasets/core --model starter
    """
    bundle, found = Bundle.open(model), read_labelled(data, split)
    known = [category for category in bundle.categories if category in found]
    sketches = select_categories(found, resolve_all(categories, bundle.categories) or known or bundle.categories)
    measured = {
        category: decoder_quality(*bundle.vae(category), sketches[category], fraction)
        for category in progress(sketches, unit=" categories", disable=as_json)
    }
    if as_json:
        print_json({"split": split, "fraction": fraction, "categories": {k: v.to_dict() for k, v in measured.items()}})
    else:
        _print_decoders(measured)
        say_next(after_test(model, next(iter(measured))))


@test.command()
@DATA
@MODEL
@SPLIT
@option("--unknown", type=PATH, section="Data", help="Sketches of categories that the model never saw.")
@option(
    "-c",
    "--category",
    "categories",
    multiple=True,
    section="Choice",
    help="Choose among these categories only; repeat for several.",
)
@option(
    "--everything",
    is_flag=True,
    section="Choice",
    help="Choose among all categories that the router learned, with or without a decoder.",
)
@option("--confusion", type=PATH, section="Output", help="Draw the confusion at 50 % into this .png file.")
@option(
    "--risk",
    type=PATH,
    section="Output",
    help="Draw the share of wrong answers among the surest sketches into this .png file.",
)
@AS_JSON
def predict(
    data: Path,
    model: str,
    split: str,
    unknown: Path | None,
    categories: tuple[str, ...],
    everything: bool,
    **options: Any,
) -> None:
    """Measure the router on DATA: its accuracy by how much of each sketch is seen, its calibration, and its refusals.

    U50 cuts a uniform 0 to 50 % off the points of each sketch. Intervals are of 95 %, by resampling the sketches of
    each category. --unknown takes a folder of .npz files, of which only those count whose category may never be
    trained on (its SHA-256 is odd).

    \b
    Examples:
      train_or_test.py test predict datasets/core --unknown datasets/rare
      train_or_test.py test predict datasets/core -c cat -c crab
    """
    if everything and categories:
        raise BadOption("--everything chooses among all categories; leave --category out")
    pictures = {name: _png(name, options[name]) for name in ("confusion", "risk")}
    bundle, found = Bundle.open(model), read_labelled(data, split)
    net, config = bundle.router()
    named = resolve_all(categories, config.categories) or bundle.categories
    router = RouterTest(net, config, learned_categories(config, found) if everything else named)
    strangers = never_learned(unknown, split, config.categories) if unknown else []
    if pictures["confusion"] and len(router.categories) > MAX_CONFUSION:
        raise BadOption(
            f"--confusion shows up to {MAX_CONFUSION} categories, not {len(router.categories)}; choose with -c"
        )
    sketches = select_categories(found, router.categories)
    cuts = progress(all_cuts().items(), unit=" cuts", disable=options["as_json"])
    predictions = {name: router.predict(sketches, cut) for name, cut in cuts}
    measured = {name: router.quality(each) for name, each in predictions.items()}
    refusal = router.refusal(predictions, strangers) if unknown else {}
    if pictures["confusion"]:
        draw_confusion(pictures["confusion"], router.confusion(predictions["50%"]), router.categories)
    if pictures["risk"]:
        draw_risk(pictures["risk"], {name: predictions[name].risk() for name in map("{:.0%}".format, FRACTIONS)})
    if options["as_json"]:
        recognition = {name: asdict(each) for name, each in measured.items()}
        refused = {name: asdict(each) for name, each in refusal.items()}
        print_json({"split": split, "recognition": recognition, "refusal": refused})
    else:
        _print_router(measured, refusal)
        say_next(after_test(model, bundle.categories[0]))


def _png(option: str, path: Path | None) -> Path | None:
    if path and path.suffix.lower() != ".png":
        raise BadOption(f"--{option} writes a .png file, not {path.name}")
    if path:
        check_destination(path)
    return path


def _print_decoders(measured: Mapping[str, DecoderQuality]) -> None:
    click.echo(
        f"{'nats per point':16} {'whole':>8} {'+ kl':>7} {'z = 0':>8} {'rest':>8} "
        f"{'offset':>8} {'pen':>7} {'pixels':>8}"
    )
    for category, each in measured.items():
        rest = each.continuation
        click.echo(
            f"{category:16} {each.whole.total:8.3f} {each.kl:7.3f} {each.without_latent.total:8.3f} {rest.total:8.3f} "
            f"{rest.offset:8.3f} {rest.pen:7.3f} {rest.pixels:8.3f}   ({each.sketches} sketches)"
        )
    click.echo(DRAW_LEGEND)


def _print_router(measured: Mapping[str, RouterQuality], refusal: Mapping[str, RefusalQuality]) -> None:
    click.echo(
        f"{'seen':16} {'macro':>7} {'95 %':>16} {'top 3':>7} {'95 %':>16} {'micro':>7} {'ECE':>7} "
        f"{'accepted':>9} {'risk':>7}"
    )
    for name, each in measured.items():
        (low, high), (low3, high3) = each.macro_95, each.macro_top3_95
        click.echo(
            f"{name:16} {each.macro:7.1%} {low:7.1%} - {high:6.1%} {each.macro_top3:7.1%} {low3:7.1%} - {high3:6.1%} "
            f"{each.micro:7.1%} {each.calibration_error:7.3f} "
            f"{each.accepted:9.1%} {each.risk_area:7.3f}   ({each.count} sketches)"
        )
    for name, quality in refusal.items():
        low, high = quality.auroc_95
        click.echo(
            f"refusal, {name:14} AUROC {quality.auroc:.3f} ({low:.3f} - {high:.3f}), "
            f"false alarms {quality.false_alarms:.1%} "
            f"where 95 % of the known are accepted ({quality.known} known, {quality.unknown} unknown)"
        )
    click.echo(PREDICT_LEGEND)
