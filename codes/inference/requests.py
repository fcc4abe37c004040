"""A question on its way through the engine, and the events that answer it.

Knows sketches, options and routes; knows no models, no sockets and no JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from codes.errors import SketchError
from codes.inference.options import Route, SamplingOptions
from codes.sketch.stroke3 import Sketch

OUR_MISTAKE = "something went wrong in the server; its log says what"

Row = tuple[int, float, float, bool, bool]


@dataclass(frozen=True)
class Classified:
    """What a sketch was recognised as."""

    route: Route


@dataclass(frozen=True)
class Started:
    """What will be drawn: the category of each variation."""

    categories: Sequence[str]


@dataclass(frozen=True)
class PointsDrawn:
    """Rows as they are drawn: variation, dx and dy in its units, whether the pen lifts, whether all is over."""

    rows: Sequence[Row]


@dataclass(frozen=True)
class Finished:
    """One drawing that is over.

    Attributes:
        variation: its number among those of its question.
        category: what was drawn.
        ended: whether the model ended it, before it had as many points as it may have.
        log_likelihood: as of :class:`codes.inference.options.Completion`.
    """

    variation: int
    category: str
    ended: bool
    log_likelihood: float


@dataclass(frozen=True)
class Completed:
    """All is drawn that will be."""

    drawings: Sequence[Finished]


@dataclass(frozen=True)
class Refused:
    """It cannot be answered."""

    error: SketchError


@dataclass(frozen=True)
class Stopped:
    """The asker did not want to know any more."""


Event = Classified | Started | PointsDrawn | Completed | Refused | Stopped


@dataclass(eq=False)
class SketchRequest:
    """One sketch to be recognised and finished.

    Attributes:
        sketch: as the person drew it so far.
        options: how to finish it; None to have it classified and no more.
        tell: called with each event, in order, by the engine's thread; the last one is Done, Refused or Stopped.
        cancelled: set by whoever asked, read between two points.
    """

    sketch: Sketch
    options: SamplingOptions | None
    tell: Callable[[Event], None]
    cancelled: bool = False
    over: bool = False
    _categories: Sequence[str] = ()
    _finished: list[Finished] = field(default_factory=list)

    def expect(self, categories: Sequence[str]) -> None:
        """Tell what will be drawn."""
        self._categories = categories
        self.tell(Started(categories))

    def finish(self, drawing: Finished) -> None:
        """One drawing more is over; the last one ends the question."""
        self._finished.append(drawing)
        if len(self._finished) == len(self._categories):
            self.end(Completed(sorted(self._finished, key=lambda each: each.variation)))

    def end(self, event: Completed | Refused | Stopped) -> None:
        """Say the last word, unless it was said."""
        if not self.over:
            self.over = True
            self.tell(event)
