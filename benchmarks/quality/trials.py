"""Measure one category's completions with the judge, as arrays. Knows no other category.

A prefix is a fraction of the points of a test sketch, a completion is one variation of it, and the judge looks at
prefix, completion and true sketch alike. Ways that are compared are compared on the same sketches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.distances import chamfer_distance, ink_points, mean_pairwise_distance
from benchmarks.quality.judge import SHIPPED, Judge
from benchmarks.quality.row_nats import row_nats
from codes.checkpoints.bundle import Bundle
from codes.data.store import read_labelled
from codes.data.transforms import rows_by_points
from codes.errors import BadOption
from codes.evaluation.likelihood import DecoderQuality, decoder_quality
from codes.inference.completer import Completer
from codes.inference.options import Completion, LatentSource, SamplingOptions
from codes.inference.requests import Completed, Event, SketchRequest
from codes.inference.scheduler import Scheduler
from codes.strokes.stroke3 import AnyStroke3, Floats, Sketch, Stroke3
from codes.web.protocol import CANDIDATES

PREFIX, COMPLETED, TRUE, NEVER_ENDED, ADDED_NOTHING, LENGTH = range(6)
COLUMNS = ("prefix", "completed", "true", "never_ended", "added_nothing", "length_ratio")


@dataclass(frozen=True)
class Trial:
    """One way of completing.

    Attributes:
        fraction: of the points that are seen.
        temperature, latent, candidates: as in :class:`SamplingOptions`.
        routed: complete as the category that the router finds likeliest, also where it would refuse; else as the
            category that the sketch is of.
        live: draw as the canvas does: the first stroke is not chosen, what follows it is.
    """

    fraction: float = 0.5
    temperature: float = 0.4
    latent: LatentSource = "prefix"
    candidates: int = SamplingOptions.candidates
    routed: bool = False
    live: bool = False

    def options(self, category: str, seed: int, variations: int = 1) -> SamplingOptions:
        """Return what the completer is asked for."""
        given = None if self.routed else category
        return SamplingOptions(
            variations, self.temperature, seed, given, latent=self.latent, candidates=self.candidates
        )


USUAL = "50%"
FRACTIONS = ("25%", USUAL, "75%")
ONE, ROUTED = "best of 1", "50%, routed"
HEADLINE = {
    USUAL: Trial(),
    "canvas": Trial(candidates=CANDIDATES, live=True),
    ONE: Trial(candidates=1),
    ROUTED: Trial(routed=True),
    "50%, routed, canvas": Trial(candidates=CANDIDATES, routed=True, live=True),
    "50%, routed, best of 1": Trial(candidates=1, routed=True),
}
TRIALS = {
    USUAL: Trial(),
    "25%": Trial(0.25),
    "75%": Trial(0.75),
    "25%, routed": Trial(0.25, routed=True),
    ROUTED: Trial(routed=True),
    "75%, routed": Trial(0.75, routed=True),
    ONE: Trial(candidates=1),
    "best of 4": Trial(candidates=4),
    "z = 0": Trial(latent="zero"),
    "z from the prior": Trial(latent="prior"),
    **{f"t = {t}": Trial(temperature=t) for t in (0.2, 0.6, 0.8, 1.0)},
}


@dataclass(frozen=True)
class QualityPlan:
    """Say how much is measured, and with what.

    Attributes:
        model: the bundle's name or folder.
        judge: the judge's weights.
        many: sketches of a category, at most, in the headline's trials and in the usual one of the others.
        few: of these, how many in all other trials.
        varied: of these, how many are completed in several variations.
        variations: how many variations.
        drawn: how often the many are drawn for Fréchet distances, with a seed of its own each time.
        routed: sketches of a category, at most, that the router is asked about.
        negatives: drawings of nothing, of each kind, that it is asked about as well.
        seed: of the completions.
        split: the split that is measured. Choices are made on ``valid``; ``test`` is for what is reported.
        headline: the trials of :data:`HEADLINE` that are run.
        from_nothing: drawings of each category without a prefix.
    """

    model: str = "starter"
    judge: Path = SHIPPED
    many: int = 100
    few: int = 20
    varied: int = 8
    variations: int = 9
    drawn: int = 3
    routed: int = 10_000
    negatives: int = 300
    seed: int = 0
    split: Literal["valid", "test"] = "test"
    headline: tuple[str, ...] = tuple(HEADLINE)
    from_nothing: int = 60


@dataclass(frozen=True)
class CategorySketches:
    """Stroke-3 sketches of one category: those to be completed, and others to compare with."""

    category: str
    test: Sequence[AnyStroke3]
    others: Sequence[AnyStroke3]


@dataclass(frozen=True)
class JudgedExample:
    """A completion, and the judge's probability that it shows what it should."""

    sketch: Sketch
    probability: float


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
class FeatureSets:
    """The judge's features of completions, of the true sketches they began as, and of other true sketches.

    All are ``[N, FEATURES]`` of the same N; the completions were drawn several times.
    """

    completed: Sequence[Floats]
    true: Floats
    others: Floats


