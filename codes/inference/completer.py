"""The one object that every client uses: sketches in, routes and finished sketches out.

A synchronous client of the scheduler. Nothing is drawn before the router has decided.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from codes.checkpoints.bundle import Bundle
from codes.errors import BadOption, BadSketch, NotRecognised
from codes.inference.generate import CategorySampler
from codes.inference.models import Models
from codes.inference.options import (
    MAX_DRAWINGS,
    Changes,
    Completion,
    Completions,
    Route,
    SamplingOptions,
    with_changes,
)
from codes.inference.requests import Completed, Event, PointsDrawn, Refused, SketchRequest, StreamedPoint
from codes.inference.scheduler import Scheduler, categories_to_draw
from codes.strokes.stroke3 import Sketch

MAX_ACTIVE = 512  # drawings that are stepped together, unless one request alone has more
RANKING_BATCH = 32  # candidates that are looked at together while others are still being drawn


def load(name_or_path: str | Path = "starter") -> Completer:
    """Open a bundle, by the name of one that ships with halfdrawn or by its folder.

    Raises:
        ModelNotFound: no such bundle.
        BadFile: it is damaged.
    """
    return Completer(Bundle.open(name_or_path))


class Completer:
    """Recognise sketches and finish them."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.models = Models(bundle)

    @property
    def categories(self) -> tuple[str, ...]:
        """Return what it can draw."""
        return self.bundle.categories

    def __repr__(self) -> str:
        return f"<Completer {self.bundle.folder.name!r}: {len(self.categories)} categories>"

    def classify(self, sketch: Sketch, only: Sequence[str] = ()) -> Route:
        """Return what a sketch, whole or begun, is recognised as: ``only`` one of these, if there are any.

        Raises:
            BadSketch: it is no sketch.
            ModelNotFound: a name is none of the categories.
        """
        return self.classify_many([sketch], only)[0]

    def classify_many(self, sketches: Sequence[Sketch], only: Sequence[str] = ()) -> list[Route]:
        """Return what each of many sketches is recognised as, in few batches; see :meth:`classify`."""
        for sketch in sketches:
            check_sketch(sketch)
        return self.models.router.classify(sketches, only)

    def complete(
        self, sketch: Sketch, options: SamplingOptions | None = None, **changes: Unpack[Changes]
    ) -> Completions:
        """Finish a sketch: ``variations`` ways for each category drawn, the likeliest category first.

        Options are given by name, as in ``complete(sketch, variations=9, temperature=0.4)``; all are explained by
        :class:`codes.SamplingOptions`.

        Raises:
            BadSketch: it is no sketch.
            NotRecognised: it looks like none of the categories, and neither ``category`` nor ``draw_unknown`` is given.
            BadOption: ``changes`` names an option that does not exist, or a value out of range.
            ModelNotFound: there is no such category.
        """
        return self.finish(sketch, self.classify(sketch), with_changes(options, changes))

    def finish(self, sketch: Sketch, route: Route, options: SamplingOptions) -> Completions:
        """Finish a sketch that is classified already, as :meth:`complete` does."""
        route = self.models.router.among(route, options.only)
        self._check(route, options)
        return Completions(self._draw([sketch], [route], options)[0])

    def complete_many(self, sketches: Sequence[Sketch], options: SamplingOptions) -> list[list[Completion]]:
        """Finish many sketches, each as its likeliest category (or as ``options.category``), whatever was decided."""
        routes = self.classify_many(sketches, options.only)
        return self._draw(sketches, routes, replace(options, top=1, draw_unknown=True))

    def stream(
        self, sketch: Sketch, options: SamplingOptions | None = None, **changes: Unpack[Changes]
    ) -> Iterator[StreamedPoint]:
        """Finish a sketch as one category and yield each point as soon as it is settled.

        The first stroke of each variation is not chosen, so its points come the moment they are drawn. Candidates are
        made of what follows it, and the rest comes when the best is known. With ``candidates`` 1 nothing is chosen:
        every point comes when it is drawn, and the drawings are those of :meth:`complete`.

        Raises:
            BadSketch, NotRecognised, ModelNotFound: as :meth:`complete`.
            BadOption: as :meth:`complete`; or ``top`` is not 1.
        """
        options = with_changes(options, changes)
        if options.top != 1:
            raise BadOption("a stream draws one category; leave top at 1")
        events: deque[Event] = deque()
        request = SketchRequest(sketch, options, events.append, self.classify(sketch, options.only))
        self._check(request.route, options)
        return self._points(request, events)

    def sampler(self, category: str) -> CategorySampler:
        """Return what draws a category from nothing.

        Raises:
            ModelNotFound: there is no such category.
        """
        return CategorySampler(self.models.decoders.get(category), self.models)

    def _check(self, route: Route | None, options: SamplingOptions) -> None:
        """Refuse, before anything is drawn, what will not be drawn."""
        assert route is not None
        check_size(options)
        if not categories_to_draw(route, options, self.models):
            raise NotRecognised(
                f"this looks like nothing the model knows (nearest: {route.category}); name a category to have it drawn"
            )

    def _points(self, request: SketchRequest, events: deque[Event]) -> Iterator[StreamedPoint]:
        scheduler = Scheduler(self.models, self.models.decoders.load)
        scheduler.submit(request)
        while not request.over:
            scheduler.run_once()
            while events:
                event = events.popleft()
                _raise_if_refused(event)
                if isinstance(event, PointsDrawn):
                    yield from event.rows

    def _draw(
        self, sketches: Sequence[Sketch], routes: Sequence[Route], options: SamplingOptions
    ) -> list[list[Completion]]:
        """Draw one category after another, and sketches of like length together; results in the sketches' order."""
        check_size(options)
        answers: list[list[Event]] = [[] for _ in sketches]
        requests = [
            SketchRequest(sketch, options, events.append, route, streams=False)
            for sketch, route, events in zip(sketches, routes, answers, strict=True)
        ]
        by_category = sorted(requests, key=lambda each: (_category(each, options), len(each.sketch)))
        self._run_until_over(deque(by_category), options.variations * options.drawings_each * options.top)
        return [_completions(events) for events in answers]

    def _run_until_over(self, waiting: deque[SketchRequest], drawings: int) -> None:
        """Draw requests of ``drawings`` drawings each, about :data:`MAX_ACTIVE` together; refill when half are over."""
        scheduler = Scheduler(self.models, self.models.decoders.load, ranking_batch=RANKING_BATCH)
        while waiting or scheduler.requests:
            if scheduler.n_drawings <= MAX_ACTIVE // 2:
                for _ in range(min(len(waiting), max(1, (MAX_ACTIVE - scheduler.n_drawings) // drawings))):
                    scheduler.submit(waiting.popleft())
            scheduler.run_once()


def check_sketch(sketch: object) -> None:
    """Refuse what is no sketch, and say how to get one.

    Raises:
        BadSketch: it is none.
    """
    if isinstance(sketch, str | Path):
        raise BadSketch(f"{str(sketch)!r} is the name of a file; read it first: codes.read({str(sketch)!r})")
    if not isinstance(sketch, Sketch):
        raise BadSketch(
            f"a sketch is needed, not {type(sketch).__name__}; codes.read makes one of a file, codes.sketch of points"
        )


def check_size(options: SamplingOptions) -> None:
    """Refuse more drawings of one category than are made for one sketch.

    Raises:
        BadOption: it says how many they are.
    """
    if options.variations * options.drawings_each > MAX_DRAWINGS:
        raise BadOption(
            f"{options.variations} variations of {options.candidates} candidates each are more than "
            f"{MAX_DRAWINGS} drawings; ask for fewer of either"
        )


def _category(request: SketchRequest, options: SamplingOptions) -> str:
    assert request.route is not None
    return options.category or request.route.category


def _completions(events: Sequence[Event]) -> list[Completion]:
    """Return what the last event hands over, or raise what it says."""
    last = events[-1]
    _raise_if_refused(last)
    assert isinstance(last, Completed)
    return list(last.completions)


def _raise_if_refused(event: Event) -> None:
    if isinstance(event, Refused):
        raise event.cause or event.error
