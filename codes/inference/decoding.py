"""Draw point by point with one decoder: many drawings together, which others may join and any may leave.

Knows decoders and stroke-5 in model units; knows no files, no categories and no pixels. Everything random in a drawing
is fixed before its first point by its own :class:`NoiseKey`, so a drawing is the same alone and among others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
from codes.sketch.stroke3 import DX, DY, END, LIFT, OFFSET, PEN, UP

Options = SamplingOptions | Sequence[SamplingOptions]  # of all prefixes, or of each

PER_DRAWING = ("numbers", "slots", "static_input", "n_drawn", "max_points", "pauses")  # tensors of an active batch
# What random numbers are for: the points of a drawing, its code from the prior, the points after an opening.
POINTS, CODE, LATER_POINTS = range(3)
MAX_UNSCORED = 4096  # points whose likelihoods may wait to be computed together


@dataclass(frozen=True)
class Continuation:
    """Hold what was added to a prefix.

    Attributes:
        points: ``[n, 3]`` stroke-3 in model units, ``n >= 0``; the last row lifts the pen if the drawing ended.
        ended: true if the model ended the drawing, false if it was cut off at its most points.
        log_likelihood: nats at temperature 1 of the added points and pen states, the end included.
    """

    points: NDArray[np.float64]
    ended: bool
    log_likelihood: float

    def __len__(self) -> int:
        return len(self.points)

    def followed_by(self, other: Continuation) -> Continuation:
        """Return this and what was added after it as one."""
        points = np.concatenate([self.points, other.points])
        return Continuation(points, other.ended, self.log_likelihood + other.log_likelihood)


@dataclass(frozen=True)
class NoiseKey:
    """Name the random numbers of one drawing, which are a function of this key alone.

    Attributes:
        prefix: a checksum of what is continued.
        seed: of the options.
        variation: its number among the ways to finish the prefix.
        candidate: its number among the drawings that are made for the variation.
        later: true for what follows an opening that was settled before.
    """

    prefix: int
    seed: int
    variation: int
    candidate: int = 0
    later: bool = False

    def generator(self, stream: int) -> torch.Generator:
        """Return the key's random numbers for one purpose: :data:`POINTS`, :data:`CODE` or :data:`LATER_POINTS`."""
        entropy = [self.seed, self.variation, stream, self.prefix, self.candidate]
        words = np.random.SeedSequence(entropy).generate_state(2, np.uint32)
        return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


@dataclass(frozen=True)
class Step:
    """One point of every active drawing.

    Attributes:
        drawings: ``[A]`` numbers of the drawings.
        points: ``[A, 5]`` stroke-5; a row whose END is set ends its drawing and is not drawn.
        following: ``[A]`` the distributions that the points were drawn from, at temperature 1 and for these points.
        over: ``[A]`` true where this was the drawing's last step: it ended, or has as many points as it may have.
        paused: ``[A]`` true where the drawing waits now since the pen was lifted.
    """

    drawings: Tensor
    points: Tensor
    following: PointDistribution
    over: Tensor
    paused: Tensor

    def log_prob(self) -> Tensor:
        """Return nats at temperature 1, ``[A]``. An end has no offset; a point that is one too many costs nothing."""
        pen = self.points[:, PEN]
        ends = self.points[:, END]
        nats = self.following.log_prob_pen(pen) + self.following.log_prob_offset(self.points[:, OFFSET]) * (1 - ends)
        return nats.where(~self.over | (ends == 1), 0.0)

    @classmethod
    def joined(cls, steps: Sequence[Step]) -> Step:
        """Return several steps as one, so that they are scored together."""
        drawings, points, over, paused = (
            torch.cat([getattr(each, name) for each in steps]) for name in ("drawings", "points", "over", "paused")
        )
        return cls(drawings, points, PointDistribution.joined([each.following for each in steps]), over, paused)


