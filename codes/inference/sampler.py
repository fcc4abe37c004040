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
from codes.inference.drawings import END, Beginning, Drawings, Going, Step
from codes.inference.options import LatentSource, SamplingOptions
from codes.model.decoder import Decoder, DecoderState, Stepper
from codes.model.mixture import PointDistribution, draw_noise, heated
from codes.model.vae import SketchVAE

Options = SamplingOptions | Sequence[SamplingOptions]  # of all prefixes, or of each


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
def begin(stepper: Stepper, prefixes: Batch, z: Tensor, options: Options) -> Beginning:
    """Read every prefix, and make ready ``variations`` drawings of each, one prefix after another.

    ``z`` is ``[A, Z]``, see :func:`latent_of`.
    """
    asked = _each(options, prefixes)
    owners = torch.arange(len(prefixes)).repeat_interleave(torch.tensor([each.variations for each in asked]))
    steps, mixtures = max(each.max_points for each in asked) + 1, stepper.decoder.config.mixtures
    noise = torch.stack([draw_noise(steps, mixtures, rng) for rng in _generators(prefixes, asked, stream=0)])
    following, state = _read(stepper.decoder, prefixes, z, owners)
    numbers = torch.arange(len(z))
    going = Going(
        numbers=numbers,
        following=following,
        state=state,
        held=stepper.held(z),
        noise=numbers,
        turn=torch.zeros_like(numbers),
        most=torch.tensor([each.max_points for each in asked])[owners],
    )
    temperatures = torch.tensor([each.temperature for each in asked], dtype=torch.float64)[owners]
    return Beginning(going, heated(noise, temperatures.unsqueeze(-1)))


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
