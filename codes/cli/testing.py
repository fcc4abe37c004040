"""``train_or_test.py test``: numbers about trained parts, in the words of docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import PartConfig
from codes.cli.common import AS_JSON, Teaching, print_json
from codes.cli.options import FRACTION, MODEL, SPLIT
from codes.data.catalogue import NONE_OF_THESE, may_teach_refusal
from codes.data.labelled import Rows, labelled
from codes.data.masking import Law
from codes.errors import BadOption
from codes.training.quality import (
    DrawQuality,
    RouteQuality,
    RouterTest,
    Views,
    draw_quality,
    refusal_quality,
)

DATA = click.argument("data", type=click.Path(path_type=Path))
Cut = Callable[[Sequence[Rows]], Views]
FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0)


@click.group(cls=Teaching)
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
    sketches = _of_bundle(labelled(data, split), bundle, categories)
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
@click.option("-c", "--category", "categories", multiple=True, help="Choose among these only; repeat for several.")
@click.option("--everything", is_flag=True, help="Choose among all that the router learned, with a decoder or without.")
@AS_JSON
def predict(data: Path, model: str, split: str, unknown: Path | None, confusion: Path | None, **asked: Any) -> None:
    """Accuracy of the router on DATA by how much of each sketch is seen, its calibration, and its refusals.

    U50 cuts a uniform 0 to 50 % of the points of each sketch. --unknown takes a folder of .npz files: only those whose
    name may never be trained on (SHA-256 odd) count.

    \b
    Example:
      train_or_test.py test predict datasets/core --unknown datasets/rare
      train_or_test.py test predict datasets/core -c cat -c crab
    """
    net, config = (bundle := Bundle.open(model)).router()
    every = labelled(data, split)
    router = RouterTest(net, config, _choice(bundle, config, tuple(every), asked))
    sketches = _of_bundle(every, bundle, tuple(router.categories))
    cuts: dict[str, Cut] = {"U50": Views.under_seed_law, "50% of strokes": partial(_cut, 0.5, law="strokes")}
    cuts |= {f"{fraction:.0%}": partial(_cut, fraction) for fraction in FRACTIONS}
    measured = {name: router.quality(sketches, cut) for name, cut in cuts.items()}
    refusal = _refusals(router, sketches, unknown, split) if unknown else {}
    if confusion:
        from codes.cli.confusion import draw_confusion

        draw_confusion(confusion, router.confusion(sketches, cuts["50%"]), router.categories)
    if asked["as_json"]:
        print_json({"split": split, "recognition": {k: asdict(v) for k, v in measured.items()}, "refusal": refusal})
    else:
        _predict_table(measured, refusal)


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


def _cut(fraction: float, sketches: Sequence[Rows], law: Law = "points") -> Views:
    return Views.at(sketches, fraction, law)


def _of_bundle(sketches: dict[str, list[Rows]], bundle: Bundle, categories: tuple[str, ...]) -> dict[str, list[Rows]]:
    """Those of the data that the bundle knows, or just these."""
    wanted = categories or tuple(category for category in bundle.categories if category in sketches)
    missing = [category for category in wanted if not sketches.get(category)]
    if missing or not wanted:
        raise BadOption(f"the data has no sketches of {', '.join(missing or bundle.categories)}")
    return {category: sketches[category] for category in wanted}


def _refusals(
    router: RouterTest, sketches: dict[str, list[Rows]], unknown: Path, split: str
) -> dict[str, dict[str, float]]:
    strangers = [
        rows
        for name, each in labelled(unknown, split).items()
        if not may_teach_refusal(name) and name not in router.config.categories
        for rows in each
    ]
    friends = [rows for category in sketches for rows in sketches[category]]
    cuts: dict[str, Cut] = {"U50": Views.under_seed_law, "50%": partial(_cut, 0.5), "100%": partial(_cut, 1.0)}
    return {
        name: asdict(
            refusal_quality(router.scores(cut(friends)), router.scores(cut(strangers)), router.calibration.known)
        )
        for name, cut in cuts.items()
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


def _predict_table(measured: dict[str, RouteQuality], refusal: dict[str, dict[str, float]]) -> None:
    click.echo(f"{'seen':16} {'macro':>7} {'micro':>7} {'ECE':>7} {'accepted':>9}")
    for name, each in measured.items():
        click.echo(
            f"{name:16} {each.macro:7.1%} {each.micro:7.1%} {each.calibration_error:7.3f} {each.accepted:9.1%}"
            f"   ({each.count} sketches)"
        )
    for name, values in refusal.items():
        click.echo(
            f"refusal, {name:6} AUROC {values['auroc']:.3f}, false alarms {values['false_alarms']:.1%} where "
            f"95 % of the known are accepted ({values['known']:.0f} known, {values['unknown']:.0f} unknown)"
        )
