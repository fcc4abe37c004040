"""What can be asked of a completion and what comes back; contradictions are refused once, here.

Knows sketches, and how a result is written as plain values for JSON: one form for the command line and for HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from math import inf, log
from numbers import Integral, Real
from typing import Any, Literal, TypedDict

from codes.errors import BadOption
from codes.formats.polyline_json import record_of
from codes.strokes.layout import pieces
from codes.strokes.sheet import Sketches
from codes.strokes.stroke3 import Polylines, Sketch

LatentSource = Literal["prefix", "zero", "prior"]
Decision = Literal["known", "unsure", "unknown"]
MAX_DRAWINGS = 4096  # of one sketch in one category, candidates included


@dataclass(frozen=True)
class SamplingOptions:
    """Say how a sketch is to be finished.

    Attributes:
        variations: ways to finish it, of each category drawn.
        temperature: 0 takes the likeliest every time, 0.4 is careful, 1 is as varied as people; at most 2. At 0 a
            drawing does not depend on the seed, unless z is drawn from the prior.
        seed: same seed, same drawing. Variation ``i`` depends on the sketch, the seed and ``i`` alone.
        category: draw this one, whatever the router says.
        only: what it may be; anything the model knows where this is empty.
        top: number of the likeliest categories to draw.
        latent: source of z: inferred from the prefix, zero, or drawn from the prior.
        candidates: drawings made for each variation, at most, of which the best is kept: the one that the router
            recognises most surely and that the critic finds most like a person's. The last of them are made only where
            none of the first is good enough. 1 keeps whatever is drawn.
        max_points: most points added; a drawing that has not ended by then is cut off.
        draw_unknown: draw the likeliest category even if the sketch looks like none of them.
    """

    variations: int = 1
    temperature: float = 0.4
    seed: int = 0
    category: str | None = None
    only: Sequence[str] = ()
    top: int = 1
    latent: LatentSource = "prefix"
    candidates: int = 24
    max_points: int = 200
    draw_unknown: bool = False

    def __post_init__(self) -> None:
        for name in ("variations", "seed", "top", "candidates", "max_points"):
            if not isinstance(getattr(self, name), Integral):
                raise BadOption(f"{name} must be a whole number, not {getattr(self, name)!r}")
        if not isinstance(self.temperature, Real):
            raise BadOption(f"temperature must be a number, not {self.temperature!r}")
        for name in ("variations", "candidates"):
            if not 1 <= getattr(self, name) <= MAX_DRAWINGS:
                raise BadOption(f"{name} must be 1 to {MAX_DRAWINGS}, not {getattr(self, name)}")
        if not 0 <= self.temperature <= 2:
            raise BadOption(f"temperature must be 0 to 2, not {self.temperature}")
        if self.is_greedy and self.variations > 1:
            raise BadOption("at temperature 0 all variations are the same drawing; ask for 1")
        if not 0 <= self.seed < 2**63:
            raise BadOption(f"seed must be 0 or a positive 63-bit number, not {self.seed}")
        if not 1 <= self.max_points <= 1000:
            raise BadOption(f"max_points must be 1 to 1000, not {self.max_points}")
        if self.top < 1:
            raise BadOption(f"top must be at least 1, not {self.top}")
        if self.category is not None and self.top != 1:
            raise BadOption("category names the one to draw, top draws several; give one of the two")
        check_names(self.only)
        object.__setattr__(self, "only", tuple(self.only))
        if self.category is not None and self.only:
            raise BadOption("category names the one to draw, only says what it may be; give one of the two")
        if self.latent not in ("prefix", "zero", "prior"):
            raise BadOption(f"latent must be prefix, zero or prior, not '{self.latent}'")

    @property
    def is_greedy(self) -> bool:
        """Return true if nothing in a drawing is left to chance."""
        return self.temperature == 0 and self.latent != "prior"

    @property
    def drawings_each(self) -> int:
        """Return how many drawings a variation is chosen from, at most: one where all would be the same."""
        return self.candidates if self.temperature else 1


class Changes(TypedDict, total=False):
    """Name the options that calls take by keyword; their meaning and defaults are those of :class:`SamplingOptions`."""

    variations: int
    temperature: float
    seed: int
    category: str | None
    only: Sequence[str]
    top: int
    latent: LatentSource
    candidates: int
    max_points: int
    draw_unknown: bool


def with_changes(options: SamplingOptions | None, changes: Changes) -> SamplingOptions:
    """Return the options with some of them changed.

    Raises:
        BadOption: these are no options, a name is unknown, or a value is out of range.
    """
    if options is not None and not isinstance(options, SamplingOptions):
        raise BadOption(f"options are given by name, as in variations=9, or as SamplingOptions, not as {options!r}")
    names = [each.name for each in fields(SamplingOptions)]
    if unknown := sorted(changes.keys() - set(names)):
        near = get_close_matches(unknown[0], names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise BadOption(f"no option '{unknown[0]}'; {hint}")
    return replace(options or SamplingOptions(), **changes)


def check_names(only: Sequence[str]) -> None:
    """Refuse what is no list of names; a name alone would be taken for a list of letters.

    Raises:
        BadOption: it is none.
    """
    if isinstance(only, str) or not all(isinstance(each, str) for each in only):
        raise BadOption(f"only must be a list of categories, not {only!r}")


@dataclass(frozen=True, repr=False)
class Route:
    """Hold what a sketch was recognised as.

    Attributes:
        category: the likeliest.
        probabilities: of each category on offer, likeliest first, adding up to 1, given that it is one of them.
        decision: ``known``; ``unsure`` if it is one of them but not yet clear which; ``unknown``.
        known_score: log probability that it is one of them at all, in nats.
    """

    category: str
    probabilities: dict[str, float]
    decision: Decision
    known_score: float

    @property
    def probability(self) -> float:
        """Return the probability of the likeliest category."""
        return self.probabilities[self.category]

    def log_probability(self, category: str) -> float:
        """Return the log probability of a category, in nats; minus infinity if the probability underflows to 0."""
        probability = self.probabilities[category]
        return log(probability) if probability else -inf

    def __repr__(self) -> str:
        likeliest = ", ".join(f"{name} {each:.0%}" for name, each in list(self.probabilities.items())[:3])
        return f"<Route: {self.decision}; {likeliest}>"


@dataclass(frozen=True, repr=False)
class Completion:
    """Hold a finished sketch.

    Attributes:
        sketch: prefix and continuation in the prefix's own units and place; ``sketch.prefix_rows`` tells them apart.
        category: what was drawn.
        probability: the router's, of that category.
        route: everything the router said of the prefix.
        ended: true if the model ended the drawing itself, before ``max_points``.
        log_likelihood: log density of the added points and pen states, in nats, in the model's units at temperature 1.
    """

    sketch: Sketch
    category: str
    probability: float
    route: Route
    ended: bool
    log_likelihood: float

    @property
    def adds(self) -> bool:
        """Return true if anything was drawn at all."""
        return len(self.sketch) > (self.sketch.prefix_rows or 0)

    @property
    def added(self) -> Polylines:
        """Return what was drawn, and no more: absolute positions ``[k, 2]`` of each stroke, in the sketch's units.

        The first continues the person's last stroke, and begins where that ended, if the pen had not lifted.
        """
        return [piece.line for piece in pieces(self.sketch) if not piece.own]

    def __repr__(self) -> str:
        points = len(self.sketch) - (self.sketch.prefix_rows or 0)
        end = "" if self.ended else ", cut off"
        return f"<Completion: {self.category} ({self.probability:.0%}), {points} points added{end}>"

    def _repr_svg_(self) -> str:
        """Return the picture that a notebook shows."""
        return self.sketch._repr_svg_()


class Completions(list[Completion]):
    """Hold what was drawn of one sketch, the likeliest category first; a list that a notebook shows as a sheet."""

    def _repr_svg_(self) -> str | None:
        """Return the picture that a notebook shows; None of nothing."""
        return Sketches(each.sketch for each in self)._repr_svg_()


def result_record(route: Route, completions: Sequence[Completion]) -> dict[str, Any]:
    """Return a route and its completions as plain values."""
    return {**route_record(route), "completions": [_completion_record(each) for each in completions]}


def route_record(route: Route) -> dict[str, Any]:
    """Return a route as plain values."""
    return {
        "category": route.category,
        "decision": route.decision,
        "known_score": route.known_score,
        "probabilities": route.probabilities,
    }


def _completion_record(completion: Completion) -> dict[str, Any]:
    return {
        "category": completion.category,
        "probability": completion.probability,
        "ended": completion.ended,
        "log_likelihood": completion.log_likelihood,
        "sketch": record_of(completion.sketch),
    }
