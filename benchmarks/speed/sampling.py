"""Nine variations at once, on the sampler alone, against nine runs of the usual one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.reference import Floats, ReferenceVAE, Sizes, continue_sketch
from benchmarks.speed.timing import time_in_turn
from benchmarks.speed.workload import END_LOGIT, NEVER, SCALE, Figures, Workload, endless_vae, unfinished_sketches
from codes.data.batches import collate
from codes.data.transforms import Normaliser
from codes.inference.decoding import Continuation, draw, latents
from codes.inference.options import SamplingOptions
from codes.model.stepper import Stepper
from codes.model.vae import SketchVAE

VARIATIONS = 9
ADDED = 50
PREFIX_ROWS = 60
TEMPERATURE = 0.4


def measure(workload: Workload, folder: Path) -> Figures:
    """Measure ``sample9_ms``, to read a prefix and add 50 points in nine ways, and what nine usual runs take.

    The other figures change one thing each: the variations, the prefix, the points added.
    """
    torch.manual_seed(0)
    ours, reference = OurSampler(endless_vae(workload.sizes)), endless_reference(workload.sizes)
    rows = prefix_rows(PREFIX_ROWS)

    def usual() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [continue_sketch(reference, rows, ADDED, TEMPERATURE, rng) for _ in range(VARIATIONS)]

    nine = partial(ours.draw, rows, VARIATIONS, ADDED)
    assert {len(drawn.points) for drawn in nine()} == {len(drawn) for drawn in usual()} == {ADDED}
    works = {
        "nine": nine,
        "usual": usual,
        "one": partial(ours.draw, rows, 1, ADDED),
        "hundred": partial(ours.draw, rows, 100, ADDED),
        "long": partial(ours.draw, prefix_rows(2 * PREFIX_ROWS), VARIATIONS, ADDED),
        "more": partial(ours.draw, rows, VARIATIONS, 2 * ADDED),
    }
    timings = time_in_turn(workload.rounds * 2, works)
    return {
        "sample9_ms": 1000 * timings.median("nine"),
        "sample9_ratio": timings.ratio("usual", "nine"),
        "sample_variations_1": timings.ratio("one", "nine"),
        "sample_variations_100": timings.ratio("hundred", "nine"),
        "sample_prefix_120": timings.ratio("long", "nine"),
        "sample_added_100": timings.ratio("more", "nine"),
    }


class OurSampler:
    """A decoder that is ready, as a Completer holds it."""

    def __init__(self, vae: SketchVAE) -> None:
        self.vae, self.stepper = vae, Stepper(vae.decoder)

    def draw(self, rows: Floats, variations: int, added: int) -> list[Continuation]:
        """Add points after the rows, in so many ways."""
        options = SamplingOptions(variations=variations, temperature=TEMPERATURE, max_points=added)
        prefixes = collate([rows], [0])
        return draw(self.stepper, prefixes, latents(self.vae, prefixes, options), options)


def prefix_rows(count: int) -> Floats:
    """Return a prefix of this many rows, in model units."""
    return Normaliser(SCALE).apply(unfinished_sketches(1, count)[0].points)


def endless_reference(sizes: Sizes) -> ReferenceVAE:
    """Return the usual model, with random weights, that never ends a drawing."""
    model = ReferenceVAE(sizes).requires_grad_(False)
    model.decoder.output.bias[END_LOGIT] = NEVER
    return model