@dataclass(frozen=True)
class ActiveBatch:
    """Hold drawings between two points: a value, from which some can be taken and to which others can be joined.

    Attributes:
        numbers: ``[A]`` which drawings.
        slots: ``[A]`` their rows in the tables of noise and of points drawn.
        static_input: ``[A, 4 H]`` what z adds to the decoder's gates at every point.
        n_drawn: ``[A]`` points drawn so far.
        max_points: ``[A]`` most points that may be drawn.
        pauses: ``[A]`` true for a drawing that is to wait when it lifts the pen.
        state: ``[A]`` states of the decoder.
    """

    numbers: Tensor
    slots: Tensor
    static_input: Tensor
    n_drawn: Tensor
    max_points: Tensor
    pauses: Tensor
    state: DecoderState

    def __len__(self) -> int:
        return len(self.numbers)

    def going_on(self) -> ActiveBatch:
        """Return drawings that begin where these stand and may have as many points as these may still have."""
        return replace(
            self,
            n_drawn=torch.zeros_like(self.n_drawn),
            max_points=self.max_points - self.n_drawn,
            pauses=torch.zeros_like(self.pauses),
        )

    def select(self, rows: Tensor) -> ActiveBatch:
        """Return some of the drawings."""
        tensors = {name: getattr(self, name)[rows] for name in PER_DRAWING}
        return ActiveBatch(state=self.state.select(rows), **tensors)

    @classmethod
    def joined(cls, batches: Sequence[ActiveBatch]) -> ActiveBatch:
        """Return the drawings of the first batch, then those of the second, and so on."""
        tensors = {name: torch.cat([getattr(each, name) for each in batches]) for name in PER_DRAWING}
        return cls(state=DecoderState.joined([each.state for each in batches]), **tensors)


@dataclass(frozen=True)
class PreparedBatch:
    """Hold drawings that have no point yet.

    Attributes:
        active: ``[A]``, numbered from 0.
        noise: ``[A, T, K]`` all random numbers, scaled to each drawing's temperature; T is more than the points of any.
    """

    active: ActiveBatch
    noise: Tensor


