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

from codes.data.batches import collate
from codes.errors import SketchError
from codes.inference.decoding import Continuation, Drawings, Step, latents, prepare
from codes.inference.models import LoadedDecoder, Models
from codes.inference.options import Completion, Route, SamplingOptions
from codes.inference.ranking import best_candidates, candidate_scores
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
from codes.sketch.stroke3 import DX, DY, OFFSET, UP

LOG = logging.getLogger(__name__)
LoadDecoder = Callable[[str], Future[LoadedDecoder]]


@dataclass(eq=False)
class SubRequest:
    """Hold what is to be drawn of a request in one category.

    Attributes:
        request: whose it is.
        route: what the request's sketch was recognised as.
        category: what is drawn.
        first: number of its first variation among those of the request.
        options: those of the request.
        decoder: the category's decoder, perhaps still being read.
        drawings: their numbers among the batch's, once it has joined: the candidates of each variation in turn.
        active: drawings that are not over.
    """

    request: SketchRequest
    route: Route
    category: str
    first: int
    options: SamplingOptions
    decoder: Future[LoadedDecoder]
    drawings: range = range(0)
    active: int = 0

    @property
    def candidates(self) -> SamplingOptions:
        """Return the options with every candidate a variation of its own."""
        return replace(self.options, variations=self.options.variations * self.options.candidates, candidates=1)


class DecoderBatch:
    """Hold all drawings of one decoder that are under way, of all requests."""

    def __init__(self, decoder: LoadedDecoder) -> None:
        self.decoder = decoder
        self._drawings = Drawings(decoder.stepper)
        self._owners: dict[int, SubRequest] = {}  # of each drawing that is not over
        self._streams = False

    def __len__(self) -> int:
        return len(self._owners)

    def owners(self) -> list[SubRequest]:
        """Return those who have drawings under way."""
        return list(dict.fromkeys(self._owners.values()))

    def join(self, newcomers: Sequence[SubRequest]) -> None:
        """Read the prefixes of all newcomers at once and add their drawings."""
        vae, normaliser = self.decoder.vae, self.decoder.config.normaliser
        rows = [normaliser.apply(model_input(each.request.sketch)) for each in newcomers]
        prefixes, options = collate(rows, [0] * len(rows)), [each.candidates for each in newcomers]
        numbers = self._drawings.join(prepare(self.decoder.stepper, prefixes, latents(vae, prefixes, options), options))
        start = numbers.start
        for each, asked in zip(newcomers, options, strict=True):
            each.drawings, each.active = range(start, start + asked.variations), asked.variations
            start = each.drawings.stop
            self._owners |= dict.fromkeys(each.drawings, each)
        self._streams = self._streams or any(each.request.streams for each in newcomers)

    def leave(self) -> None:
        """Forget the drawings of requests that are over."""
        for each in [each for each in self.owners() if each.request.over]:
            self._drawings.leave(each.drawings)
            for number in each.drawings:
                self._owners.pop(number, None)

    def step(self) -> list[SubRequest]:
        """Draw one more point of everything; return those whose last drawing is over now."""
        step = self._drawings.step()
        self._stream(step)
        finished = []
        for number in step.drawings[step.over].tolist():
            owner = self._owners.pop(number)
            owner.active -= 1
            if not owner.active:
                finished.append(owner)
        return finished

    def collect(self, owner: SubRequest) -> list[Completion]:
        """Return everything that was drawn for one whose drawings are over, candidates and all."""
        return [_completion(owner, each, self.decoder) for each in self._drawings.collect(owner.drawings)]

    def _stream(self, step: Step) -> None:
        """Tell each point to those who want points as they are drawn."""
        if not self._streams:
            return
        rows: defaultdict[SubRequest, list[StreamedPoint]] = defaultdict(list)
        for number, point, over in zip(
            *(each.tolist() for each in (step.drawings, step.points, step.over)), strict=True
        ):
            owner = self._owners[number]
            if owner.request.streams:
                scale = self.decoder.config.scale * owner.request.sketch.unit
                variation = owner.first + number - owner.drawings.start
                rows[owner].append(StreamedPoint(variation, point[DX] * scale, point[DY] * scale, point[UP] == 1, over))
        for owner, some in rows.items():
            owner.request.tell(PointsDrawn(some))