@dataclass(frozen=True)
class HeadlineTrials:
    """Hold what the headline is made of, of one category. All trials finish the same prefixes.

    Attributes:
        category: its name.
        tables: by trial of :data:`HEADLINE`, a row a sketch and a column for each of :data:`COLUMNS`.
        whole: the N sketches as people drew them, stroke-3 ``[n, 3]``.
        starts: ``[N]``, rows of each prefix.
        completed: by trial, N sketches as they were completed, stroke-3 in the same pixels.
        nats: ``[N, 6]``, what the rows after these prefixes cost the decoder, see :func:`row_nats`.
        from_nothing: ``[M]``, 1 where the judge recognises a drawing without a prefix, else 0.
        examples: the worst, the median and the best completion of the first trial by the judge.
    """

    category: str
    tables: dict[str, Floats]
    whole: Sequence[AnyStroke3]
    starts: NDArray[np.int64]
    completed: dict[str, list[Stroke3]]
    nats: Floats
    from_nothing: Floats
    examples: list[JudgedExample]


@dataclass(frozen=True)
class CategoryTrials:
    """Hold the results of one category's trials.

    Attributes:
        category: its name.
        tables: by trial of :data:`TRIALS`, a row a sketch and a column for each of :data:`COLUMNS`.
        variety: of several completions.
        features: for Fréchet distances.
    """

    category: str
    tables: dict[str, Floats]
    variety: Variety
    features: FeatureSets


