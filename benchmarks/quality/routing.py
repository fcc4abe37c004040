"""Measure recognition and refusal as ``train_or_test.py test predict`` does, and make drawings of nothing to refuse."""

from __future__ import annotations

import string
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.quality.choices import CHOICES
from benchmarks.quality.figures import Figures
from benchmarks.quality.trials import QualityPlan
from codes.checkpoints.bundle import Bundle
from codes.data.store import read_labelled
from codes.errors import BadOption, BadSketch
from codes.evaluation.plots import draw_confusion, draw_risk
from codes.evaluation.prefixes import FRACTIONS, all_cuts, never_learned
from codes.evaluation.recognition import RouterPredictions, RouterTest, learned_categories
from codes.strokes.geometry import simplify_like_quickdraw
from codes.strokes.stroke3 import AnyStroke3, Floats, Polylines, from_polylines

NEVER_SEEN = "categories never seen"
SYNTHETIC = ("scribbles", "dots", "letters", "shuffled")
BY_FRACTION = [f"{fraction:.0%}" for fraction in FRACTIONS]
BEND_WINDOW = 6  # points over which a scribble's bend is averaged
FONT = "DejaVu Sans"  # comes with matplotlib

Maker = Callable[[np.random.Generator], Polylines]


@dataclass(frozen=True)
class RoutingData:
    """Say which sketches the router is asked about.

    Attributes:
        known: a store or folder; the test sketches of the categories that the bundle draws.
        rare: a folder of categories that nobody learned, if there are any.
        strangers: by name, sketches of what is no category at all, such as letters of an alphabet.
    """

    known: Path
    rare: Path | None = None
    strangers: Mapping[str, Sequence[AnyStroke3]] = field(default_factory=dict)


def routing_figures(plan: QualityPlan, data: RoutingData, images: Path | None) -> Figures:
    """Measure the router among the bundle's categories, among others that it can choose among, and what it refuses.

    With ``images``, its confusion and its risk are drawn into that folder: the confusion among the core categories if
    the bundle knows more than these, since a table of hundreds cannot be read.

    Raises:
        BadFile, BadOption: see :func:`unknown_sketches`.
    """
    bundle = Bundle.open(plan.model)
    sketches = {name: rows[: plan.routed] for name, rows in read_labelled(data.known, "test").items() if rows}
    own = [name for name in bundle.categories if name in sketches]
    router = RouterTest(*bundle.router(), own)
    known = [rows for name in own for rows in sketches[name]]
    unknown = unknown_sketches(data, router.config.categories, known, plan)
    answers = _predict(router, sketches)
    chosen = {name: RouterTest(*bundle.router(), some) for name, some in other_choices(router, sketches).items()}
    chosen_answers = {name: _predict(each, sketches) for name, each in chosen.items()}
    if images:
        shown, shown_answers = chosen.get("core", router), chosen_answers.get("core", answers)
        draw_confusion(images / "confusion.png", shown.confusion(shown_answers["50%"]), shown.categories)
        draw_risk(images / "risk.png", {name: answers[name].risk() for name in BY_FRACTION})
    return {
        "own": _recognition(router, answers),
        **{name: _recognition(each, chosen_answers[name]) for name, each in chosen.items()},
        "refusal": _refusal(router, answers, unknown),
    }


def other_choices(router: RouterTest, available: Container[str]) -> dict[str, Sequence[str]]:
    """Return the other sets of categories, by name, that a router can choose among.

    They are those of :data:`CHOICES`, and everything it learned. A set of which the router never learned a category,
    or of which no sketches of a category are ``available``, is left out; so is the router's own.
    """
    learned = learned_categories(router.config, available)
    choices = {name: some for name, some in CHOICES.items() if set(some) <= set(learned)}
    return {
        name: some for name, some in {**choices, "everything": learned}.items() if set(some) != set(router.categories)
    }


def _predict(router: RouterTest, sketches: Mapping[str, Sequence[AnyStroke3]]) -> dict[str, RouterPredictions]:
    """Return what a router predicts at every cut."""
    return {name: router.predict(sketches, cut) for name, cut in all_cuts().items()}


def _recognition(router: RouterTest, answers: Mapping[str, RouterPredictions]) -> Figures:
    """Return the quality at each cut, without the intervals of single categories, which would fill most of the file."""
    measured = {name: asdict(router.quality(each)) for name, each in answers.items()}
    return {name: {key: one[key] for key in one if key != "by_category_95"} for name, one in measured.items()}


def unknown_sketches(
    data: RoutingData, learned: Sequence[str], known: Sequence[AnyStroke3], plan: QualityPlan
) -> dict[str, list[AnyStroke3]]:
    """Return sketches of categories never ``learned``, of strangers, and drawings of nothing, by kind.

    Raises:
        BadFile: the folder of rare categories cannot be read.
        BadOption: no category is left that may test refusal.
    """
    kinds = {NEVER_SEEN: never_learned(data.rare, "test", learned)[: plan.routed]} if data.rare else {}
    kinds |= {name: list(rows[: plan.routed]) for name, rows in data.strangers.items()}
    return {**kinds, **negatives(known, plan.negatives, plan.seed)}


def read_strangers(paths: Sequence[Path]) -> dict[str, list[AnyStroke3]]:
    """Read the test sketches of files and folders of what is no category, by the names of the files.

    Raises:
        BadFile: a file is no data set, or has no split ``test``.
        BadOption: there are no test sketches in one of them, or two kinds of unknown sketches have one name.
    """
    found: dict[str, list[AnyStroke3]] = {}
    for path in paths:
        some = read_labelled(path, "test")
        if not some or not all(some.values()):
            raise BadOption(f"{path} has no test sketches of strangers")
        if twice := sorted(some.keys() & {*found, *SYNTHETIC, NEVER_SEEN}):
            raise BadOption(f"{path} holds a kind of unknown sketches that there is already: {', '.join(twice)}")
        found |= some
    return found


def _refusal(
    router: RouterTest, answers: Mapping[str, RouterPredictions], kinds: Mapping[str, Sequence[AnyStroke3]]
) -> Figures:
    """Tell the known from each kind of unknown, both cut alike: synthetic ones by points alone, others in every way."""
    by_points = {name: answers[name] for name in BY_FRACTION}
    return {name: router.refusal(by_points if name in SYNTHETIC else answers, some) for name, some in kinds.items()}


def negatives(sketches: Sequence[AnyStroke3], count: int, seed: int = 0) -> dict[str, list[AnyStroke3]]:
    """Make drawings of nothing, ``count`` of each kind, stroke-3 in Quick, Draw! pixels; a function of the seed.

    They share no code with :mod:`codes.data.negatives`, whose drawings routers learn to refuse.

    Raises:
        BadSketch: there are no sketches whose rows could be shuffled.
    """
    if not sketches:
        raise BadSketch("there are no sketches to shuffle")
    makers: dict[str, Maker] = {"scribbles": scribble, "dots": dots, "letters": letters}
    made = {name: _make(maker, count, seed) for name, maker in makers.items()}
    return {**made, "shuffled": shuffle_rows(sketches, count, seed)}


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