class Scheduler:
    """Answer requests, one point at a time, from :meth:`submit` to their last event.

    Args:
        models: what recognises and draws.
        load_decoder: reads a decoder, at once or in the background.
        prefetch: true to have the likeliest category's decoder read as soon as a sketch is classified.
        ranking_batch: candidates that may wait to be ranked together while others are still being drawn.
    """

    def __init__(
        self, models: Models, load_decoder: LoadDecoder, prefetch: bool = False, ranking_batch: int = 1
    ) -> None:
        self.models, self.load_decoder = models, load_decoder
        self.prefetch, self.ranking_batch = prefetch, ranking_batch
        self.requests: list[SketchRequest] = []  # those that are not over
        self._submitted: list[SketchRequest] = []
        self._waiting: list[SubRequest] = []  # for their decoders to be read
        self._batches: dict[str, DecoderBatch] = {}
        self._unranked: list[tuple[SubRequest, list[Completion]]] = []

    @property
    def n_drawings(self) -> int:
        """Return how many drawings are under way."""
        return sum(map(len, list(self._batches.values())))

    @property
    def has_work(self) -> bool:
        """Return true unless :meth:`run_once` would do nothing."""
        if self._submitted or self._batches or self._unranked:
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
        self._rank()
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
                    request.route = route
                    request.tell(Classified(route))
        for request in submitted:
            if request.route is not None and not request.over:
                with _answering([request]):
                    self._plan(request, request.route)

    def _plan(self, request: SketchRequest, route: Route) -> None:
        """Decide what is to be drawn and have the decoders read."""
        if self.prefetch:
            self.load_decoder(route.category)
        options = request.options
        categories = categories_to_draw(route, options, self.models) if options else []
        if options is None or not categories:
            request.end(Completed([]))
            return
        request.expect([category for category in categories for _ in range(options.variations)])
        self._waiting += [
            SubRequest(request, route, category, number * options.variations, options, self.load_decoder(category))
            for number, category in enumerate(categories)
        ]

    def _draw(self) -> None:
        """Draw one point in every batch, those first in which something begins."""
        newcomers = self._newcomers()
        for category in [*newcomers, *(each for each in self._batches if each not in newcomers)]:
            joining, batch = newcomers.get(category, []), self._batches.get(category)
            asking = [each.request for each in [*joining, *(batch.owners() if batch else [])]]
            with _answering(asking):
                self._draw_batch(category, joining)

    def _newcomers(self) -> dict[str, list[SubRequest]]:
        """Return those whose decoders have been read, by category."""
        ready: defaultdict[str, list[SubRequest]] = defaultdict(list)
        waiting: list[SubRequest] = []
        for each in self._waiting:
            if not each.request.over:
                (ready[each.category] if each.decoder.done() else waiting).append(each)
        self._waiting = waiting
        return dict(ready)

    def _draw_batch(self, category: str, newcomers: Sequence[SubRequest]) -> None:
        """Let those go who are over and newcomers join, then draw one point of all."""
        batch = self._batches.pop(category, None) or DecoderBatch(newcomers[0].decoder.result())
        batch.leave()
        if newcomers:
            batch.join(newcomers)
        for owner in batch.step() if len(batch) else ():
            self._unranked.append((owner, batch.collect(owner)))
        if len(batch):  # if anything goes wrong before, the batch is gone
            self._batches[category] = batch

    def _rank(self) -> None:
        """Choose among the candidates of those whose drawings are over, and hand over what is chosen."""
        if not self._unranked:
            return
        if self._batches and sum(len(completions) for _, completions in self._unranked) < self.ranking_batch:
            return
        unranked, self._unranked = [each for each in self._unranked if not each[0].request.over], []
        with _answering([owner.request for owner, _ in unranked]):
            choices = [each for each in unranked if each[0].options.candidates > 1]
            drawn = [completion for _, completions in choices for completion in completions]
            scores = iter(self._scores(drawn))
            for owner, completions in unranked:
                candidates = owner.options.candidates
                if candidates > 1:
                    completions = best_candidates(completions, [next(scores) for _ in completions], candidates)
                owner.request.finish(owner.first, completions)

    def _scores(self, completions: Sequence[Completion]) -> list[float]:
        return candidate_scores(self.models.router, self.models.critic, completions) if completions else []


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


def _completion(owner: SubRequest, drawn: Continuation, decoder: LoadedDecoder) -> Completion:
    """Return the person's rows as they were, then ours in the person's units."""
    sketch = owner.request.sketch
    added = decoder.config.normaliser.undo(drawn.points)
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
