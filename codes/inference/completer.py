"""The one object that every client uses: sketches in, routes and finished sketches out.

Knows the way between a person's units and each model's, and nothing else is told it. Nothing is drawn before the
router has decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import PartConfig
from codes.data.batches import Batch, collate
from codes.errors import BadFile, BadOption, NotRecognised
from codes.inference.decoding import (
    Continuation,
    Options,
    PreparedBatch,
    Step,
    begin,
    collect,
    continue_drawings,
    latent_of,
)
from codes.inference.options import MOST_DRAWINGS, Completion, Route, SamplingOptions
from codes.inference.ranking import CriticScorer, best_candidates, candidate_score
from codes.inference.router import Router
from codes.model.decoder import Stepper
from codes.model.vae import SketchVAE
from codes.sketch.geometry import in_quickdraw_pixels
from codes.sketch.stroke3 import Sketch

TOGETHER = 512  # drawings in one batch
KEPT = 64  # decoders in memory, 10 MB each at the starter's sizes


def use_one_thread() -> None:
    """Give a few sketches to one processor: their steps are so short that several processors only wait for each other.

    On two busy cores a step took twenty times as long with two threads as with one (docs/log.md).
    """
    torch.set_num_threads(1)


def load(name_or_path: str | Path = "starter") -> Completer:
    """Open a bundle, by the name of one that ships with halfdrawn or by its folder.

    Raises:
        ModelNotFound: no such bundle.
        BadFile: it is damaged.
    """
    return Completer(Bundle.open(name_or_path))


@dataclass(frozen=True)
class CompletionTask:
    """One prefix to be finished as one category."""

    sketch: Sketch
    route: Route
    category: str


@dataclass(frozen=True)
class StreamedPoint:
    """One row as it is drawn.

    Attributes:
        variation: which drawing it belongs to.
        dx, dy: the pen's move, in the prefix's own units.
        lift: whether the pen lifts after it.
        end: whether the drawing is over; nothing is drawn by this row.
    """

    variation: int
    dx: float
    dy: float
    lift: bool
    end: bool


def model_input(sketch: Sketch) -> NDArray[np.float64]:
    """What a model is to see of a sketch: simplified as the training data is, in QuickDraw pixels; ``[n, 3]``."""
    return in_quickdraw_pixels(sketch).points


class Completer:
    """Recognises sketches and finishes them."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._vae = lru_cache(KEPT)(bundle.vae)
        self._stepper = lru_cache(KEPT)(lambda category: Stepper(self.vae(category)[0].decoder))

    @property
    def categories(self) -> tuple[str, ...]:
        """What it can draw."""
        return self.bundle.categories

    @cached_property
    def router(self) -> Router:
        """Read when the first sketch is classified."""
        net, config = self.bundle.router()
        return Router(net, config, self.categories)

    @cached_property
    def critic_scorer(self) -> CriticScorer:
        """The critic, read when candidates are first chosen among.

        Raises:
            BadFile: it is damaged, or was made for another router.
        """
        critic, config = self.bundle.critic() or (None, None)
        if critic is None or config is None:
            return CriticScorer(None, ())
        if critic.config.features != self.router.net.config.features:
            raise BadFile(self.bundle.folder, "its critic was made for another router")
        return CriticScorer(critic, config.categories)

    def vae(self, category: str) -> tuple[SketchVAE, PartConfig]:
        """A category's model, read when it is first used; of many, those used last are kept.

        Raises:
            ModelNotFound: there is no such category.
        """
        return self._vae(category)

    def stepper(self, category: str) -> Stepper:
        """A category's decoder, ready to draw, laid out when it is first used.

        Raises:
            ModelNotFound: there is no such category.
        """
        return self._stepper(category)

    def begin(self, category: str, tasks: Sequence[CompletionTask], options: Options) -> PreparedBatch:
        """Make ready to draw tasks of one category, point by point, with others: see :class:`Drawings`."""
        prefixes, z = self._prefixes(category, tasks, options)
        return begin(self.stepper(category), prefixes, z, options)

    def units(self, task: CompletionTask) -> float:
        """How many of the person's units make one of the model's."""
        return self.vae(task.category)[1].scale * task.sketch.unit

    def _continue(self, category: str, tasks: Sequence[CompletionTask], options: SamplingOptions) -> Iterator[Step]:
        prefixes, z = self._prefixes(category, tasks, options)
        return continue_drawings(self.stepper(category), prefixes, z, options)

    def _prefixes(self, category: str, tasks: Sequence[CompletionTask], options: Options) -> tuple[Batch, Tensor]:
        vae, config = self.vae(category)
        rows = [config.normaliser.apply(model_input(task.sketch)) for task in tasks]
        prefixes = collate(rows, [0] * len(rows))
        return prefixes, latent_of(vae, prefixes, options)

    def classify(self, sketch: Sketch) -> Route:
        """What a sketch, whole or begun, is."""
        return self.classify_many([sketch])[0]

    def classify_many(self, sketches: Sequence[Sketch]) -> list[Route]:
        """What each of many sketches is, in few batches."""
        return self.router.routes([model_input(sketch) for sketch in sketches])

    def complete(self, sketch: Sketch, options: SamplingOptions | None = None, **changes: Any) -> list[Completion]:
        """Finish a sketch: ``options.variations`` ways for each category drawn, the likeliest category first.

        Raises:
            NotRecognised: it looks like none of the categories, and neither ``category`` nor ``draw_unknown`` is given.
            BadOption: ``changes`` names an option that there is not, or a value out of range.
        """
        return self.finish(sketch, self.classify(sketch), with_changes(options, changes))

    def finish(self, sketch: Sketch, route: Route, options: SamplingOptions) -> list[Completion]:
        """As :meth:`complete`, for a sketch that is classified already."""
        tasks = self.tasks(sketch, route, options)
        return [completion for each in self.draw(tasks, options) for completion in each]

    def complete_many(self, sketches: Sequence[Sketch], options: SamplingOptions) -> list[list[Completion]]:
        """Finish many sketches, each as its likeliest category (or as ``options.category``), whatever was decided."""
        routes = self.classify_many(sketches)
        tasks = [
            CompletionTask(sketch, route, options.category or route.category)
            for sketch, route in zip(sketches, routes, strict=True)
        ]
        return self.draw(tasks, options)

    def stream(self, sketch: Sketch, options: SamplingOptions | None = None, **changes: Any) -> Iterator[StreamedPoint]:
        """Finish a sketch as one category, giving each row the moment it is drawn.

        ``options.top`` must be 1. Candidates are not chosen among: what is drawn already cannot be taken back.

        Raises:
            NotRecognised: as :meth:`complete`.
        """
        options = with_changes(options, changes)
        if options.top != 1:
            raise BadOption("a stream draws one category; leave top at 1")
        return self._ink(self.tasks(sketch, self.classify(sketch), options)[0], options)

    def tasks(self, sketch: Sketch, route: Route, options: SamplingOptions) -> list[CompletionTask]:
        """What is to be drawn, decided before anything is.

        Raises:
            NotRecognised: as :meth:`complete`.
            ModelNotFound: there is no such category.
        """
        if options.category is not None:
            self.bundle.part_of(options.category)
            return [CompletionTask(sketch, route, options.category)]
        if route.decision == "unknown" and not options.draw_unknown:
            raise NotRecognised(
                f"this looks like nothing the model knows (nearest: {route.category}); name a category to have it drawn"
            )
        return [CompletionTask(sketch, route, category) for category in list(route.probabilities)[: options.top]]

    def draw(self, tasks: Sequence[CompletionTask], options: SamplingOptions) -> list[list[Completion]]:
        """Draw ``options.variations`` of each task; results in the order of the tasks.

        Raises:
            BadOption: with their candidates these are more than anybody should wait for.
        """
        if options.candidates == 1:
            return self._draw(tasks, options)
        many = options.variations * options.candidates
        if many > MOST_DRAWINGS:
            raise BadOption(
                f"{options.variations} variations of {options.candidates} candidates each are more than "
                f"{MOST_DRAWINGS} drawings; ask for fewer of either"
            )
        drawn = self._draw(tasks, replace(options, variations=many, candidates=1))
        likings = iter(self._likings([completion for each in drawn for completion in each]))
        return [best_candidates(each, [next(likings) for _ in each], options.candidates) for each in drawn]

    def _likings(self, completions: Sequence[Completion]) -> Iterator[float]:
        """How well each is liked."""
        rest = iter(completions)
        for look in self.router.encode([model_input(each.sketch) for each in completions]):
            some = list(islice(rest, len(look)))
            odds = self.critic_scorer.odds(look.features, [each.category for each in some])
            yield from map(candidate_score, some, self.router.decide(look), odds)

    def _draw(self, tasks: Sequence[CompletionTask], options: SamplingOptions) -> list[list[Completion]]:
        """Category by category, and those of like length together."""
        groups: dict[str, list[int]] = defaultdict(list)
        for number in sorted(range(len(tasks)), key=lambda i: len(tasks[i].sketch)):
            groups[tasks[number].category].append(number)
        done: dict[int, list[Completion]] = {}
        size = max(1, TOGETHER // options.variations)
        for category, numbers in groups.items():
            for start in range(0, len(numbers), size):
                some = numbers[start : start + size]
                done.update(zip(some, self._draw_batch(category, [tasks[i] for i in some], options), strict=True))
        return [done[number] for number in range(len(tasks))]

    def _draw_batch(
        self, category: str, tasks: list[CompletionTask], options: SamplingOptions
    ) -> list[list[Completion]]:
        _, config = self.vae(category)
        steps = self._continue(category, tasks, options)
        drawn = collect(steps, len(tasks) * options.variations, options.max_points)
        many = options.variations
        return [
            [_completion(task, each, config) for each in drawn[number * many : (number + 1) * many]]
            for number, task in enumerate(tasks)
        ]

    def _ink(self, task: CompletionTask, options: SamplingOptions) -> Iterator[StreamedPoint]:
        scale = self.units(task)
        for step in self._continue(task.category, [task], options):
            for variation, row, over in zip(
                *(part.tolist() for part in (step.drawings, step.points, step.over)), strict=True
            ):
                yield StreamedPoint(variation, row[0] * scale, row[1] * scale, row[3] == 1, over)


def with_changes(options: SamplingOptions | None, changes: dict[str, Any]) -> SamplingOptions:
    """The options with some of them changed.

    Raises:
        BadOption: an unknown name or a value out of range.
    """
    names = SamplingOptions.__dataclass_fields__
    odd = sorted(changes.keys() - names.keys())
    if odd:
        raise BadOption(f"no option '{odd[0]}'; there are {', '.join(names)}")
    return replace(options or SamplingOptions(), **changes)


def _completion(task: CompletionTask, drawn: Continuation, config: PartConfig) -> Completion:
    """The person's rows as they were, then ours in their units."""
    ours = config.normaliser.undo(drawn.points)
    ours[:, :2] *= task.sketch.unit
    theirs = task.sketch.points
    sketch = replace(
        task.sketch,
        points=np.concatenate([theirs, ours]),
        category=task.category,
        prefix_rows=len(theirs),
    )
    return Completion(
        sketch=sketch,
        category=task.category,
        probability=task.route.probabilities[task.category],
        route=task.route,
        ended=drawn.ended,
        log_likelihood=drawn.log_likelihood,
    )
