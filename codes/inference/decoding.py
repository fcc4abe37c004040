"""Drawings of one decoder that are under way together: others may join, and any may leave, between two points.

Knows decoders and stroke-5 in model units, and that everything random in a drawing was fixed before its first point;
so what becomes of a drawing does not depend on the others.

Prefixes to continuations, many at once: reads every prefix in one call, then draws all of them point by point.

Knows decoders and stroke-5 in model units; knows no files, no categories, no pixels. All randomness of a drawing is
fixed before its first point, from its own seed, so a drawing is the same alone and among others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from codes.data.batches import Batch
from codes.inference.options import LatentSource, SamplingOptions
from codes.model.decoder import Decoder, DecoderState, Stepper
from codes.model.mixture import PointDistribution, apply_temperature, draw_noise
from codes.model.vae import SketchVAE

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
class ActiveBatch:
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

    def select(self, rows: Tensor) -> ActiveBatch:
        """Some of the drawings."""
        plain = {name: getattr(self, name)[rows] for name in PLAIN}
        return ActiveBatch(following=self.following.select(rows), state=self.state.select(rows), **plain)

    def joined(self, others: ActiveBatch) -> ActiveBatch:
        """These drawings, then the others."""
        plain = {name: torch.cat([getattr(self, name), getattr(others, name)]) for name in PLAIN}
        following = PointDistribution.joined([self.following, others.following])
        return ActiveBatch(following=following, state=DecoderState.joined([self.state, others.state]), **plain)


@dataclass(frozen=True)
class PreparedBatch:
    """Drawings that have no point yet, each with everything that will be random in it.

    Attributes:
        going: ``[A]``, numbered from 0.
        noise: ``[A, T, K]``, of their temperatures; T is more than the points of any.
    """

    going: ActiveBatch
    noise: Tensor


class Drawings:
    """Drawings of one decoder that are under way together; others may join, and any may leave, between two points.

    What becomes of a drawing does not depend on the others. They are numbered in the order in which they join.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper
        self._going: ActiveBatch | None = None
        self._noise = torch.empty(0)
        self._joined = 0

    def __len__(self) -> int:
        return len(self._going) if self._going else 0

    def join(self, beginning: PreparedBatch) -> range:
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

    def _go_on(self, going: ActiveBatch, drawn: Tensor, over: Tensor) -> None:
        """Tell the decoder what was drawn."""
        if over.any():
            stay = (~over).nonzero().squeeze(1)
            going, drawn = going.select(stay), drawn[stay]
        if len(going):
            following, state = self.stepper.step(drawn, going.held, going.state)
            going = replace(going, following=following, state=state, turn=going.turn + 1)
        self._keep(going)

    def _keep(self, going: ActiveBatch) -> None:
        self._going = going if len(going) else None
        self._noise = self._noise if len(going) else self._noise.new_empty(0)


def _stacked(first: Tensor, second: Tensor) -> Tensor:
    """``[A, T, K]`` and ``[B, U, K]`` to ``[A + B, max(T, U), K]``."""
    longest = max(first.shape[1], second.shape[1])
    return torch.cat([F.pad(each, (0, 0, 0, longest - each.shape[1])) for each in (first, second)])


Options = SamplingOptions | Sequence[SamplingOptions]  # of all prefixes, or of each


@dataclass(frozen=True)
class Continuation:
    """What was added to a prefix.

    Attributes:
        points: ``[n, 3]`` stroke-3 in model units, ``n >= 0``; the last row lifts the pen if the drawing ended.
        ended: whether the model ended it.
        log_likelihood: nats at temperature 1 of the added points and pen states, the end included.
    """

    points: NDArray[np.float64]
    ended: bool
    log_likelihood: float


def blank(count: int) -> Batch:
    """Empty prefixes: nothing drawn yet."""
    return Batch(torch.zeros(count, 1, 5), torch.zeros(count, dtype=torch.long), torch.zeros(count, dtype=torch.long))


def _each(options: Options, prefixes: Batch) -> Sequence[SamplingOptions]:
    """The options of every prefix."""
    return [options] * len(prefixes) if isinstance(options, SamplingOptions) else options


@torch.no_grad()
def latent_of(vae: SketchVAE, prefixes: Batch, options: Options) -> Tensor:
    """z for each drawing, ``[A, Z]``; a variation of a sketch only differs in z if it is the prior's."""
    asked = _each(options, prefixes)
    means = torch.zeros(len(prefixes), vae.config.decoder.latent)
    if any(each.latent == "prefix" for each in asked):
        means = vae.encode(prefixes.points, prefixes.lengths).mean
    generators = _generators(prefixes, asked, stream=1)
    return torch.stack(
        [
            _code(each.latent, mean, next(generators))
            for mean, each in zip(means, asked, strict=True)
            for _ in range(each.variations)
        ]
    )


