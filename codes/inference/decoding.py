"""Draw point by point: many drawings together, which others may join and any may leave.

Knows decoders and stroke-5 in model units; knows no files, no categories and no pixels. Everything random in a drawing
is fixed before its first point by its own :class:`NoiseKey`, so a drawing is the same alone and among others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from codes.data.batches import Batch
from codes.inference.options import LatentSource, SamplingOptions
from codes.model.decoder import DecoderState
from codes.model.mixture import apply_temperature, draw_noise
from codes.model.stepper import Stepper, StepWeights
from codes.model.vae import SketchVAE
from codes.strokes.stroke3 import DX, DY, END, LIFT, PEN, UP

Options = SamplingOptions | Sequence[SamplingOptions]  # of all prefixes, or of each

# What random numbers are for: the points of a drawing, its code from the prior, the points after an opening.
POINTS, CODE, LATER_POINTS = range(3)


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
        nats: ``[A]`` of them at temperature 1; of an end without its offset, and 0 for a point that is one too many.
        over: ``[A]`` true where this was the drawing's last step: it ended, or has as many points as it may have.
        paused: ``[A]`` true where the drawing waits now since the pen was lifted.
    """

    drawings: NDArray[np.int64]
    points: NDArray[np.float32]
    nats: NDArray[np.float32]
    over: NDArray[np.bool_]
    paused: NDArray[np.bool_]


# Of each drawing: its number, its row in the tables of noise and of points drawn, how many points it has, how many it
# may have, and whether it is to wait when it lifts the pen.
ENTRY = np.dtype(
    [("number", np.int64), ("slot", np.int64), ("n_drawn", np.int64), ("max_points", np.int64), ("pauses", np.bool_)]
)


@dataclass(frozen=True)
class ActiveBatch:
    """Hold drawings between two points: a value, from which some can be taken and to which others can be joined.

    Attributes:
        entries: ``[A]`` of :data:`ENTRY`.
        static_input: ``[A, 4 H]`` what z adds to the decoder's gates at every point.
        state: ``[A]`` states of the decoder.
    """

    entries: NDArray[np.void]
    static_input: Tensor
    state: DecoderState

    def __len__(self) -> int:
        return len(self.entries)

    def with_entries(self, **changes: ArrayLike) -> ActiveBatch:
        """Return the same with other values in some columns of the entries."""
        entries = self.entries.copy()
        for name, values in changes.items():
            entries[name] = values
        return replace(self, entries=entries)

    def going_on(self) -> ActiveBatch:
        """Return drawings that begin where these stand and may have as many points as these may still have."""
        left = self.entries["max_points"] - self.entries["n_drawn"]
        return self.with_entries(n_drawn=0, max_points=left, pauses=False)

    def select(self, rows: NDArray[Any]) -> ActiveBatch:
        """Return some of the drawings, by their numbers from 0 or by a mask."""
        chosen = torch.from_numpy(rows)
        return ActiveBatch(self.entries[rows], self.static_input[chosen], self.state.select(chosen))

    @classmethod
    def joined(cls, batches: Sequence[ActiveBatch]) -> ActiveBatch:
        """Return the drawings of the first batch, then those of the second, and so on."""
        return cls(
            np.concatenate([each.entries for each in batches]),
            torch.cat([each.static_input for each in batches]),
            DecoderState.joined([each.state for each in batches]),
        )


@dataclass(frozen=True)
class PreparedBatch:
    """Hold drawings that have no point yet.

    Attributes:
        active: ``[A]``, numbered from 0.
        noise: ``[A, T, K]`` all random numbers, scaled to each drawing's temperature; T is more than the points of any.
    """

    active: ActiveBatch
    noise: Tensor


