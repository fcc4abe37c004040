"""Requests on their way through the scheduler, and the events that answer them.

Knows sketches, options and routes; knows no models, no threads, no sockets and no JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from codes.errors import SketchError
from codes.inference.options import Completion, Route, SamplingOptions
from codes.strokes.stroke3 import Sketch

OUR_MISTAKE = "something went wrong in the server; its log says what"


class StreamedPoint(NamedTuple):
    """One row as it is drawn.

    Attributes:
        variation: number of the drawing among those of its request.
        dx, dy: the pen's move, in the sketch's own units.
        lift: true if the pen lifts after it.
        end: true if the drawing is over; nothing is drawn by this row.
    """

    variation: int
    dx: float
    dy: float
    lift: bool
    end: bool


@dataclass(frozen=True)
class Classified:
    """Tell what a sketch was recognised as."""

    route: Route


@dataclass(frozen=True)
class Started:
    """Tell what will be drawn.

    Attributes:
        categories: of each variation.
        candidates: drawings among which each variation is chosen, at most.
    """

    categories: Sequence[str]
    candidates: Sequence[int]


@dataclass(frozen=True)
class PointsDrawn:
    """Hand over points as they are drawn; only requests that stream are told."""

    rows: Sequence[StreamedPoint]


@dataclass(frozen=True)
class Completed:
    """Hand over everything that was drawn, in the order of variations; empty if nothing was to be drawn."""

    completions: Sequence[Completion]


@dataclass(frozen=True)
class Refused:
    """Tell why a request cannot be answered.

    Attributes:
        error: for the person who asked.
        cause: the exception itself if it is a mistake of ours.
    """

    error: SketchError
    cause: Exception | None = None


@dataclass(frozen=True)
class Stopped:
    """Tell that a request was cancelled."""


Event = Classified | Started | PointsDrawn | Completed | Refused | Stopped


@dataclass(eq=False)
class SketchRequest:
    """One sketch to be recognised and finished.

    Attributes:
        sketch: as the person drew it so far.
        options: what it may be and how to finish it.
        tell: called with each event, in order, by the thread that runs the scheduler; the last one is Completed,
            Refused or Stopped.
        route: what it was recognised as, if it was classified before; it is classified otherwise.
        draws: false to only classify it.
        streams: true to be told points: as they are drawn where nothing is chosen among, else the first stroke as it is
            drawn, since it is not chosen, and the rest once it is.
        cancelled: set by any thread, read between two points.
        over: true once the last event was told.
    """

    sketch: Sketch
    options: SamplingOptions
    tell: Callable[[Event], None]
    route: Route | None = None
    draws: bool = True
    streams: bool = True
    cancelled: bool = False
    over: bool = False
    _completions: dict[int, Sequence[Completion]] = field(default_factory=dict)
    _expected: int = 0

    def expect(self, categories: Sequence[str], candidates: Sequence[int]) -> None:
        """Tell what will be drawn: the category of each variation, and among how many drawings it is chosen."""
        self._expected = len(categories)
        self.tell(Started(categories, candidates))

    def finish(self, first: int, completions: Sequence[Completion]) -> None:
        """Take in the variations from number ``first`` on; the last ones complete the request."""
        self._completions[first] = completions
        if sum(map(len, self._completions.values())) == self._expected:
            self.end(Completed([each for _, some in sorted(self._completions.items()) for each in some]))

    def end(self, event: Completed | Refused | Stopped) -> None:
        """Tell the last event, unless one was told."""
        if not self.over:
            self.over = True
            self.tell(event)
