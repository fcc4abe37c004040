"""The one way of drawing: requests are classified together, batched by decoder and stepped point by point.

Knows requests and models; knows no threads, no sockets and no files. :class:`codes.inference.completer.Completer` runs
a scheduler until its own requests are over; the live engine runs one for everybody, in a thread. A decoder's state is
a value, so a request joins the drawings under way between two points and waits for none of them to end.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from codes.errors import SketchError
from codes.inference.decoding import Continuation, Step
from codes.inference.models import LoadedDecoder, Models
from codes.inference.options import Completion, Route, SamplingOptions
from codes.inference.requests import (
    OUR_MISTAKE,
    Classified,
    Completed,
    PointsDrawn,
    Refused,
    SketchRequest,
    Stopped,
    StreamedPoint,
)
from codes.inference.router import model_input
from codes.inference.variations import DecoderBatch, Variation, decide, variations_of
from codes.model.stepper import StepWeights
from codes.strokes.geometry import room_of
from codes.strokes.stroke3 import DX, DY, END, OFFSET, UP

LOG = logging.getLogger(__name__)
MAX_RANKED = 32  # candidates after which newcomers are served before more are looked at
LoadDecoder = Callable[[str], Future[LoadedDecoder]]
Round = tuple[Variation, list[Continuation]]


@dataclass(eq=False)
class SubRequest:
    """Hold what is to be drawn of a request in one category.

    Attributes:
        request: whose it is.
        route: what the request's sketch was recognised as.
        category: what is drawn.
        first: number of its first variation among those of the request.
        options: those of the request.
        candidates: how many may be made of each variation.
        decoder: the category's decoder, perhaps still being read.
    """

    request: SketchRequest
    route: Route
    category: str
    first: int
    options: SamplingOptions
    candidates: Sequence[int]
    decoder: Future[LoadedDecoder]


class Scheduler:
    """Answer requests, one point at a time, from :meth:`submit` to their last event.

    Args:
        models: what recognises and draws.
        load_decoder: reads a decoder, at once or in the background.
        prefetch: true to have the likeliest category's decoder read as soon as a sketch is classified.
        ranking_batch: candidates that may wait to be ranked together while others are still being drawn.
        crowded: while more drawings than this are under way, only the first variation of a request that streams is
            chosen; the others are left as they are drawn. None for no limit.
    """

    def __init__(
        self,
        models: Models,
        load_decoder: LoadDecoder,
        prefetch: bool = False,
        ranking_batch: int = 1,
        crowded: int | None = None,
    ) -> None:
        self.models, self.load_decoder = models, load_decoder
        self.prefetch, self.ranking_batch, self.crowded = prefetch, ranking_batch, crowded
        self.requests: list[SketchRequest] = []  # those that are not over
        self._submitted: list[SketchRequest] = []
        self._waiting: list[SubRequest] = []  # for their decoders to be read
        self._batches: dict[StepWeights, DecoderBatch] = {}
        self._rounds: list[Round] = []  # that are over, to be looked at
        self._undecided: list[Variation] = []  # of which more candidates are made

    @property
    def n_drawings(self) -> int:
        """Return how many drawings are under way."""
        return sum(map(len, list(self._batches.values())))

    @property
    def has_work(self) -> bool:
        """Return true unless :meth:`run_once` would do nothing."""
        if self._submitted or self._batches or self._rounds or self._undecided:
            return True
        return any(each.cancelled for each in self.requests) or any(each.decoder.done() for each in self._waiting)

    def submit(self, request: SketchRequest) -> None:
        """Take in a request; it is answered by the calls of :meth:`run_once` that follow."""
        self._submitted.append(request)
        self.requests.append(request)

    def stop(self) -> None:
        """End every request that is not over."""
        for request in self.requests:
            request.end(Stopped())

    def run_once(self) -> None:
        """Classify what was submitted since the last call, then draw one point of everything that is under way."""
        self._drop_cancelled()
        self._classify()
        self._draw()
        self._decide()
        self.requests = [request for request in self.requests if not request.over]

    def _drop_cancelled(self) -> None:
        for request in self.requests:
            if request.cancelled:
                request.end(Stopped())

    def _classify(self) -> None:
        """Classify in one batch whatever was not classified before, and plan what is to be drawn."""
        if not self._submitted:
            return
        submitted, self._submitted = [each for each in self._submitted if not each.over], []
        unknown = [request for request in submitted if request.route is None]
        with _answering(unknown):
            if unknown:
                routes = self.models.router.classify([request.sketch for request in unknown])
                for request, route in zip(unknown, routes, strict=True):
                    with _answering([request]):
                        request.route = self.models.router.among(route, request.options.only)
                        request.tell(Classified(request.route))
        for request in submitted:
            if request.route is not None and not request.over:
                with _answering([request]):
                    self._plan(request, request.route)

    def _plan(self, request: SketchRequest, route: Route) -> None:
        """Decide what is to be drawn and have the decoders read."""
        if self.prefetch:
            self.load_decoder(route.category)
        options = request.options
        categories = categories_to_draw(route, options, self.models) if request.draws else []
        if not categories:
            request.end(Completed([]))
            return
        candidates = self._candidates(request, options)
        request.expect([category for category in categories for _ in candidates], list(candidates) * len(categories))
        self._waiting += [
            SubRequest(
                request, route, category, number * len(candidates), options, candidates, self.load_decoder(category)
            )
            for number, category in enumerate(categories)
        ]

    def _candidates(self, request: SketchRequest, options: SamplingOptions) -> Sequence[int]:
        """Return how many candidates may be made of each variation."""
        crowded = self.crowded is not None and self.n_drawings > self.crowded and request.streams
        others = 1 if crowded else options.drawings_each
        return [options.drawings_each, *[others] * (options.variations - 1)]

    def _draw(self) -> None:
        """Draw one point in every batch, those first in which something begins."""
        beginning: defaultdict[StepWeights, list[Variation]] = defaultdict(list)
        undecided, self._undecided = self._undecided, []
        for each in [*self._newcomers(), *undecided]:
            beginning[each.decoder.stepper.weights].append(each)
        for weights in dict.fromkeys([*beginning, *self._batches]):
            batch = self._batches.get(weights)
            under_way = [*beginning[weights], *(batch.variations() if batch else [])]
            with _answering([each.owner.request for each in under_way]):
                self._draw_batch(weights, [each for each in beginning[weights] if not each.owner.request.over])

    def _newcomers(self) -> list[Variation]:
        """Return the variations of those whose decoders have been read; the sketches of a category are read at once."""
        ready: defaultdict[str, list[SubRequest]] = defaultdict(list)
        waiting: list[SubRequest] = []
        for each in self._waiting:
            if not each.request.over:
                (ready[each.category] if each.decoder.done() else waiting).append(each)
        self._waiting = waiting
        found: list[Variation] = []
        for newcomers in ready.values():
            with _answering([each.request for each in newcomers]):
                found += _variations(newcomers)
        return found

    def _draw_batch(self, weights: StepWeights, beginning: Sequence[Variation]) -> None:
        """Let those go who are over, begin what is to begin, then draw one point of all."""
        batch = self._batches.pop(weights, None)
        if batch:
            batch.leave([each for each in batch.variations() if each.owner.request.over])
        if beginning:
            batch = batch or DecoderBatch(weights)
            batch.begin(beginning)
        if batch:
            step = batch.step()
            _stream(batch, step)
            self._rounds += batch.collect(step)
        if batch:  # if anything goes wrong before, the batch is gone
            self._batches[weights] = batch

    def _decide(self) -> None:
        """Choose among candidates whose round is over, and hand over what is decided."""
        if not self._rounds:
            return
        if self._batches and sum(len(drawn) for _, drawn in self._rounds) < self.ranking_batch:
            return
        rounds, self._rounds = self._rounds_to_rank()
        with _answering([variation.owner.request for variation, _ in rounds]):
            decide(self.models, rounds)
            for variation, _ in rounds:
                if variation.decided:
                    owner = variation.owner
                    if owner.request.streams and variation.chooses:
                        owner.request.tell(PointsDrawn(_rest(variation)))
                    owner.request.finish(owner.first + variation.key.variation, [_completion(variation)])
                else:
                    self._undecided.append(variation)

    def _rounds_to_rank(self) -> tuple[list[Round], list[Round]]:
        """Return the rounds to look at now, those of first variations first, and those that wait."""
        rounds = [each for each in self._rounds if not each[0].owner.request.over]
        rounds.sort(key=lambda each: each[0].key.variation > 0)
        counts = np.cumsum([len(drawn) if variation.chooses else 0 for variation, drawn in rounds])
        now = int(np.searchsorted(counts, MAX_RANKED)) + 1
        return rounds[:now], rounds[now:]


def categories_to_draw(route: Route, options: SamplingOptions, models: Models) -> list[str]:
    """Return the categories to draw, likeliest first; none if the sketch is unknown.

    Raises:
        ModelNotFound: ``options.category`` is none of the bundle's.
    """
    if options.category is not None:
        models.bundle.part_of(options.category)
        return [options.category]
    if route.decision == "unknown" and not options.draw_unknown:
        return []
    return list(route.probabilities)[: options.top]


def _variations(newcomers: Sequence[SubRequest]) -> list[Variation]:
    """Read the sketches of all newcomers at once."""
    decoder = newcomers[0].decoder.result()
    prefixes = [model_input(each.request.sketch) for each in newcomers]
    made = variations_of(decoder, prefixes, [each.options for each in newcomers])
    for owner, variations in zip(newcomers, made, strict=True):
        for each, candidates in zip(variations, owner.candidates, strict=True):
            each.options = replace(each.options, candidates=candidates)
            each.owner, each.opens = owner, owner.request.streams and candidates > 1
            each.room = room_of(owner.request.sketch)
    return [each for variations in made for each in variations]


def _stream(batch: DecoderBatch, step: Step) -> None:
    """Tell each point that is not to be chosen among to those who want points as they are drawn."""
    streaming = {each for each in batch.variations() if each.owner.request.streams and not each.chooses}
    if not streaming:
        return
    rows: defaultdict[SketchRequest, list[StreamedPoint]] = defaultdict(list)
    for number, point, over in zip(*(each.tolist() for each in (step.drawings, step.points, step.over)), strict=True):
        variation = batch.owner(number)
        nothing_yet = variation.opens and variation.n_shown == 0 and point[END] == 1
        if variation in streaming and not nothing_yet:
            variation.n_shown += not over
            scale = variation.decoder.config.scale
            row = _streamed(variation, point[DX] * scale, point[DY] * scale, point[UP] == 1, over)
            rows[variation.owner.request].append(row)
    for request, some in rows.items():
        request.tell(PointsDrawn(some))


def _rest(variation: Variation) -> list[StreamedPoint]:
    """Return what was not told yet of a variation that is decided, and its end."""
    assert variation.best is not None
    added = variation.decoder.config.normaliser.undo(variation.best.drawn.points[variation.n_shown :])
    rows = [_streamed(variation, dx, dy, lift == 1, False) for dx, dy, lift in added.tolist()]
    return [*rows, _streamed(variation, 0.0, 0.0, False, True)]


def _streamed(variation: Variation, dx: float, dy: float, lift: bool, end: bool) -> StreamedPoint:
    """Return a row in the person's units, from one in pixels."""
    unit = variation.owner.request.sketch.unit
    return StreamedPoint(variation.owner.first + variation.key.variation, dx * unit, dy * unit, lift, end)


def _completion(variation: Variation) -> Completion:
    """Return the person's rows as they were, then ours in the person's units."""
    assert variation.best is not None
    owner, drawn = variation.owner, variation.best.drawn
    sketch = owner.request.sketch
    added = variation.decoder.config.normaliser.undo(drawn.points)
    added[:, OFFSET] *= sketch.unit
    points = np.concatenate([sketch.points, added])
    return Completion(
        sketch=replace(sketch, points=points, category=owner.category, prefix_rows=len(sketch)),
        category=owner.category,
        probability=owner.route.probabilities[owner.category],
        route=owner.route,
        ended=drawn.ended,
        log_likelihood=drawn.log_likelihood,
    )


@contextmanager
def _answering(requests: Sequence[SketchRequest]) -> Iterator[None]:
    """Tell those who asked whatever goes wrong, and go on."""
    try:
        yield
    except SketchError as error:
        for request in requests:
            request.end(Refused(error))
    except Exception as error:
        LOG.exception("requests could not be answered")
        for request in requests:
            request.end(Refused(SketchError(OUR_MISTAKE), error))