class DrawingTables:
    """Hold a row for each drawing that was not collected; rows that are free again are used again.

    Attributes:
        noise: ``[R, T, K]`` all random numbers of each.
        points: ``[R, T, 5]`` stroke-5 drawn so far.
        nats: ``[R]`` of these points.
    """

    def __init__(self) -> None:
        self.noise = self.points = np.empty((0, 0, 0), np.float32)
        self.nats = np.empty(0)
        self._free: list[int] = []

    def add(self, noise: NDArray[np.float32]) -> list[int]:
        """Return the rows of new drawings, of which this is the noise, ``[B, T, K]``."""
        count, steps, width = noise.shape
        rows, longest = len(self.nats), max(steps, self.noise.shape[1])
        if count > len(self._free) or longest > self.noise.shape[1]:
            grown = rows if count <= len(self._free) else max(2 * rows, rows + count)
            self.noise = _grown(self.noise, (grown, longest, width))
            self.points = _grown(self.points, (grown, longest, 5))
            self.nats = _grown(self.nats, (grown,))
            self._free += range(rows, grown)
        slots = [self._free.pop() for _ in range(count)]
        self.noise[slots, :steps], self.nats[slots] = noise, 0.0
        return slots

    def free(self, slot: int) -> None:
        """Let another drawing have this row."""
        self._free.append(slot)


class Drawings:
    """Step all drawings of decoders that share weights; others may join, and any may leave, between two points.

    A drawing does not depend on the others. Drawings are numbered in the order in which they join.
    """

    def __init__(self, weights: StepWeights) -> None:
        self.weights = weights
        self._active: ActiveBatch | None = None
        self._tables = DrawingTables()
        self._slots: dict[int, int] = {}  # rows of the tables, by number
        self._n_steps: dict[int, int] = {}  # of drawings that are over
        self._paused: dict[int, ActiveBatch] = {}  # drawings that wait at a pen-up, one in each batch
        self._joined = 0

    def __len__(self) -> int:
        return len(self._active) if self._active else 0

    def join(self, prepared: PreparedBatch) -> range:
        """Add drawings and return their numbers, in order."""
        numbers = range(self._joined, self._joined + len(prepared.active))
        slots = self._tables.add(prepared.noise.numpy())
        self._slots |= zip(numbers, slots, strict=True)
        active = prepared.active.with_entries(number=numbers, slot=slots)
        self._active = ActiveBatch.joined([self._active, active]) if self._active else active
        self._joined = numbers.stop
        return numbers

    def leave(self, numbers: Collection[int]) -> None:
        """Forget these drawings, whether they are over or not."""
        for number in numbers:
            if number in self._slots:
                self._tables.free(self._slots.pop(number))
            self._n_steps.pop(number, None)
            self._paused.pop(number, None)
        if self._active and numbers:
            stays = [number not in numbers for number in self._active.entries["number"].tolist()]
            self._keep(self._active.select(np.array(stays)))

    @torch.no_grad()
    def step(self) -> Step:
        """Draw one more point of every active drawing; those that are over or paused wait to be collected."""
        assert self._active, "nothing is being drawn"
        active = self._active
        numbers, slots, n_drawn, max_points, pauses = (active.entries[name] for name in ENTRY.names or ())
        drawn, likely = active.state.following.draw(torch.from_numpy(self._tables.noise[slots, n_drawn]))
        points, ends, one_too_many = drawn.numpy(), drawn.numpy()[:, END] == 1, n_drawn == max_points
        nats = np.where(ends | ~one_too_many, likely.numpy(), 0.0)
        over = ends | one_too_many
        paused = pauses & ~over & (points[:, UP] == 1)
        self._tables.points[slots, n_drawn] = points
        self._tables.nats[slots] += nats
        step = Step(numbers, points, nats, over, paused)
        if over.any():
            self._n_steps |= dict(zip(numbers[over].tolist(), (n_drawn[over] + 1).tolist(), strict=True))
            active, drawn, paused = active.select(~over), drawn[torch.from_numpy(~over)], paused[~over]
        if len(active):
            state = self.weights.step(drawn, active.static_input, active.state)
            entries = active.entries.copy()
            entries["n_drawn"] += 1
            active = ActiveBatch(entries, active.static_input, state)
        if paused.any():
            for row in paused.nonzero()[0]:
                self._paused[int(active.entries["number"][row])] = active.select(np.array([row]))
            active = active.select(~paused)
        self._keep(active)
        return step

    def collect(self, numbers: Sequence[int]) -> list[Continuation]:
        """Return, and forget, what was drawn of drawings that are over."""
        counts = [self._n_steps.pop(number) for number in numbers]
        drawn = [self._take(number, count) for number, count in zip(numbers, counts, strict=True)]
        return [_continuation(rows, nats) for rows, nats in drawn]

    def collect_paused(self, number: int) -> tuple[Continuation, ActiveBatch]:
        """Return, and forget, what was drawn of a drawing that waits at a pen-up, and where it stands, ``[1]``."""
        waiting = self._paused.pop(number)
        rows, nats = self._take(number, int(waiting.entries["n_drawn"][0]))
        return Continuation(rows[:, [DX, DY, UP]].astype(np.float64), False, nats), waiting

    def _take(self, number: int, count: int) -> tuple[NDArray[np.float32], float]:
        """Return the first ``count`` rows of a drawing and its nats; its row in the tables is free then."""
        slot = self._slots.pop(number)
        self._tables.free(slot)
        return self._tables.points[slot, :count].copy(), float(self._tables.nats[slot])

    def _keep(self, active: ActiveBatch) -> None:
        self._active = active if len(active) else None


