"""All drawings of one category that are under way, whoever asked for them, stepped together.

Knows models and questions; knows no threads. It is the engine's thread that draws here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from codes.inference.completer import Completer, Task
from codes.inference.options import SamplingOptions
from codes.inference.sampler import END, Drawings
from codes.web.questions import Finished, Inked, Question, Row


@dataclass(frozen=True)
class Part:
    """What is to be drawn of a question in one category, its variations numbered from ``first``."""

    question: Question
    options: SamplingOptions
    task: Task
    first: int


@dataclass
class Hand:
    """One drawing that is under way."""

    part: Part
    variation: int
    units: float
    nats: float = 0.0

    def row(self, point: Sequence[float], over: bool) -> Row:
        """A point of the model in the person's units."""
        return self.variation, point[0] * self.units, point[1] * self.units, point[3] == 1, over


class Easel:
    """All drawings of one category that are under way."""

    def __init__(self, completer: Completer, category: str) -> None:
        self.completer, self.category = completer, category
        self.drawings = Drawings(completer.stepper(category))
        self.hands: dict[int, Hand] = {}

    def join(self, parts: Sequence[Part]) -> None:
        """Read their prefixes, all at once, and take them in."""
        beginning = self.completer.begin(self.category, [each.task for each in parts], [each.options for each in parts])
        numbers = iter(self.drawings.join(beginning))
        for part in parts:
            units = self.completer.units(part.task)
            for variation in range(part.options.variations):
                self.hands[next(numbers)] = Hand(part, part.first + variation, units)

    def questions(self) -> list[Question]:
        """Whose drawings they are."""
        return list(dict.fromkeys(hand.part.question for hand in self.hands.values()))

    def leave(self) -> None:
        """Draw no more for those who do not want to know."""
        gone = {number for number, hand in self.hands.items() if hand.part.question.over}
        if gone:
            self.drawings.leave(gone)
            self.hands = {number: hand for number, hand in self.hands.items() if number not in gone}

    def step(self) -> None:
        """One point more of every drawing."""
        step = self.drawings.step()
        columns = (step.drawings, step.points, step.log_prob(), step.over)
        rows: defaultdict[Question, list[Row]] = defaultdict(list)
        over: list[tuple[Hand, bool]] = []
        for number, point, nats, last in zip(*(column.tolist() for column in columns), strict=True):
            hand, ended = self.hands[number], point[END] == 1
            hand.nats += nats if ended or not last else 0.0
            rows[hand.part.question].append(hand.row(point, last))
            if last:
                over.append((self.hands.pop(number), ended))
        for question, some in rows.items():
            question.tell(Inked(some))
        for hand, ended in over:
            hand.part.question.finish(Finished(hand.variation, self.category, ended, hand.nats))
