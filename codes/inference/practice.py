"""What a critic learns from: sketches as people finished them, and as decoders did from the same beginnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codes.inference.completer import Completer, pixels_of
from codes.inference.options import SamplingOptions
from codes.sketch.strokes import Sketch
from codes.training.criticising import Practice

Rows = NDArray[Any]
TEMPERATURES = (0.4, 0.4, 0.4, 0.6, 0.8)  # each sketch is finished once at each; mostly as by default
SEEN = (0.1, 0.9)  # share of a sketch's points that is left of it, uniform between these


def practise(completer: Completer, category: str, sketches: Sequence[Rows], seed: int = 0) -> Practice:
    """Finish sketches ``[n, 3]`` in QuickDraw pixels, cut short anew for every temperature, as this category."""
    rng = np.random.default_rng(seed)
    ours = [
        each
        for number, temperature in enumerate(TEMPERATURES)
        for each in _finished(completer, [_begun(rows, rng) for rows in sketches], category, temperature, seed + number)
    ]
    return Practice(_features(completer, [Sketch(rows) for rows in sketches]), _features(completer, ours))


def _begun(rows: Rows, rng: np.random.Generator) -> Sketch:
    return Sketch(rows[: max(1, round(rng.uniform(*SEEN) * len(rows)))])


def _finished(
    completer: Completer, begun: Sequence[Sketch], category: str, temperature: float, seed: int
) -> Iterator[Sketch]:
    options = SamplingOptions(category=category, temperature=temperature, seed=seed, candidates=1)
    return (done.sketch for each in completer.complete_many(begun, options) for done in each)


def _features(completer: Completer, sketches: Sequence[Sketch]) -> Tensor:
    """What the shared encoder makes of them, ``[N, F]`` in half precision: there may be many."""
    return torch.cat([look.features.half() for look in completer.router.looks([pixels_of(each) for each in sketches])])
