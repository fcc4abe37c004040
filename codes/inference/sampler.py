"""Prefixes to continuations, many at once: reads every prefix in one call, then draws all of them point by point.

Knows decoders and stroke-5 in model units; knows no files, no categories, no pixels. All randomness of a drawing is
fixed before its first point, from its own seed, so a drawing is the same alone and among others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codes.data.batches import Batch
from codes.inference.options import SamplingOptions
from codes.model.mixture import draw_noise
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
        log_prob: ``[A]`` nats at temperature 1.
    """

    drawings: Tensor
    points: Tensor
    log_prob: Tensor


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
def continue_drawings(vae: SketchVAE, prefixes: Batch, z: Tensor, options: SamplingOptions) -> Iterator[Step]:
    """Go on with every prefix, ``options.variations`` times each; drawing ``b * variations + i`` is variation i of b.

    ``z`` is ``[B * variations, Z]``, see :func:`latent_of`. Yields a step for each point until all have ended or
    ``max_points`` is reached.
    """
    many, mixtures = options.variations, vae.config.decoder.mixtures
    generators = _generators(prefixes, options, stream=0)
    noise = torch.stack([draw_noise(options.max_points + 1, mixtures, rng) for rng in generators])
    points, lengths = (part.repeat_interleave(many, dim=0) for part in (prefixes.points, prefixes.lengths))
    following, state = vae.decoder.read(points, lengths, z)
    if not lengths.any():  # on blank paper something is drawn
        following = following.without_end()
    drawings = torch.arange(len(z))
    for turn in range(options.max_points + 1):
        drawn = following.at_temperature(options.temperature).sample(noise[drawings, turn])
        pen = drawn[:, 2:]
        log_prob = following.log_prob_pen(pen) + following.log_prob_offset(drawn[:, :2]) * (1 - pen[:, 2])
        yield Step(drawings, drawn, log_prob)
        going = (drawn[:, END] == 0).nonzero().squeeze(1)
        if len(going) == 0:
            return
        if len(going) < len(drawings):
            drawings, drawn, state, z = drawings[going], drawn[going], state.select(going), z[going]
        distribution, state = vae.decoder(drawn.unsqueeze(1), z, state)
        following = distribution.at(0)


def gather(steps: Iterator[Step], count: int, max_points: int) -> list[Drawn]:
    """Collect the steps of ``count`` drawings."""
    points = torch.zeros(count, max_points, 5)
    added = torch.zeros(count, dtype=torch.long)
    ended = torch.zeros(count, dtype=torch.bool)
    log_likelihood = torch.zeros(count, dtype=torch.float64)
    for turn, step in enumerate(steps):
        over = step.points[:, END] == 1
        ended[step.drawings[over]] = True
        if turn == max_points:  # one look past the last point: only an end counts
            log_likelihood[step.drawings[over]] += step.log_prob[over].double()
            break
        log_likelihood[step.drawings] += step.log_prob.double()
        points[step.drawings[~over], turn] = step.points[~over]
        added[step.drawings[~over]] += 1
    rows = points.double().numpy()
    return [
        Drawn(_as_stroke3(rows[i, : added[i]], bool(ended[i])), bool(ended[i]), float(log_likelihood[i]))
        for i in range(count)
    ]


def _as_stroke3(rows: NDArray[np.float64], ended: bool) -> NDArray[np.float64]:
    """Drop what stroke-3 has no word for; where the drawing ended, the pen is up."""
    points = rows[:, [0, 1, 3]].copy()
    if ended and len(points):
        points[-1, 2] = 1
    return points
