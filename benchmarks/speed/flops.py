"""The multiplications and additions that a training step cannot do without, and how many the machine could do.

Only products of matrices and convolutions count, forward once and backward twice; only rows of sketches, no padding; z
enters the decoder's gates once a sketch, though it may be written as an input of every row.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.reference import Sizes
from codes.model.config import ImageConfig, RouterConfig
from codes.model.image_encoder import ImageEncoder

POINT = 7  # a row of stroke-5 and where the pen is
PASSES = 3  # forward, and backward for the inputs and for the weights


def vae_arithmetic(sizes: Sizes, sketches: int, encoder_rows: int, decoder_rows: int) -> float:
    """Operations of one training step of the VAE; start rows are among the decoder's rows."""
    encoder = 2 * encoder_rows * lstm_row(POINT, sizes.encoder)
    decoder = decoder_rows * (lstm_row(POINT, sizes.decoder) + linear(sizes.decoder, 6 * sizes.mixtures + 3))
    to_latent = 2 * linear(2 * sizes.encoder, sizes.latent)
    from_latent = linear(sizes.latent, 2 * sizes.decoder) + linear(sizes.latent, 4 * sizes.decoder)
    return float(PASSES * (encoder + decoder + sketches * (to_latent + from_latent)))


def router_arithmetic(config: RouterConfig, sketches: int, encoder_rows: int, picture: int) -> float:
    """Operations of one training step of the router; ``picture`` of them, forward, for looking at a sketch."""
    encoder = 2 * encoder_rows * lstm_row(POINT, config.encoder.size)
    features = config.encoder.features + config.raster.features
    classifier = linear(features, config.hidden) + linear(config.hidden, config.labels)
    return float(PASSES * (encoder + sketches * (classifier + picture)))


def picture_operations(config: ImageConfig) -> int:
    """Of the convolutions over one sketch's picture, forward."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        ImageEncoder(config)(torch.zeros(1, 1, 5), torch.ones(1, dtype=torch.long))
    return int(counter.get_total_flops())


def lstm_row(inputs: int, size: int) -> int:
    """One row through an LSTM: its four gates."""
    return linear(inputs + size, 4 * size)


def linear(inputs: int, outputs: int) -> int:
    """One row through a matrix: a multiplication and an addition for each of its numbers."""
    return 2 * inputs * outputs


def peak_product(side: int, dtype: torch.dtype) -> tuple[Callable[[], object], int]:
    """The product of two large square matrices, and how many operations it is."""
    first, second = (torch.randn(side, side).to(dtype) for _ in range(2))
    return lambda: first @ second, side * linear(side, side)
