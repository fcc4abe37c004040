"""The operations that a training step cannot do without, and how many the machine could do.

Only products of matrices and convolutions count, forward once and backward twice; only rows of sketches, no padding; z
enters the decoder's gates once a sketch, though it may be written as an input of every row.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.reference import Sizes
from codes.model.config import ImageConfig, InkConfig, RouterConfig
from codes.model.image_encoder import ImageEncoder
from codes.model.ink import InkAttention
from codes.model.mixture import outputs_for

POINT = 7  # numbers of an encoder's or decoder's input: a row of stroke-5 and where the pen is
PASSES = 3  # forward, and backward for the inputs and for the weights


def vae_flops(sizes: Sizes, sketches: int, encoder_rows: int, decoder_rows: int) -> float:
    """Return the operations of one training step of the VAE; start rows are among the decoder's rows."""
    encoder = 2 * encoder_rows * lstm_flops(POINT, sizes.encoder)
    decoder = decoder_rows * (lstm_flops(POINT, sizes.decoder) + output_flops(sizes))
    to_latent = 2 * linear_flops(2 * sizes.encoder, sizes.latent)
    from_latent = linear_flops(sizes.latent, 2 * sizes.decoder) + linear_flops(sizes.latent, 4 * sizes.decoder)
    return float(PASSES * (encoder + decoder + sketches * (to_latent + from_latent)))


def output_flops(sizes: Sizes) -> int:
    """Return the operations of one row from the hidden state to the outputs; attention over pairs is left out."""
    config = InkConfig()
    ink = InkAttention(config, sizes.decoder)
    features = sizes.decoder + ink.context_size
    outputs = outputs_for(sizes.mixtures) + 1 + ink.anchor_outputs
    looking = linear_flops(sizes.decoder, ink.query.out_features + ink.memory.out_features)
    return looking + linear_flops(features, config.hidden) + linear_flops(features + config.hidden, outputs)


def router_flops(config: RouterConfig, sketches: int, encoder_rows: int, image: int) -> float:
    """Return the operations of one training step of the router; ``image`` is the forward pass over one picture."""
    encoder = 2 * encoder_rows * lstm_flops(POINT, config.encoder.size)
    features = config.encoder.features + config.raster.features
    classifier = linear_flops(features, config.hidden) + linear_flops(config.hidden, config.labels)
    return float(PASSES * (encoder + sketches * (classifier + image)))


def image_flops(config: ImageConfig) -> int:
    """Count the operations of the convolutions over one sketch's picture, forward."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        ImageEncoder(config)(torch.zeros(1, 1, 5), torch.ones(1, dtype=torch.long))
    return int(counter.get_total_flops())


def lstm_flops(inputs: int, size: int) -> int:
    """Return the operations of one row through the four gates of an LSTM."""
    return linear_flops(inputs + size, 4 * size)


def linear_flops(inputs: int, outputs: int) -> int:
    """Return the operations of one row through a matrix: a multiplication and an addition for each of its numbers."""
    return 2 * inputs * outputs


def peak_product(side: int, dtype: torch.dtype) -> tuple[Callable[[], object], int]:
    """Return the product of two large square matrices, and how many operations it is."""
    first, second = (torch.randn(side, side).to(dtype) for _ in range(2))
    return lambda: first @ second, side * linear_flops(side, side)
