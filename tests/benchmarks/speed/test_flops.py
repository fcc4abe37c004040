"""Operations are counted from the matrices themselves."""

from __future__ import annotations

from benchmarks.speed.flops import image_flops, router_flops, vae_flops
from benchmarks.speed.workload import (
    endless_vae,
    router_config,
)
from codes.model.router import RouterNet
from tests.benchmarks.speed.conftest import TINY_SIZES


def test_flops_are_those_of_the_matrices():
    """Each weight matrix, twice for a multiplication and an addition, three times for the passes."""
    vae = endless_vae(TINY_SIZES)
    counted = {name: 6 * value.numel() for name, value in vae.state_dict().items() if value.ndim == 2}
    z = 6 * 4 * TINY_SIZES.decoder * TINY_SIZES.latent  # of the decoder's input matrix, once a sketch
    encoder = sum(value for name, value in counted.items() if name.startswith("encoder"))
    rows = ("decoder.lstm", "decoder.output", "decoder.joint", "decoder.ink")
    decoder = sum(value for name, value in counted.items() if name.startswith(rows)) - z
    a_sketch = sum(counted.values()) - encoder - decoder
    assert vae_flops(TINY_SIZES, 3, 20, 30) == 20 * encoder + 30 * decoder + 3 * a_sketch


def test_flops_of_a_router_are_those_of_its_matrices_and_convolutions():
    """A convolution's weights once for each place: a quarter of the cells, a quarter of those, and of those, twice."""
    config = router_config(TINY_SIZES, 5)
    net = RouterNet(config)
    places = [(config.raster.side // part) ** 2 for part in (2, 4, 4, 8, 8)]
    kernels = [weight for weight in net.raster.parameters() if weight.ndim == 4]
    picture = sum(2 * kernel.numel() * many for kernel, many in zip(kernels, places, strict=True))
    assert image_flops(config.raster) == picture
    counted = {name: 6 * value.numel() for name, value in net.state_dict().items() if value.ndim == 2}
    encoder = sum(value for name, value in counted.items() if name.startswith("encoder"))
    a_sketch = sum(counted.values()) - encoder + 3 * picture
    assert router_flops(config, 3, 20, picture) == 20 * encoder + 3 * a_sketch