def _code(source: LatentSource, mean: Tensor, rng: torch.Generator) -> Tensor:
    if source == "prior":
        return torch.randn(mean.shape, generator=rng)
    return mean if source == "prefix" else torch.zeros_like(mean)


def _generators(prefixes: Batch, asked: Sequence[SamplingOptions], stream: int) -> Iterator[torch.Generator]:
    """The random numbers of each drawing: of its prefix, the seed and its number, and of nothing else.

    The prefix has its say so that the drawings of a data set do not all end at the same throw of the dice: its pen
    states do, since offsets differ in their last digits with the units they came in.
    """
    for points, length, options in zip(prefixes.points, prefixes.lengths.tolist(), asked, strict=True):
        prefix = crc32(points[:length, 2:].to(torch.uint8).numpy().tobytes())
        for variation in range(options.variations):
            words = np.random.SeedSequence([options.seed, variation, stream, prefix]).generate_state(2, np.uint32)
            yield torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


@torch.no_grad()
def begin(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> PreparedBatch:
    """Read every prefix, and make ready ``variations`` drawings of each, one prefix after another.

    ``z`` is ``[A, Z]``, see :func:`latent_of`.
    """
    asked = _each(options, prefixes)
    owners = torch.arange(len(prefixes)).repeat_interleave(torch.tensor([each.variations for each in asked]))
    steps, mixtures = max(each.max_points for each in asked) + 1, stepper.decoder.config.mixtures
    noise = torch.stack([draw_noise(steps, mixtures, rng) for rng in _generators(prefixes, asked, stream=0)])
    following, state = _read(stepper.decoder, prefixes, z, owners)
    numbers = torch.arange(len(z))
    going = ActiveBatch(
        numbers=numbers,
        following=following,
        state=state,
        held=stepper.held(z),
        noise=numbers,
        turn=torch.zeros_like(numbers),
        most=torch.tensor([each.max_points for each in asked])[owners],
    )
    temperatures = torch.tensor([each.temperature for each in asked], dtype=torch.float64)[owners]
    return PreparedBatch(going, apply_temperature(noise, temperatures.unsqueeze(-1)))


def _read(decoder: Decoder, prefixes: Batch, z: Tensor, owners: Tensor) -> tuple[PointDistribution, DecoderState]:
    """What follows the prefix of each drawing, and the state there; a prefix is read once unless its z differ.

    ``owners [A]`` says whose drawing each is, in order.
    """
    first = torch.searchsorted(owners, torch.arange(len(prefixes)))
    one_code = torch.equal(z, z[first][owners])
    reading, back = (first, owners) if one_code else (torch.arange(len(z)), torch.arange(len(z)))
    which = owners[reading]
    following, state = decoder.read(prefixes.points[which], prefixes.lengths[which], z[reading])
    if not prefixes.lengths.any():  # on blank paper something is drawn
        following = following.without_end()
    return following.select(back), state.select(back)


def continue_drawings(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> Iterator[Step]:
    """Go on with every prefix, ``variations`` times each; the drawings of the first prefix come first.

    ``z`` is ``[A, Z]``, see :func:`latent_of`. Yields a step for each point until all have ended or have as many
    points as they may have.
    """
    drawings = Drawings(stepper)
    drawings.join(begin(stepper, prefixes, z, options))
    while drawings:
        yield drawings.step()


def collect(steps: Iterator[Step], count: int, max_points: int) -> list[Continuation]:
    """Collect the steps of ``count`` drawings."""
    taken = list(steps)
    if len(taken) > max_points:  # one look past the last point: only an end counts
        taken[-1] = taken[-1].select(taken[-1].points[:, END] == 1)
    turns = torch.arange(len(taken)).repeat_interleave(torch.tensor([len(step.drawings) for step in taken]))
    everything = Step.joined(taken)
    rows = torch.zeros(count, len(taken), 5)
    rows[everything.drawings, turns] = everything.points
    ended = rows[..., END].any(dim=1).tolist()
    added = rows[..., 2:END].sum(dim=(1, 2)).long().tolist()
    nats = torch.zeros(count, dtype=torch.float64).index_add_(0, everything.drawings, everything.log_prob().double())
    points = rows.double().numpy()
    return [
        Continuation(_as_stroke3(points[i, : added[i]], ended[i]), ended[i], likelihood)
        for i, likelihood in enumerate(nats.tolist())
    ]


def _as_stroke3(rows: NDArray[np.float64], ended: bool) -> NDArray[np.float64]:
    """Drop what stroke-3 has no word for; where the drawing ended, the pen is up."""
    points = rows[:, [0, 1, 3]].copy()
    if ended and len(points):
        points[-1, 2] = 1
    return points