class Drawings:
    """Step all drawings of one decoder together; others may join, and any may leave, between two points.

    A drawing does not depend on the others. Drawings are numbered in the order in which they join. Tables hold a row
    for each drawing that was not collected: its noise, and, once they have been scored, its points and their nats.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper
        self._active: ActiveBatch | None = None
        self._noise, self._points, self._nats = torch.empty(0, 0, 0), torch.empty(0, 0, 0), torch.empty(0)
        self._slots: dict[int, int] = {}  # rows of the tables, by number
        self._n_steps: dict[int, int] = {}  # of drawings that are over
        self._paused: dict[int, ActiveBatch] = {}  # drawings that wait at a pen-up, one in each batch
        self._joined = 0
        self._unscored: list[tuple[Step, Tensor, Tensor]] = []  # a step, the slots of its drawings, their points so far
        self._n_unscored = 0

    def __len__(self) -> int:
        return len(self._active) if self._active else 0

    def join(self, prepared: PreparedBatch) -> range:
        """Add drawings and return their numbers, in order."""
        self._score()
        numbers = range(self._joined, self._joined + len(prepared.active))
        kept = torch.tensor(list(self._slots.values()), dtype=torch.long)
        empty = prepared.noise.new_zeros(*prepared.noise.shape[:2], 5)
        self._noise = _stacked(self._noise[kept], prepared.noise)
        self._points = _stacked(self._points[kept], empty)
        self._nats = torch.cat([self._nats[kept], empty.new_zeros(len(numbers))])
        self._slots = {number: slot for slot, number in enumerate([*self._slots, *numbers])}
        active = replace(prepared.active, numbers=torch.tensor(numbers))
        active = ActiveBatch.joined([self._active, active]) if self._active else active
        self._active = replace(active, slots=torch.tensor([self._slots[number] for number in active.numbers.tolist()]))
        self._joined = numbers.stop
        return numbers

    def leave(self, numbers: Collection[int]) -> None:
        """Forget these drawings, whether they are over or not."""
        for number in numbers:
            self._slots.pop(number, None)
            self._n_steps.pop(number, None)
            self._paused.pop(number, None)
        if self._active:
            stays = [number not in numbers for number in self._active.numbers.tolist()]
            self._keep(self._active.select(torch.tensor(stays, dtype=torch.bool)))

    @torch.no_grad()
    def step(self) -> Step:
        """Draw one more point of every active drawing; those that are over or paused wait to be collected."""
        assert self._active, "nothing is being drawn"
        active = self._active
        following = active.state.following
        drawn = following.sample(self._noise[active.slots, active.n_drawn])
        over = (drawn[:, END] == 1) | (active.n_drawn == active.max_points)
        paused = active.pauses & ~over & (drawn[:, UP] == 1)
        step = Step(active.numbers, drawn, following.at(drawn[:, OFFSET]), over, paused)
        self._unscored.append((step, active.slots, active.n_drawn))
        self._n_unscored += len(drawn)
        if self._n_unscored > MAX_UNSCORED:
            self._score()
        if over.any():
            done, stay = over.nonzero().squeeze(1), (~over).nonzero().squeeze(1)
            counts = (active.n_drawn[done] + 1).tolist()
            self._n_steps |= dict(zip(active.numbers[done].tolist(), counts, strict=True))
            active, drawn, paused = active.select(stay), drawn[stay], paused[stay]
        if len(active):
            state = self.stepper.step(drawn, active.static_input, active.state)
            active = replace(active, state=state, n_drawn=active.n_drawn + 1)
        if paused.any():
            for row in paused.nonzero():
                self._paused[int(active.numbers[row])] = active.select(row)
            active = active.select(~paused)
        self._keep(active)
        return step

    def collect(self, numbers: Sequence[int]) -> list[Continuation]:
        """Return, and forget, what was drawn of drawings that are over."""
        self._score()
        slots = torch.tensor([self._slots.pop(number) for number in numbers], dtype=torch.long)
        rows, nats = self._points[slots].double().numpy(), self._nats[slots].tolist()
        counts = [self._n_steps.pop(number) for number in numbers]
        return [_continuation(table[:count], each) for table, count, each in zip(rows, counts, nats, strict=True)]

    def collect_paused(self, number: int) -> tuple[Continuation, ActiveBatch]:
        """Return, and forget, what was drawn of a drawing that waits at a pen-up, and where it stands, ``[1]``."""
        self._score()
        slot, waiting = self._slots.pop(number), self._paused.pop(number)
        rows = self._points[slot, : int(waiting.n_drawn)].double().numpy()
        return Continuation(rows[:, [DX, DY, UP]].copy(), False, float(self._nats[slot])), waiting

    def _keep(self, active: ActiveBatch) -> None:
        self._active = active if len(active) else None

    def _score(self) -> None:
        """Write the points that wait, and their nats, into the tables."""
        if self._unscored:
            waiting, self._unscored, self._n_unscored = self._unscored, [], 0
            steps, slots, columns = zip(*waiting, strict=True)
            scored, rows = Step.joined(steps), torch.cat(slots)
            self._points[rows, torch.cat(columns)] = scored.points
            self._nats.index_add_(0, rows, scored.log_prob())


def draw(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> list[Continuation]:
    """Continue every prefix ``variations`` times; those of the first prefix come first.

    ``z`` is ``[A, Z]``, one for each drawing, see :func:`latents`.
    """
    drawings = Drawings(stepper)
    numbers = drawings.join(prepare(stepper, prefixes, z, options))
    while drawings:
        drawings.step()
    return drawings.collect(numbers)


def prepare(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> PreparedBatch:
    """Read every prefix and prepare ``variations`` drawings of each, one prefix after another.

    ``z`` is ``[A, Z]``, one for each drawing, see :func:`latents`.
    """
    each_options = _options_of_each(options, prefixes)
    temperatures = [each.temperature for each in each_options for _ in range(each.variations)]
    starts = read_prefixes(stepper, prefixes, z, options)
    return with_noise(stepper, starts, noise_keys(prefixes, options), temperatures)


@torch.no_grad()
def read_prefixes(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> ActiveBatch:
    """Return where the ``variations`` drawings of each prefix begin, numbered from 0, one prefix after another.

    ``z`` is ``[A, Z]``, one for each drawing, see :func:`latents`.
    """
    each_options = _options_of_each(options, prefixes)
    owners = torch.arange(len(prefixes)).repeat_interleave(torch.tensor([each.variations for each in each_options]))
    numbers = torch.arange(len(z))
    return ActiveBatch(
        numbers=numbers,
        slots=numbers,
        static_input=stepper.static_gates(z),
        n_drawn=torch.zeros_like(numbers),
        max_points=torch.tensor([each.max_points for each in each_options])[owners],
        pauses=torch.zeros_like(numbers, dtype=torch.bool),
        state=_read(stepper.decoder, prefixes, z, owners),
    )


def with_noise(
    stepper: Stepper, starts: ActiveBatch, keys: Sequence[NoiseKey], temperatures: Sequence[float]
) -> PreparedBatch:
    """Return drawings that begin at ``starts [A]``, each with the random numbers of its key."""
    steps, mixtures = int(starts.max_points.max()) + 1, stepper.decoder.config.mixtures
    noise = torch.stack(
        [draw_noise(steps, mixtures, key.generator(LATER_POINTS if key.later else POINTS)) for key in keys]
    )
    scale = torch.tensor(temperatures, dtype=torch.float64).unsqueeze(-1)
    return PreparedBatch(starts, apply_temperature(noise, scale))


def _read(decoder: Decoder, prefixes: Batch, z: Tensor, owners: Tensor) -> DecoderState:
    """Return the state after the prefix of each drawing; a prefix is read once unless its z differ.

    ``owners [A]`` holds the prefix of each drawing, in order.
    """
    first = torch.searchsorted(owners, torch.arange(len(prefixes)))
    one_code = torch.equal(z, z[first][owners])
    reading, back = (first, owners) if one_code else (torch.arange(len(z)), torch.arange(len(z)))
    which = owners[reading]
    state = decoder.read(prefixes.points[which], prefixes.lengths[which], z[reading])
    if not prefixes.lengths.any():  # on blank paper at least one point is drawn
        state = state.going_on()
    return state.select(back)


@torch.no_grad()
def latents(vae: SketchVAE, prefixes: Batch, options: Options) -> Tensor:
    """Return z for each drawing, ``[A, Z]``; variations of one sketch differ in z only if z comes from the prior."""
    each_options = _options_of_each(options, prefixes)
    means = torch.zeros(len(prefixes), vae.config.decoder.latent)
    if any(each.latent == "prefix" for each in each_options):
        means = vae.encode(prefixes.points, prefixes.lengths).mean
    keys = iter(noise_keys(prefixes, options))
    return torch.stack(
        [
            _latent(each.latent, mean, next(keys))
            for mean, each in zip(means, each_options, strict=True)
            for _ in range(each.variations)
        ]
    )


def blank(count: int) -> Batch:
    """Return empty prefixes: nothing is drawn yet."""
    return Batch(torch.zeros(count, 1, 5), torch.zeros(count, dtype=torch.long), torch.zeros(count, dtype=torch.long))


def _options_of_each(options: Options, prefixes: Batch) -> Sequence[SamplingOptions]:
    return [options] * len(prefixes) if isinstance(options, SamplingOptions) else options


def _latent(source: LatentSource, mean: Tensor, key: NoiseKey) -> Tensor:
    if source == "prior":
        return torch.randn(mean.shape, generator=key.generator(CODE))
    return mean if source == "prefix" else torch.zeros_like(mean)


def noise_keys(prefixes: Batch, options: Options) -> list[NoiseKey]:
    """Return the keys of the first candidates of all variations, one prefix after another.

    The prefix takes part so that the drawings of a data set do not all end at the same throw of the dice. Only its pen
    states do, since offsets differ in their last digits with the units they came in.
    """
    keys = []
    each_options = _options_of_each(options, prefixes)
    for points, length, each in zip(prefixes.points, prefixes.lengths.tolist(), each_options, strict=True):
        prefix = crc32(points[:length, PEN].to(torch.uint8).numpy().tobytes())
        keys += [NoiseKey(prefix, each.seed, variation) for variation in range(each.variations)]
    return keys


def _continuation(rows: NDArray[np.float64], log_likelihood: float) -> Continuation:
    """Return stroke-5 rows ``[n + 1, 5]``, of which the last ended or was one too many, as a continuation."""
    ended = bool(rows[-1, END] == 1)
    points = rows[:-1][:, [DX, DY, UP]].copy()
    if ended and len(points):
        points[-1, LIFT] = 1  # where the drawing ended, the pen is up
    return Continuation(points, ended, log_likelihood)


def _stacked(first: Tensor, second: Tensor) -> Tensor:
    """Return ``[A, T, K]`` and ``[B, U, K]`` as ``[A + B, max(T, U), K]``."""
    if not len(first):
        return second
    longest = max(first.shape[1], second.shape[1])
    return torch.cat([F.pad(each, (0, 0, 0, longest - each.shape[1])) for each in (first, second)])