def draw(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> list[Continuation]:
    """Continue every prefix ``variations`` times; those of the first prefix come first.

    ``z`` is ``[A, Z]``, one for each drawing, see :func:`latents`.
    """
    drawings = Drawings(stepper.weights)
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
    return with_noise(stepper.weights, starts, noise_keys(prefixes, options), temperatures)


@torch.no_grad()
def read_prefixes(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> ActiveBatch:
    """Return where the ``variations`` drawings of each prefix begin, numbered from 0, one prefix after another.

    ``z`` is ``[A, Z]``, one for each drawing, see :func:`latents`.
    """
    each_options = _options_of_each(options, prefixes)
    owners = torch.arange(len(prefixes)).repeat_interleave(torch.tensor([each.variations for each in each_options]))
    entries = np.zeros(len(z), ENTRY)
    entries["number"] = entries["slot"] = np.arange(len(z))
    entries["max_points"] = [each.max_points for each in each_options for _ in range(each.variations)]
    return ActiveBatch(entries, stepper.static_gates(z), _read(stepper, prefixes, z, owners))


def with_noise(
    weights: StepWeights, starts: ActiveBatch, keys: Sequence[NoiseKey], temperatures: Sequence[float]
) -> PreparedBatch:
    """Return drawings that begin at ``starts [A]``, each with the random numbers of its key."""
    steps, mixtures = int(starts.entries["max_points"].max()) + 1, weights.decoder.config.mixtures
    rngs = [key.generator(LATER_POINTS if key.later else POINTS) for key in keys]
    noise = draw_noise(steps, mixtures, rngs)
    scale = torch.tensor(temperatures, dtype=torch.float64).unsqueeze(-1)
    return PreparedBatch(starts, apply_temperature(noise, scale))


def _read(stepper: Stepper, prefixes: Batch, z: Tensor, owners: Tensor) -> DecoderState:
    """Return the state after the prefix of each drawing; a prefix is read once unless its z differ.

    ``owners [A]`` holds the prefix of each drawing, in order.
    """
    first = torch.searchsorted(owners, torch.arange(len(prefixes)))
    one_code = torch.equal(z, z[first][owners])
    reading, back = (first, owners) if one_code else (torch.arange(len(z)), torch.arange(len(z)))
    which = owners[reading]
    state = stepper.read(prefixes.points[which], prefixes.lengths[which], z[reading])
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


def _continuation(rows: NDArray[np.float32], log_likelihood: float) -> Continuation:
    """Return stroke-5 rows ``[n + 1, 5]``, of which the last ended or was one too many, as a continuation."""
    ended = bool(rows[-1, END] == 1)
    points = rows[:-1][:, [DX, DY, UP]].astype(np.float64)
    if ended and len(points):
        points[-1, LIFT] = 1  # where the drawing ended, the pen is up
    return Continuation(points, ended, log_likelihood)


def _grown(table: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a larger table that begins with this one."""
    larger = np.zeros(shape, table.dtype)
    if table.size:
        larger[tuple(slice(length) for length in table.shape)] = table
    return larger