@dataclass(frozen=True)
class TrialRun:
    """The completions of a trial, their table, and the judge's probability that each shows what it should."""

    completions: Sequence[Completion]
    table: Floats
    probabilities: Floats

    def examples(self) -> list[JudgedExample]:
        """Return the worst, the median and the best."""
        order = np.argsort(self.probabilities, kind="stable")
        chosen = order[[0, len(order) // 2, -1]]
        return [JudgedExample(self.completions[i].sketch, float(self.probabilities[i])) for i in chosen]


class TrialRunner:
    """Completes the sketches of a category and has them judged."""

    def __init__(self, completer: Completer, judge: Judge, plan: QualityPlan) -> None:
        self.completer, self.judge, self.plan = completer, judge, plan

    def run_all(self, sketches: CategorySketches) -> CategoryTrials:
        """Run every trial of :data:`TRIALS` on one category."""
        whole = sketches.test[: self.plan.many]
        few = whole[: self.plan.few]
        runs = {
            name: self.run(sketches.category, whole if name == USUAL else few, trial) for name, trial in TRIALS.items()
        }
        count = min(len(whole), len(sketches.others))
        first = [each.sketch.points for each in runs[USUAL].completions[:count]]
        again = (self.draw(sketches.category, whole[:count], self.plan.seed + i) for i in range(1, self.plan.drawn))
        features = FeatureSets(
            [self.judge.predict(some).features for some in (first, *again)],
            self.judge.predict(whole[:count]).features,
            self.judge.predict(sketches.others[:count]).features,
        )
        tables = {name: run.table for name, run in runs.items()}
        return CategoryTrials(sketches.category, tables, self.variety(sketches.category, whole), features)

    def headline(self, category: str, whole: Sequence[AnyStroke3]) -> HeadlineTrials:
        """Run the plan's trials of :data:`HEADLINE` on one category."""
        runs = {name: self.run(category, whole, HEADLINE[name]) for name in self.plan.headline}
        fraction = HEADLINE[USUAL].fraction
        decoder = self.completer.models.decoders.get(category)
        return HeadlineTrials(
            category,
            {name: run.table for name, run in runs.items()},
            whole,
            np.array([rows_by_points(rows, fraction) for rows in whole], dtype=np.int64),
            {name: [each.sketch.points for each in run.completions] for name, run in runs.items()},
            row_nats(decoder.vae, decoder.config, whole, fraction),
            self.from_nothing(category),
            runs[self.plan.headline[0]].examples(),
        )

    def from_nothing(self, category: str) -> Floats:
        """Draw as ``draw_client.py sample`` does, and return 1 for what the judge recognises, else 0; ``[M]``."""
        if not self.plan.from_nothing:
            return np.zeros(0)
        options = SamplingOptions(self.plan.from_nothing, seed=self.plan.seed, latent="prior")
        drawn = self.completer.sampler(category).sample(options)
        return self.judge.predict([each.points for each in drawn]).recognised(category)

    def run(self, category: str, whole: Sequence[AnyStroke3], trial: Trial) -> TrialRun:
        """Complete each sketch once."""
        prefixes = cut(whole, trial.fraction)
        options = trial.options(category, self.plan.seed)
        completions = (
            as_the_canvas(self.completer, prefixes, options)
            if trial.live
            else [each[0] for each in self.completer.complete_many(prefixes, options)]
        )
        views = [[each.points for each in prefixes], [each.sketch.points for each in completions], whole]
        predictions = [self.judge.predict(view) for view in views]
        recognised = [each.recognised(category) for each in predictions]
        table = np.column_stack([*recognised, *_lengths(completions, whole)])
        return TrialRun(completions, table, predictions[1].probability(category))

    def draw(self, category: str, whole: Sequence[AnyStroke3], seed: int) -> list[AnyStroke3]:
        """Complete each sketch once in the usual way, with another seed."""
        usual = TRIALS[USUAL]
        made = self.completer.complete_many(cut(whole, usual.fraction), usual.options(category, seed))
        return [each[0].sketch.points for each in made]

    def variety(self, category: str, whole: Sequence[AnyStroke3]) -> Variety:
        """Complete a few prefixes of half the points in several variations."""
        few = whole[: self.plan.varied]
        usual = TRIALS[USUAL]
        options = usual.options(category, self.plan.seed, self.plan.variations)
        made = self.completer.complete_many(cut(few, usual.fraction), options)
        distances = np.array([_distances(some, rows) for some, rows in zip(made, few, strict=True)])
        predictions = [self.judge.predict([each.sketch.points for each in some]) for some in made]
        between_true = mean_pairwise_distance(self.judge.predict(few).features)
        return Variety(
            mean=distances.mean(axis=1),
            best=distances.min(axis=1),
            spread=np.array([mean_pairwise_distance(each.features) / between_true for each in predictions]),
            kinds=np.array([len(set(each.probabilities.argmax(axis=1))) for each in predictions], dtype=np.float64),
        )


def as_the_canvas(completer: Completer, prefixes: Sequence[Sketch], options: SamplingOptions) -> list[Completion]:
    """Finish each sketch once as the live canvas does; all together, which changes none of them."""
    options = replace(options, draw_unknown=True)
    scheduler = Scheduler(completer.models, completer.models.decoders.load)
    told: list[list[Event]] = [[] for _ in prefixes]
    for prefix, route, events in zip(prefixes, completer.classify_many(prefixes), told, strict=True):
        scheduler.submit(SketchRequest(prefix, options, events.append, route))
    while scheduler.requests:
        scheduler.run_once()
    ends = [events[-1] for events in told]
    assert all(isinstance(end, Completed) for end in ends), "a sketch could not be completed"
    return [end.completions[0] for end in ends if isinstance(end, Completed)]


def cut(whole: Sequence[AnyStroke3], fraction: float) -> list[Sketch]:
    """Return prefixes of this fraction of the points."""
    return [Sketch(np.asarray(rows, dtype=np.float64)[: rows_by_points(rows, fraction)]) for rows in whole]


def _lengths(made: Sequence[Completion], whole: Sequence[AnyStroke3]) -> tuple[Floats, Floats, Floats]:
    """Return whether each never ended, whether nothing was added, and points added over the person's own."""
    prefixes = np.array([each.sketch.prefix_rows for each in made])
    added = np.array([len(each.sketch) for each in made]) - prefixes
    own = np.array([len(rows) for rows in whole]) - prefixes
    never_ended = np.array([not each.ended for each in made], dtype=np.float64)
    return never_ended, (added == 0).astype(np.float64), added / np.maximum(1, own)


def _distances(made: Sequence[Completion], whole: AnyStroke3) -> list[float]:
    """Return the distance, for each completion of one prefix, from the added ink to the person's own."""
    start = made[0].sketch.prefix_rows or 0
    own = ink_points(whole, start)
    return [chamfer_distance(ink_points(each.sketch.points, start), own) for each in made]


@dataclass(frozen=True)
class CategoryQuality:
    """Everything that is measured of one category.

    Attributes:
        trials: its completions, by the judge.
        nats: its decoder, on all test sketches.
        recognised: ``[N]``, whether the judge recognises each of its true test sketches.
    """

    trials: CategoryTrials
    nats: DecoderQuality
    recognised: Floats


def measured_categories(data: Path, plan: QualityPlan, asked: Sequence[str] = ()) -> list[str]:
    """Return every category that the bundle draws, the judge knows and the split has; only those ``asked`` if any are.

    Raises:
        BadFile: the bundle, the judge or the data cannot be read.
        BadOption: they do not all have what is asked, or have no category in common.
    """
    known, found = set(Judge.open(plan.judge).categories), read_labelled(data, plan.split)
    common = [name for name in Bundle.open(plan.model).categories if name in known and found.get(name)]
    if missing := sorted(set(asked) - set(common)):
        raise BadOption(f"{plan.model}, the judge and the data do not all have {', '.join(missing)}")
    if not common:
        raise BadOption(f"{plan.model}, the judge and the data have no category in common")
    return list(dict.fromkeys(asked)) or common


@lru_cache(maxsize=1)
def open_runner(plan: QualityPlan) -> TrialRunner:
    """Open a bundle and a judge; a process keeps them, and the decoders that are read, from category to category."""
    return TrialRunner(Completer(Bundle.open(plan.model)), Judge.open(plan.judge), plan)


@lru_cache(maxsize=2)
def _sketches(data: Path, split: str) -> dict[str, list[AnyStroke3]]:
    """Read one split; a process keeps it from category to category."""
    return read_labelled(data, split)


def measure_category(data: Path, plan: QualityPlan, category: str) -> CategoryQuality:
    """Run all trials but those of the headline on one category; called in a process that measures others too."""
    test, valid = (_sketches(data, split)[category] for split in ("test", "valid"))
    runner = open_runner(plan)
    trials = runner.run_all(CategorySketches(category, test, valid))
    decoder = runner.completer.models.decoders.get(category)
    nats = decoder_quality(decoder.vae, decoder.config, test, 0.5)
    return CategoryQuality(trials, nats, runner.judge.predict(test).recognised(category))


def measure_headline(data: Path, plan: QualityPlan, category: str) -> HeadlineTrials:
    """Run the trials of the headline on one category; called in a process that measures others too."""
    return open_runner(plan).headline(category, _sketches(data, plan.split)[category][: plan.many])
