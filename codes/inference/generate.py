"""Draw without a prefix: from nothing, from a latent code, between two codes. One category's decoder at a time.

Knows z and whole sketches in QuickDraw pixels; completion is :mod:`codes.inference.completer`'s.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from codes.data.batches import collate
from codes.errors import BadOption
from codes.inference.decoding import blank, latents
from codes.inference.models import LoadedDecoder, Models
from codes.inference.options import SamplingOptions
from codes.inference.router import model_input
from codes.inference.variations import draw_all, variations_from_codes
from codes.strokes.stroke3 import Sketch


class CategorySampler:
    """Draw one category's sketches from latent codes, each the best of ``options.candidates`` as completions are.

    Args:
        decoder: draws.
        models: choose among candidates; without them one is drawn of each sketch, and kept.
    """

    def __init__(self, decoder: LoadedDecoder, models: Models | None = None) -> None:
        self.decoder, self.models = decoder, models

    @torch.no_grad()
    def encode(self, sketch: Sketch) -> Tensor:
        """Return the most likely z of a sketch, ``[Z]``."""
        batch = collate([self.decoder.config.normaliser.apply(model_input(sketch))], [0])
        mean: Tensor = self.decoder.vae.encode(batch.points, batch.lengths).mean[0]
        return mean

    def sample(self, options: SamplingOptions) -> list[Sketch]:
        """Draw ``options.variations`` new sketches, z from the prior unless ``options.latent`` is zero.

        Raises:
            BadOption: z is to come from a prefix, and there is none.
        """
        if options.latent == "prefix":
            raise BadOption("there is no prefix to infer z from; latent is prior or zero here")
        return self.draw(latents(self.decoder.vae, blank(1), options), options)

    def decode(self, z: Tensor, options: SamplingOptions) -> list[Sketch]:
        """Draw a sketch from each of the codes ``z [N, Z]``, all with the same random numbers."""
        return self.draw(z, replace(options, variations=1))

    def interpolate(self, first: Sketch, second: Sketch, steps: int, options: SamplingOptions) -> list[Sketch]:
        """Draw ``steps`` sketches on the way from one sketch's code to the other's, both ends included.

        Raises:
            BadOption: fewer than 2 steps.
        """
        if steps < 2:
            raise BadOption(f"an interpolation has at least 2 steps, not {steps}")
        return self.decode(spherical_path(self.encode(first), self.encode(second), steps), options)

    def draw(self, z: Tensor, options: SamplingOptions) -> list[Sketch]:
        """Draw a sketch from each of ``z [N * variations, Z]``; code ``i`` is variation ``i % variations``."""
        options = options if self.models else replace(options, candidates=1)
        chosen = draw_all(self.decoder, self.models, variations_from_codes(self.decoder, z, options))
        undo = self.decoder.config.normaliser.undo
        return [Sketch(undo(each.drawn.points), category=self.decoder.category) for each in chosen]


def spherical_path(first: Tensor, second: Tensor, steps: int) -> Tensor:
    """Return points from one code to another at a steady angle, ``[steps, Z]`` (Shoemake 1985, slerp).

    Between codes of one direction or of opposite ones, or with a zero among them, the path is straight.
    """
    shares = torch.linspace(0, 1, steps).unsqueeze(1)
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=0).clamp(-1, 1)
    angle = float(torch.arccos(cosine))
    # The cosine is known to 1e-7, so an angle near 0 or pi to the root of that; a zero has no direction.
    if np.sin(angle) < 1e-3 or not first.any() or not second.any():
        return (1 - shares) * first + shares * second
    weights = torch.sin((1 - shares) * angle), torch.sin(shares * angle)
    return (weights[0] * first + weights[1] * second) / float(np.sin(angle))
