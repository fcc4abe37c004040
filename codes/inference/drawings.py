"""Drawings of one decoder that are under way together: others may join, and any may leave, between two points.

Knows decoders and stroke-5 in model units, and that everything random in a drawing was fixed before its first point;
so what becomes of a drawing does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from codes.model.decoder import DecoderState, Stepper
from codes.model.mixture import PointDistribution

END = 4  # the column of stroke-5
PLAIN = ("numbers", "held", "noise", "turn", "most")  # what of drawings that go on is one tensor


@dataclass(frozen=True)
class Step:
    """One point of every drawing that goes on.

    Attributes:
        drawings: ``[A]`` which of the drawings.
        points: ``[A, 5]`` stroke-5; a row whose END is set ends its drawing and is not drawn.
        following: ``[A]`` what they were drawn from, at temperature 1.
        over: ``[A]`` whether this was the last of its drawing, which ends or may have no more points.
    """

    drawings: Tensor
    points: Tensor
    following: PointDistribution
    over: Tensor

    def log_prob(self) -> Tensor:
        """Nats at temperature 1, ``[A]``; an end has no offset."""
        pen = self.points[:, 2:]
        return self.following.log_prob_pen(pen) + self.following.log_prob_offset(self.points[:, :2]) * (1 - pen[:, 2])

    def select(self, rows: Tensor) -> Step:
        """Some of the drawings."""
        return Step(self.drawings[rows], self.points[rows], self.following.select(rows), self.over[rows])

    @classmethod
    def joined(cls, steps: Sequence[Step]) -> Step:
        """Several steps as one, so that they are measured together."""
        drawings, points, over = (
            torch.cat([getattr(each, name) for each in steps]) for name in ("drawings", "points", "over")
        )
        return cls(drawings, points, PointDistribution.joined([each.following for each in steps]), over)


@dataclass(frozen=True)
class Going:
    """Drawings between two points: a value, of which some can be taken and to which others can be joined.

    Attributes:
        numbers: ``[A]`` which drawings.
        following: ``[A]`` what comes next, at temperature 1.
        state: ``[A]`` where the decoder stands.
        held: ``[A, 4 H]`` what z is to the gates.
        noise: ``[A]`` which rows of the noise are theirs.
        turn: ``[A]`` how many points each has been given.
        most: ``[A]`` how many it may be given.
    """

    numbers: Tensor
    following: PointDistribution
    state: DecoderState
    held: Tensor
    noise: Tensor
    turn: Tensor
    most: Tensor

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, rows: Tensor) -> Going:
        """Some of the drawings."""
        plain = {name: getattr(self, name)[rows] for name in PLAIN}
        return Going(following=self.following.select(rows), state=self.state.select(rows), **plain)

    def joined(self, others: Going) -> Going:
        """These drawings, then the others."""
        plain = {name: torch.cat([getattr(self, name), getattr(others, name)]) for name in PLAIN}
        following = PointDistribution.joined([self.following, others.following])
        return Going(following=following, state=DecoderState.joined([self.state, others.state]), **plain)


@dataclass(frozen=True)
class Beginning:
    """Drawings that have no point yet, each with everything that will be random in it.

    Attributes:
        going: ``[A]``, numbered from 0.
        noise: ``[A, T, K]``, of their temperatures; T is more than the points of any.
    """

    going: Going
    noise: Tensor


class Drawings:
    """Drawings of one decoder that are under way together; others may join, and any may leave, between two points.

    What becomes of a drawing does not depend on the others. They are numbered in the order in which they join.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper
        self._going: Going | None = None
        self._noise = torch.empty(0)
        self._joined = 0

    def __len__(self) -> int:
        return len(self._going) if self._going else 0

    def join(self, beginning: Beginning) -> range:
        """Take these in; their numbers, in order."""
        numbers = range(self._joined, self._joined + len(beginning.going))
        theirs, noise = replace(beginning.going, numbers=torch.tensor(numbers)), beginning.noise
        if self._going:
            ours = self._noise[self._going.noise]  # nobody needs that of drawings that are gone
            noise = _stacked(ours, noise)
            theirs = replace(theirs, noise=theirs.noise + len(ours))
            theirs = replace(self._going, noise=torch.arange(len(ours))).joined(theirs)
        self._going, self._noise, self._joined = theirs, noise, numbers.stop
        return numbers

    def leave(self, numbers: Collection[int]) -> None:
        """Draw no more of these."""
        if self._going:
            stays = [number not in numbers for number in self._going.numbers.tolist()]
            self._keep(self._going.select(torch.tensor(stays, dtype=torch.bool)))

    @torch.no_grad()
    def step(self) -> Step:
        """One point more of every drawing; those that are over leave."""
        assert self._going, "nothing is being drawn"
        going = self._going
        noise = self._noise[going.noise, going.turn]
        drawn = going.following.sample(noise)
        over = (drawn[:, END] == 1) | (going.turn == going.most)
        self._go_on(going, drawn, over)
        return Step(going.numbers, drawn, going.following, over)

    def _go_on(self, going: Going, drawn: Tensor, over: Tensor) -> None:
        """Tell the decoder what was drawn."""
        if over.any():
            stay = (~over).nonzero().squeeze(1)
            going, drawn = going.select(stay), drawn[stay]
        if len(going):
            following, state = self.stepper.step(drawn, going.held, going.state)
            going = replace(going, following=following, state=state, turn=going.turn + 1)
        self._keep(going)

    def _keep(self, going: Going) -> None:
        self._going = going if len(going) else None
        self._noise = self._noise if len(going) else self._noise.new_empty(0)


def _stacked(first: Tensor, second: Tensor) -> Tensor:
    """``[A, T, K]`` and ``[B, U, K]`` to ``[A + B, max(T, U), K]``."""
    longest = max(first.shape[1], second.shape[1])
    return torch.cat([F.pad(each, (0, 0, 0, longest - each.shape[1])) for each in (first, second)])
