"""Nine variations at once, on the sampler alone, against nine runs of the usual one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks.bundles import END, NEVER, SCALE, begun, endless_vae
from benchmarks.effort import Effort, Figures
from benchmarks.reference import ReferenceVAE, Sizes, continue_sketch
from benchmarks.timing import in_turn
from codes.data.batches import collate
from codes.data.normalise import Normaliser
from codes.inference.options import SamplingOptions
from codes.inference.sampler import Drawn, continue_drawings, gather, latent_of
from codes.model.decoder import Stepper

VARIATIONS = 9
ADDED = 50
PREFIX_ROWS = 60
TEMPERATURE = 0.4


def measure(effort: Effort, folder: Path) -> Figures:
    """``sample9_ms``: read a prefix and add 50 points in nine ways; ``sample9_ratio``: nine usual runs over that."""
    torch.manual_seed(0)
    rows = Normaliser(SCALE).apply(begun(1, PREFIX_ROWS)[0].points)
    vae, reference = endless_vae(effort.sizes), endless_reference(effort.sizes)
    options = SamplingOptions(variations=VARIATIONS, temperature=TEMPERATURE, max_points=ADDED)
    prefixes, stepper = collate([rows], [0]), Stepper(vae.decoder)

    def ours() -> list[Drawn]:
        z = latent_of(vae, prefixes, options)
        return gather(continue_drawings(stepper, prefixes, z, options), VARIATIONS, ADDED)

    def usual() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [continue_sketch(reference, rows, ADDED, TEMPERATURE, rng) for _ in range(VARIATIONS)]

    assert {len(drawn.points) for drawn in ours()} == {len(drawn) for drawn in usual()} == {ADDED}
    timings = in_turn(effort.rounds * 2, {"ours": ours, "usual": usual})
    return {"sample9_ms": 1000 * timings.median("ours"), "sample9_ratio": timings.ratio("usual", "ours")}


def endless_reference(sizes: Sizes) -> ReferenceVAE:
    """The usual model, with random weights, that never ends a drawing."""
    model = ReferenceVAE(sizes).requires_grad_(False)
    model.decoder.output.bias[END] = NEVER
    return model
