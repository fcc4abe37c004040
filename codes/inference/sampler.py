"""Prefixes to continuations, many at once: reads every prefix in one call, then draws all of them point by point.

Knows decoders and stroke-5 in model units; knows no files, no categories, no pixels. All randomness of a drawing is
fixed before its first point, from its own seed, so a drawing is the same alone and among others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codes.data.batches import Batch
from codes.inference.options import SamplingOptions
from codes.model.decoder import Decoder, DecoderState, Stepper
from codes.model.mixture import PointDistribution, draw_noise
from codes.model.vae import SketchVAE

END = 4  # the column of stroke-5


@dataclass(frozen=True)
class Drawn:
    """What was added to a prefix.

    Attributes:
        points: ``[n, 3]`` stroke-3 in model units, ``n >= 0``; the last row lifts the pen if the drawing ended.
        ended: whether the model ended it.
        log_likelihood: nats at temperature 1 of the added points and pen states, the end included.
    """

    points: NDArray[np.float64]
    ended: bool
    log_likelihood: float


@dataclass(frozen=True)
class Step:
    """One point of every drawing that goes on.

    Attributes:
        drawings: ``[A]`` which of the drawings.
        points: ``[A, 5]`` stroke-5; a row whose END is set ends its drawing and is not drawn.
        following: ``[A]`` what they were drawn from, at temperature 1.
    """

    drawings: Tensor
    points: Tensor
    following: PointDistribution

    def log_prob(self) -> Tensor:
        """Nats at temperature 1, ``[A]``; an end has no offset."""
        pen = self.points[:, 2:]
        return self.following.log_prob_pen(pen) + self.following.log_prob_offset(self.points[:, :2]) * (1 - pen[:, 2])

    def select(self, rows: Tensor) -> Step:
        """Some of the drawings."""
        return Step(self.drawings[rows], self.points[rows], self.following.select(rows))

    @classmethod
    def joined(cls, steps: Sequence[Step]) -> Step:
        """Several steps as one, so that they are measured together."""
        drawings, points = (torch.cat([getattr(each, name) for each in steps]) for name in ("drawings", "points"))
        return cls(drawings, points, PointDistribution.joined([each.following for each in steps]))


def blank(count: int) -> Batch:
    """Empty prefixes: nothing drawn yet."""
    return Batch(torch.zeros(count, 1, 5), torch.zeros(count, dtype=torch.long), torch.zeros(count, dtype=torch.long))


@torch.no_grad()
def latent_of(vae: SketchVAE, prefixes: Batch, options: SamplingOptions) -> Tensor:
    """z for each drawing, ``[B * variations, Z]``; a variation of a sketch only differs in z if it is the prior's."""
    size = vae.config.decoder.latent
    if options.latent == "prior":
        return torch.stack([torch.randn(size, generator=rng) for rng in _generators(prefixes, options, stream=1)])
    if options.latent == "zero":
        return torch.zeros(len(prefixes) * options.variations, size)
    mean = vae.encode(prefixes.points, prefixes.lengths).mean
    return mean.repeat_interleave(options.variations, dim=0)


def _generators(prefixes: Batch, options: SamplingOptions, stream: int) -> Iterator[torch.Generator]:
    """The random numbers of each drawing: of its prefix, the seed and its number, and of nothing else.

    The prefix has its say so that the drawings of a data set do not all end at the same throw of the dice: its pen
    states do, since offsets differ in their last digits with the units they came in.
    """
    for points, length in zip(prefixes.points, prefixes.lengths.tolist(), strict=True):
        prefix = crc32(points[:length, 2:].to(torch.uint8).numpy().tobytes())
        for variation in range(options.variations):
            words = np.random.SeedSequence([options.seed, variation, stream, prefix]).generate_state(2, np.uint32)
            yield torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


@torch.no_grad()
def continue_drawings(stepper: Stepper, prefixes: Batch, z: Tensor, options: SamplingOptions) -> Iterator[Step]:
    """Go on with every prefix, ``options.variations`` times each; drawing ``b * variations + i`` is variation i of b.

    ``z`` is ``[B * variations, Z]``, see :func:`latent_of`. Yields a step for each point until all have ended or
    ``max_points`` is reached.
    """
    generators = _generators(prefixes, options, stream=0)
    mixtures = stepper.decoder.config.mixtures
    noise = torch.stack([draw_noise(options.max_points + 1, mixtures, rng) for rng in generators])
    following, state = _read(stepper.decoder, prefixes, z, options)
    drawings, held = torch.arange(len(z)), stepper.held(z)
    for turn in range(options.max_points + 1):
        drawn = following.at_temperature(options.temperature).sample(noise[:, turn])
        yield Step(drawings, drawn, following)
        going = (drawn[:, END] == 0).nonzero().squeeze(1)
        if len(going) == 0:
            return
        if len(going) < len(drawings):
            drawings, drawn, noise, held = (each[going] for each in (drawings, drawn, noise, held))
            state = state.select(going)
        following, state = stepper.step(drawn, held, state)


def _read(
    decoder: Decoder, prefixes: Batch, z: Tensor, options: SamplingOptions
) -> tuple[PointDistribution, DecoderState]:
    """What follows each drawing's prefix, and the state there; a prefix is read once unless its z differ."""
    many = options.variations
    one_code = torch.equal(z, z[::many].repeat_interleave(many, dim=0))
    alike = many if one_code else 1  # drawings in a row that begin with the same state
    each = torch.arange(len(z) // alike) * alike // many
    following, state = decoder.read(prefixes.points[each], prefixes.lengths[each], z[::alike])
    if not prefixes.lengths.any():  # on blank paper something is drawn
        following = following.without_end()
    back = torch.arange(len(z)) // alike
    return following.select(back), state.select(back)


def gather(steps: Iterator[Step], count: int, max_points: int) -> list[Drawn]:
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
        Drawn(_as_stroke3(points[i, : added[i]], ended[i]), ended[i], likelihood)
        for i, likelihood in enumerate(nats.tolist())
    ]


def _as_stroke3(rows: NDArray[np.float64], ended: bool) -> NDArray[np.float64]:
    """Drop what stroke-3 has no word for; where the drawing ended, the pen is up."""
    points = rows[:, [0, 1, 3]].copy()
    if ended and len(points):
        points[-1, 2] = 1
    return points
