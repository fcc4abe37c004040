"""``train_or_test.py test``: numbers about trained parts, in the words of docs/results.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import PartConfig
from codes.cli.common import AS_JSON, FRACTION, MODEL, SPLIT, ErrorHandlingGroup, print_json
from codes.data.quickdraw import NONE_OF_THESE, may_teach_refusal
from codes.data.store import read_labelled
from codes.data.transforms import PrefixRule
from codes.errors import BadOption
from codes.evaluation.measures import (
    DrawQuality,
    MakePrefixes,
    Prefixes,
    RefusalQuality,
    RouteQuality,
    RouterPredictions,
    RouterTest,
    draw_quality,
    refusal_quality,
)
from codes.evaluation.plots import draw_confusion, draw_risk
from codes.sketch.stroke3 import AnyStroke3

DATA = click.argument("data", type=click.Path(path_type=Path))
FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0)


@click.group(cls=ErrorHandlingGroup)
def test() -> None:
    """Measure a bundle on sketches that it never saw."""


@test.command()
@DATA
@MODEL
@SPLIT
@FRACTION
@click.option("-c", "--category", "categories", multiple=True, help="Test these only; repeat for several.")
@AS_JSON
def draw(data: Path, model: str, split: str, fraction: float, categories: tuple[str, ...], as_json: bool) -> None:
    """Nats per point of each category's decoder on DATA (a packed store, an .npz file, or a folder of them).

    Whole sketches with z from each itself (the KL divergence comes on top), and what follows a prefix of --fraction of
    the points. Offsets are in the model's own units; "pixels" counts them in QuickDraw pixels, which makes models of
    different scales comparable.

    \b
    Example:
      train_or_test.py test draw datasets/core --model starter
    """
    bundle = Bundle.open(model)
    sketches = _of_bundle(read_labelled(data, split), bundle, categories)
    measured = {
        category: draw_quality(*bundle.vae(category), sketches[category], fraction)
        for category in tqdm(sketches, unit=" categories", disable=as_json)
    }
    if as_json:
        print_json({"split": split, "fraction": fraction, "categories": {k: v.to_dict() for k, v in measured.items()}})
    else:
        _draw_table(measured)


@test.command()
@DATA
@MODEL
@SPLIT
@click.option("--unknown", type=click.Path(path_type=Path), help="Sketches of categories that the model never saw.")
@click.option("--confusion", type=click.Path(path_type=Path), help="Draw the confusion at 50 % into this .png.")
@click.option("--risk", type=click.Path(path_type=Path), help="Draw what is wrong of the surest into this .png.")
@click.option("-c", "--category", "categories", multiple=True, help="Choose among these only; repeat for several.")
@click.option("--everything", is_flag=True, help="Choose among all that the router learned, with a decoder or without.")
@AS_JSON
def predict(data: Path, model: str, split: str, unknown: Path | None, as_json: bool, **asked: Any) -> None:
    """Accuracy of the router on DATA by how much of each sketch is seen, its calibration, and its refusals.

    U50 cuts a uniform 0 to 50 % of the points of each sketch. Intervals are of 95 %, by drawing the sketches of each
    category anew. --unknown takes a folder of .npz files: only those whose name may never be trained on (SHA-256 odd)
    count.

    \b
    Example:
      train_or_test.py test predict datasets/core --unknown datasets/rare
      train_or_test.py test predict datasets/core -c cat -c crab
    """
    net, config = (bundle := Bundle.open(model)).router()
    every = read_labelled(data, split)
    router = RouterTest(net, config, _choice(bundle, config, tuple(every), asked))
    sketches = _of_bundle(every, bundle, tuple(router.categories))
    cuts = all_cuts()
    answers = {name: router.answers(sketches, cut) for name, cut in cuts.items()}
    measured = {name: router.quality(each) for name, each in answers.items()}
    refusal = refusals(router, answers, strangers(router, unknown, split)) if unknown else {}
    _draw_pictures(router, answers, asked)
    if as_json:
        told = {name: asdict(each) for name, each in refusal.items()}
        print_json({"split": split, "recognition": {k: asdict(v) for k, v in measured.items()}, "refusal": told})
    else:
        _predict_table(measured, refusal)


def all_cuts() -> dict[str, MakePrefixes]:
    """Every way in which sketches are shown to a router under test."""
    cuts: dict[str, MakePrefixes] = {"U50": Prefixes.u50, "50% of strokes": partial(_cut, 0.5, law="strokes")}
    return cuts | {f"{fraction:.0%}": partial(_cut, fraction) for fraction in FRACTIONS}


def _draw_pictures(router: RouterTest, answers: dict[str, RouterPredictions], asked: dict[str, Any]) -> None:
    """Those that were asked for."""
    if asked["confusion"]:
        draw_confusion(asked["confusion"], router.confusion(answers["50%"]), router.categories)
    if asked["risk"]:
        draw_risk(asked["risk"], {name: answers[name].risk() for name in map("{:.0%}".format, FRACTIONS)})


def _choice(bundle: Bundle, config: PartConfig, found: tuple[str, ...], asked: dict[str, Any]) -> tuple[str, ...]:
    """What the router is to choose among: what the bundle draws, what was named, or all it learned that is in the data.

    Raises:
        BadOption: a name that the router never learned.
    """
    if asked["everything"]:
        return tuple(category for category in config.categories if category in found and category != NONE_OF_THESE)
    strange = [category for category in asked["categories"] if category not in config.categories]
    if strange:
        raise BadOption(f"the router never learned {', '.join(strange)}")
    return asked["categories"] or bundle.categories


def _cut(fraction: float, sketches: Sequence[AnyStroke3], law: PrefixRule = "points") -> Prefixes:
    return Prefixes.at(sketches, fraction, law)


def _of_bundle(
    sketches: dict[str, list[AnyStroke3]], bundle: Bundle, categories: tuple[str, ...]
) -> dict[str, list[AnyStroke3]]:
    """Those of the data that the bundle knows, or just these."""
    wanted = categories or tuple(category for category in bundle.categories if category in sketches)
    missing = [category for category in wanted if not sketches.get(category)]
    if missing or not wanted:
        raise BadOption(f"the data has no sketches of {', '.join(missing or bundle.categories)}")
    return {category: sketches[category] for category in wanted}


def strangers(router: RouterTest, unknown: Path, split: str) -> list[AnyStroke3]:
    """Sketches of categories that no router may ever learn to refuse."""
    return [
        rows
        for name, each in read_labelled(unknown, split).items()
        if not may_teach_refusal(name) and name not in router.config.categories
        for rows in each
    ]


def refusals(
    router: RouterTest, answers: dict[str, RouterPredictions], unknown: Sequence[AnyStroke3]
) -> dict[str, RefusalQuality]:
    """The known and the unknown told apart, both shown in the same way."""
    threshold = router.calibration.known
    return {
        name: refusal_quality(np.concatenate(each.known), router.scores(all_cuts()[name](unknown)), threshold)
        for name, each in answers.items()
    }


def _draw_table(measured: dict[str, DrawQuality]) -> None:
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


def _predict_table(measured: dict[str, RouteQuality], refusal: dict[str, RefusalQuality]) -> None:
    click.echo(f"{'seen':16} {'macro':>7} {'95 %':>16} {'micro':>7} {'ECE':>7} {'accepted':>9} {'risk':>7}")
    for name, each in measured.items():
        low, high = each.macro_95
        click.echo(
            f"{name:16} {each.macro:7.1%} {low:7.1%} - {high:6.1%} {each.micro:7.1%} {each.calibration_error:7.3f} "
            f"{each.accepted:9.1%} {each.risk_area:7.3f}   ({each.count} sketches)"
        )
    for name, told in refusal.items():
        low, high = told.auroc_95
        click.echo(
            f"refusal, {name:14} AUROC {told.auroc:.3f} ({low:.3f} - {high:.3f}), false alarms {told.false_alarms:.1%} "
            f"where 95 % of the known are accepted ({told.known} known, {told.unknown} unknown)"
        )
