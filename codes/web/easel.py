"""All drawings of one category that are under way, whoever asked for them, stepped together.

Knows models and questions; knows no threads. It is the engine's thread that draws here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codes.inference.completer import Completer, CompletionTask
from codes.inference.decoding import END, Drawings, Step
from codes.inference.options import SamplingOptions
from codes.inference.requests import Finished, PointsDrawn, Row, SketchRequest

UNMEASURED = 4096  # points that may wait to have their likelihoods measured together


@dataclass(frozen=True, eq=False)
class Part:
    """What is to be drawn of a question in one category, its variations numbered from ``first``."""

    question: SketchRequest
    options: SamplingOptions
    task: CompletionTask
    first: int


@dataclass(eq=False)
class ActiveDrawing:
    """One drawing that is under way."""

    part: Part
    variation: int
    units: float
    nats: float = 0.0
    ended: bool = False

    def row(self, point: Sequence[float], over: bool) -> Row:
        """A point of the model in the person's units."""
        return self.variation, point[0] * self.units, point[1] * self.units, point[3] == 1, over


class DecoderBatch:
    """All drawings of one category that are under way.

    Attributes:
        hands: those that draw, by the numbers of their drawings.
    """

    def __init__(self, completer: Completer, category: str) -> None:
        self.completer, self.category = completer, category
        self.hands: dict[int, ActiveDrawing] = {}
        self._drawings = Drawings(completer.stepper(category))
        self._teams: dict[Part, dict[int, ActiveDrawing]] = {}
        self._steps: list[Step] = []  # whose likelihoods are not measured yet

    def questions(self) -> list[SketchRequest]:
        """Whose drawings they are."""
        return list(dict.fromkeys(part.question for part in self._teams))

    def join(self, parts: Sequence[Part]) -> None:
        """Read their prefixes, all at once, and take them in."""
        beginning = self.completer.begin(self.category, [each.task for each in parts], [each.options for each in parts])
        numbers = iter(self._drawings.join(beginning))
        for part in parts:
            units = self.completer.units(part.task)
            variations = range(part.first, part.first + part.options.variations)
            self._teams[part] = {next(numbers): ActiveDrawing(part, variation, units) for variation in variations}
            self.hands |= self._teams[part]

    def leave(self) -> None:
        """Draw no more for those who do not want to know."""
        for part in [part for part in self._teams if part.question.over]:
            gone = self._teams.pop(part).keys() & self.hands.keys()
            self._drawings.leave(gone)
            for number in gone:
                del self.hands[number]

    def step(self) -> None:
        """One point more of every drawing."""
        step = self._drawings.step()
        self._steps.append(step)
        rows: defaultdict[Part, list[Row]] = defaultdict(list)
        columns = (step.drawings, step.points, step.over)
        for number, point, over in zip(*(column.tolist() for column in columns), strict=True):
            hand = self.hands[number]
            rows[hand.part].append(hand.row(point, over))
            if over:
                hand.ended = point[END] == 1
                del self.hands[number]
        for part, some in rows.items():
            part.question.tell(PointsDrawn(some))
        self._finish(part for part in rows if not self._teams[part].keys() & self.hands.keys())
        if sum(len(each.drawings) for each in self._steps) > UNMEASURED:
            self._measure()

    def _finish(self, parts: Iterable[Part]) -> None:
        """Those whose last drawing is over."""
        for part in parts:
            self._measure()
            for hand in self._teams.pop(part).values():
                part.question.finish(Finished(hand.variation, self.category, hand.ended, hand.nats))

    def _measure(self) -> None:
        """Likelihoods, of many points at once; a point that is one too many is not drawn and does not count."""
        if self._steps:
            points, self._steps = Step.joined(self._steps), []
            nats = points.log_prob().where(~points.over | (points.points[:, END] == 1), 0.0)
            hands = {number: hand for team in self._teams.values() for number, hand in team.items()}
            for number, value in zip(points.drawings.tolist(), nats.tolist(), strict=True):
                if number in hands:
                    hands[number].nats += value
