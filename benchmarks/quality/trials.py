"""All that is measured of one category's completions with the judge, as arrays; categories know nothing of each other.

A prefix is at a fraction of the points of a test sketch, a completion is one variation of it, and the judge looks at
prefix, completion and true sketch alike. What is compared with something is taken on the same sketches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.distances import chamfer, ink, spread
from benchmarks.quality.judge import SHIPPED, Judge
from codes.data.transforms import rows_by_points
from codes.inference.completer import Completer
from codes.inference.options import Completion, LatentSource, SamplingOptions
from codes.sketch.stroke3 import AnyStroke3, Sketch

Floats = NDArray[np.float64]

PREFIX, COMPLETED, TRUE, NEVER_ENDED, NOTHING, LENGTH = range(6)
COLUMNS = ("prefix", "completed", "true", "never_ended", "added_nothing", "length_ratio")
USUAL = "50%"
FRACTIONS = ("25%", USUAL, "75%")


@dataclass(frozen=True)
class Trial:
    """One way of completing.

    Attributes:
        fraction: of the points that are seen.
        temperature, latent, candidates: as in :class:`SamplingOptions`.
        routed: as what the router takes the prefix for; else as what it is.
        many: on all the sketches there may be; else on the few that comparisons are made on.
    """

    fraction: float = 0.5
    temperature: float = 0.4
    latent: LatentSource = "prefix"
    candidates: int = SamplingOptions.candidates
    routed: bool = False
    many: bool = False

    def options(self, category: str, seed: int, variations: int = 1) -> SamplingOptions:
        """What the completer is asked."""
        forced = None if self.routed else category
        return SamplingOptions(
            variations, self.temperature, seed, forced, latent=self.latent, candidates=self.candidates
        )


TRIALS = {
    "25%": Trial(0.25),
    USUAL: Trial(many=True),
    "75%": Trial(0.75),
    "25%, routed": Trial(0.25, routed=True),
    "50%, routed": Trial(routed=True),
    "75%, routed": Trial(0.75, routed=True),
    **{f"best of {count}": Trial(candidates=count) for count in (1, 4)},
    "z = 0": Trial(latent="zero"),
    "z from the prior": Trial(latent="prior"),
    **{f"t = {t}": Trial(temperature=t) for t in (0.2, 0.6, 0.8, 1.0)},
}


@dataclass(frozen=True)
class StudyPlan:
    """How much is measured, and with what.

    Attributes:
        model: the bundle's name or folder.
        judge: the judge's weights.
        many: sketches of a category, at most, completed in the usual way.
        few: of these, how many in all other ways.
        varied: of these, how many are completed in several ways.
        variations: how many ways.
        drawn: how often the many are drawn for Fréchet distances, by a seed of its own each time.
        routed: sketches of a category, at most, that the router is asked about.
        odd: things of a kind that are no drawing, and that it is asked about as well.
        seed: of the completions.
    """

    model: str = "starter"
    judge: Path = SHIPPED
    many: int = 100
    few: int = 20
    varied: int = 8
    variations: int = 9
    drawn: int = 3
    routed: int = 10_000
    odd: int = 300
    seed: int = 0


@dataclass(frozen=True)
class Example:
    """A completion and what the judge made of it.

    Attributes:
        sketch: prefix and continuation.
        chance: that it shows what it should.
    """

    sketch: Sketch
    chance: float


@dataclass(frozen=True)
class Variety:
    """Several completions of each of some prefixes.

    Attributes:
        mean, best: ``[N]``, of each prefix, the Chamfer distances in pixels of what was added to what the person drew.
        spread: ``[N]``, mean distance between its completions in the judge's features, over that between true sketches.
        kinds: ``[N]``, how many different categories the judge sees in them.
    """

    mean: Floats
    best: Floats
    spread: Floats
    kinds: Floats


@dataclass(frozen=True)
class Features:
    """The judge's features of completions, of the true sketches they began as, and of other true sketches.

    All ``[N, FEATURES]`` of the same N; the completions were drawn several times.
    """

    completed: Sequence[Floats]
    true: Floats
    others: Floats


@dataclass(frozen=True)
class Study:
    """What was measured of one category.

    Attributes:
        category: its name.
        tables: by trial, a row a sketch and a column for each of :data:`COLUMNS`.
        variety: of several completions.
        features: for Fréchet distances.
        examples: the worst, median and best completion, by the judge.
    """

    category: str
    tables: dict[str, Floats]
    variety: Variety
    features: Features
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True)
class Sketches:
    """Sketches of one category: those to be completed, and others to compare with."""

    category: str
    test: Sequence[AnyStroke3]
    others: Sequence[AnyStroke3]


class StudyRunner:
    """A completer and its judge."""

    def __init__(self, completer: Completer, judge: Judge, plan: StudyPlan) -> None:
        self.completer, self.judge, self.plan = completer, judge, plan

    def study(self, sketches: Sketches) -> Study:
        """Every measure of one category."""
        whole = sketches.test[: self.plan.many]
        runs = {name: self.run(sketches.category, whole, trial) for name, trial in TRIALS.items()}
        usual = runs[USUAL]
        count = min(len(whole), len(sketches.others))
        again = (self.drawn(sketches.category, whole[:count], self.plan.seed + i) for i in range(1, self.plan.drawn))
        features = Features(
            [self.judge.opinion(some).features for some in (usual.completed[:count], *again)],
            self.judge.opinion(whole[:count]).features,
            self.judge.opinion(sketches.others[:count]).features,
        )
        tables = {name: run.table for name, run in runs.items()}
        return Study(sketches.category, tables, self.variety(sketches.category, whole), features, usual.examples())

    def run(self, category: str, whole: Sequence[AnyStroke3], trial: Trial) -> Run:
        """One completion of each sketch."""
        whole = whole if trial.many else whole[: self.plan.few]
        prefixes = cut(whole, trial.fraction)
        made = [each[0] for each in self.completer.complete_many(prefixes, trial.options(category, self.plan.seed))]
        views = [[p.points for p in prefixes], [m.sketch.points for m in made], whole]
        opinions = [self.judge.opinion(view) for view in views]
        judged = [opinion.recognised(category) for opinion in opinions]
        return Run(made, np.column_stack([*judged, *_lengths(made, whole)]), opinions[1].of(category))

    def drawn(self, category: str, whole: Sequence[AnyStroke3], seed: int) -> list[AnyStroke3]:
        """One completion of each sketch in the usual way, by another seed."""
        usual = TRIALS[USUAL]
        made = self.completer.complete_many(cut(whole, usual.fraction), usual.options(category, seed))
        return [each[0].sketch.points for each in made]

    def variety(self, category: str, whole: Sequence[AnyStroke3]) -> Variety:
        """Several completions of each of a few prefixes of half the points."""
        few = whole[: self.plan.varied]
        options = Trial().options(category, self.plan.seed, self.plan.variations)
        prefixes = cut(few, Trial().fraction)
        made = self.completer.complete_many(prefixes, options)
        apart = np.array([_distances(some, rows) for some, rows in zip(made, few, strict=True)])
        opinions = [self.judge.opinion([each.sketch.points for each in some]) for some in made]
        usual = spread(self.judge.opinion(few).features)
        return Variety(
            mean=apart.mean(axis=1),
            best=apart.min(axis=1),
            spread=np.array([spread(opinion.features) / usual for opinion in opinions]),
            kinds=np.array([len(set(opinion.chances.argmax(axis=1))) for opinion in opinions], dtype=np.float64),
        )


@dataclass(frozen=True)
class Run:
    """The completions of a trial, their table, and the judge's chance that each shows what it should."""

    made: Sequence[Completion]
    table: Floats
    chances: Floats

    @property
    def completed(self) -> list[AnyStroke3]:
        """As stroke-3 rows."""
        return [each.sketch.points for each in self.made]

    def examples(self) -> list[Example]:
        """The worst, the median and the best."""
        order = np.argsort(self.chances, kind="stable")
        chosen = order[[0, len(order) // 2, -1]]
        return [Example(self.made[i].sketch, float(self.chances[i])) for i in chosen]


def cut(whole: Sequence[AnyStroke3], fraction: float) -> list[Sketch]:
    """Prefixes of this fraction of the points."""
    return [Sketch(np.asarray(rows, dtype=np.float64)[: rows_by_points(rows, fraction)]) for rows in whole]


def _lengths(made: Sequence[Completion], whole: Sequence[AnyStroke3]) -> tuple[Floats, Floats, Floats]:
    """Whether each never ended, whether nothing was added, and points added over the person's own."""
    prefixes = np.array([each.sketch.prefix_rows for each in made])
    added = np.array([len(each.sketch) for each in made]) - prefixes
    own = np.array([len(rows) for rows in whole]) - prefixes
    never_ended = np.array([not each.ended for each in made], dtype=np.float64)
    return never_ended, (added == 0).astype(np.float64), added / np.maximum(1, own)


def _distances(made: Sequence[Completion], whole: AnyStroke3) -> list[float]:
    """Of each completion of one prefix, from what was added to what the person drew."""
    start = made[0].sketch.prefix_rows or 0
    own = ink(whole, start)
    return [chamfer(ink(each.sketch.points, start), own) for each in made]
