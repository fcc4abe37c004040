"""Recognition and refusal, measured as ``train_or_test.py test predict`` does, and drawings of nothing to refuse."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.quality.figures import Figures
from benchmarks.quality.trials import QualityPlan
from codes.checkpoints.bundle import Bundle
from codes.data.quickdraw import NONE_OF_THESE
from codes.data.store import read_labelled
from codes.errors import BadSketch
from codes.evaluation.plots import draw_confusion, draw_risk
from codes.evaluation.prefixes import FRACTIONS, all_cuts, never_learned
from codes.evaluation.recognition import RouterPredictions, RouterTest
from codes.sketch.geometry import simplify_like_quickdraw
from codes.sketch.stroke3 import AnyStroke3, Floats, Polylines, from_polylines

FIVE = ("bicycle", "alarm clock", "sun", "crab", "cat")
NEVER_SEEN = "categories never seen"
BY_FRACTION = [f"{fraction:.0%}" for fraction in FRACTIONS]
BEND_WINDOW = 6  # points over which a scribble's bend is averaged
FONT = "DejaVu Sans"  # comes with matplotlib

Maker = Callable[[np.random.Generator], Polylines]


def routing_figures(plan: QualityPlan, data: Path, rare: Path | None, images: Path | None) -> Figures:
    """Measure the router on the bundle's categories, on five that others report, and on all that it learned.

    With ``images``, its confusion and its risk are drawn into that folder.
    """
    bundle = Bundle.open(plan.model)
    sketches = {name: rows[: plan.routed] for name, rows in read_labelled(data, "test").items() if rows}
    own = [name for name in bundle.categories if name in sketches]
    router = RouterTest(*bundle.router(), own)
    answers = {name: router.predict(sketches, cut) for name, cut in all_cuts().items()}
    if images:
        draw_confusion(images / "confusion.png", router.confusion(answers["50%"]), router.categories)
        draw_risk(images / "risk.png", {name: answers[name].risk() for name in BY_FRACTION})
    return {
        "own": {name: router.quality(each) for name, each in answers.items()},
        **{name: _recognition(bundle, sketches, some) for name, some in _other_choices(bundle, sketches, own).items()},
        "refusal": _refusal(router, answers, unknown_sketches(router, sketches, rare, plan)),
    }


def _other_choices(
    bundle: Bundle, sketches: dict[str, list[AnyStroke3]], own: Sequence[str]
) -> dict[str, Sequence[str]]:
    """Return other sets of categories that the router can choose among, where the data has enough of them."""
    learned = [name for name in bundle.router()[1].categories if name in sketches and name != NONE_OF_THESE]
    choices = {"five": [name for name in FIVE if name in learned], "everything": learned}
    return {name: some for name, some in choices.items() if len(some) >= len(FIVE) and sorted(some) != sorted(own)}


def _recognition(bundle: Bundle, sketches: dict[str, list[AnyStroke3]], categories: Sequence[str]) -> Figures:
    router = RouterTest(*bundle.router(), categories)
    return {name: router.quality(router.predict(sketches, cut)) for name, cut in all_cuts().items()}


def unknown_sketches(
    router: RouterTest, sketches: dict[str, list[AnyStroke3]], rare: Path | None, plan: QualityPlan
) -> dict[str, list[AnyStroke3]]:
    """Return sketches of categories never seen, and drawings of nothing, by kind."""
    known = [rows for name in router.categories for rows in sketches[name]]
    never_seen = {NEVER_SEEN: never_learned(rare, "test", router.config.categories)[: plan.routed]} if rare else {}
    return {**never_seen, **negatives(known, plan.negatives, plan.seed)}


def _refusal(router: RouterTest, answers: dict[str, RouterPredictions], kinds: dict[str, list[AnyStroke3]]) -> Figures:
    """Tell the known from each kind of unknown, both cut alike; categories never seen in every way of cutting."""
    by_fraction = {name: answers[name] for name in BY_FRACTION}
    return {name: router.refusal(answers if name == NEVER_SEEN else by_fraction, some) for name, some in kinds.items()}


def negatives(sketches: Sequence[AnyStroke3], count: int, seed: int = 0) -> dict[str, list[AnyStroke3]]:
    """Make drawings of nothing, ``count`` of each kind, stroke-3 in Quick, Draw! pixels; a function of the seed.

    They share no code with :mod:`codes.data.negatives`, whose drawings routers learn to refuse.

    Raises:
        BadSketch: there are no sketches whose rows could be shuffled.
    """
    if not sketches:
        raise BadSketch("there are no sketches to shuffle")
    makers: dict[str, Maker] = {"scribbles": scribble, "dots": dots, "letters": letters}
    kinds = {name: _make(maker, count, seed) for name, maker in makers.items()}
    return {**kinds, "shuffled": shuffle_rows(sketches, count, seed)}


def _make(maker: Maker, count: int, seed: int) -> list[AnyStroke3]:
    """Make some of a kind, simplified as the data is."""
    rng = np.random.default_rng(seed)
    return [from_polylines(simplify_like_quickdraw(maker(rng)))[0] for _ in range(count)]


def scribble(rng: np.random.Generator) -> Polylines:
    """Draw one to four lines that wander, each of 30 to 150 points."""
    return [_wandering_line(rng, int(rng.integers(30, 150))) for _ in range(rng.integers(1, 5))]


def _wandering_line(rng: np.random.Generator, count: int) -> Floats:
    bend = np.convolve(rng.normal(0, 0.5, size=count), np.full(BEND_WINDOW, 1 / BEND_WINDOW), mode="same")
    heading = np.cumsum(bend) + rng.uniform(0, 2 * np.pi)
    steps = np.column_stack([np.cos(heading), np.sin(heading)]) * rng.uniform(2, 8)
    return rng.uniform(0, 255, size=2) + np.cumsum(steps, axis=0)


def dots(rng: np.random.Generator) -> Polylines:
    """Draw two to fifteen dots."""
    return [rng.uniform(0, 255, size=(1, 2)) for _ in range(rng.integers(2, 16))]


def letters(rng: np.random.Generator) -> Polylines:
    """Draw the outline of a word of two to five letters."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    word = "".join(rng.choice(list(string.ascii_letters), size=rng.integers(2, 6)))
    outline = TextPath((0, 0), word, size=100, prop=FontProperties(family=FONT))
    return [line * [1.0, -1.0] for line in outline.to_polygons(closed_only=False)]


def shuffle_rows(sketches: Sequence[AnyStroke3], count: int, seed: int) -> list[AnyStroke3]:
    """Return sketches whose rows stand in a random order."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(sketches[i]) for i in rng.integers(len(sketches), size=count)]
