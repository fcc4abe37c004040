"""Small worlds for tests: invented doodles, tiny models and a tiny bundle, every one a function of its seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from codes.checkpoints.bundle import COMMON, Bundle, part_folder, publish_bundle
from codes.checkpoints.part import PartConfig, write_part
from codes.data.batches import Batch, collate
from codes.model.config import DecoderConfig, EncoderConfig, ImageConfig, RouterConfig, VAEConfig
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE
from codes.strokes.stroke3 import Sketch, from_polylines

CATEGORIES = ("circle", "square", "zigzag")
BACKGROUND = "scribble"  # the router knows it, nothing draws it
SCALE = 20.0

TINY_VAE = VAEConfig(EncoderConfig(size=6), DecoderConfig(size=8, latent=4, mixtures=2))
TINY_RASTER = ImageConfig(side=16, width=8, features=16)
TINY_ROUTER = RouterConfig(EncoderConfig(size=6, pooled=True), TINY_RASTER, labels=3, hidden=12, dropout=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def doodle(category: str, rng: np.random.Generator) -> NDArray[np.int16]:
    """An invented sketch, ``[3 to 40, 3]`` int16 stroke-3: an outline, and perhaps a dot or a dash beside it."""
    size = rng.uniform(30, 110, size=2)
    strokes = [np.round(_outline(category, rng) * size)]
    if rng.random() < 0.5:
        strokes.append(np.round(rng.uniform(-1, 1, size=(int(rng.integers(1, 3)), 2)) * size))
    points, _ = from_polylines(strokes)
    return points.astype(np.int16)


def _outline(category: str, rng: np.random.Generator) -> NDArray[np.float64]:
    if category == "circle":
        angles = np.linspace(0, 2 * np.pi, int(rng.integers(6, 30))) + rng.uniform(0, 6)
        return np.column_stack([np.cos(angles), np.sin(angles)])
    if category == "square":
        corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
        return corners + rng.uniform(-0.1, 0.1, size=corners.shape)
    count = int(rng.integers(4, 38))
    return np.column_stack([np.linspace(-1, 1, count), np.where(np.arange(count) % 2, 0.8, -0.8)])


def doodles(count: int, seed: int = 0, categories: Sequence[str] = CATEGORIES) -> list[NDArray[np.int16]]:
    """``count`` doodles, the categories in turn."""
    rng = np.random.default_rng(seed)
    return [doodle(categories[i % len(categories)], rng) for i in range(count)]


def batch_of(count: int, seed: int = 0) -> Batch:
    """Doodles as a batch in model units."""
    rows = [sketch / np.array([SCALE, SCALE, 1]) for sketch in doodles(count, seed)]
    return collate([each.astype(np.float32) for each in rows], [i % len(CATEGORIES) for i in range(count)])


def sketch_of(category: str = "circle", seed: int = 0, keep: float = 1.0, **fields: object) -> Sketch:
    """A doodle, or the first part of one, as a :class:`Sketch`."""
    points = doodle(category, np.random.default_rng(seed))
    return Sketch(points=points[: max(1, int(len(points) * keep))], **fields)


def prefixes(count: int, seed: int = 0) -> list[Sketch]:
    """Half doodles of every category."""
    return [sketch_of(CATEGORIES[i % 3], seed + i, keep=0.5) for i in range(count)]


def stirred(module: nn.Module, seed: int = 0, size: float = 0.4) -> nn.Module:
    """Make every weight a random number well away from 0, so that no result is right because it vanishes."""
    rng = generator(seed)
    with torch.no_grad():
        for value in module.parameters():
            inputs = value[0].numel() if value.dim() > 1 else 9
            value.copy_(torch.randn(value.shape, generator=rng) * size * 3 / inputs**0.5)
    return module.requires_grad_(False)


def stirred_vae(seed: int = 0, config: VAEConfig = TINY_VAE) -> SketchVAE:
    """A tiny VAE with lively weights that ends a drawing now and then."""
    vae = SketchVAE(config)
    stirred(vae, seed)
    vae.decoder.output.weight.data[:, config.decoder.size :] *= 0.1  # what it sees grows with the distance
    set_pen(vae, down=0.4, up=0.0, end=-0.3)
    return vae


def set_pen(vae: SketchVAE, down: float, up: float, end: float) -> None:
    """Make pen states likely or unlikely, whatever was drawn."""
    vae.decoder.output.weight.data[:3] *= 0.3
    vae.decoder.output.bias.data[:3] = torch.tensor([down, up, end])


def stirred_router(seed: int = 0, config: RouterConfig = TINY_ROUTER) -> RouterNet:
    net = RouterNet(config)
    stirred(net, seed, size=0.7)
    return net


def tiny_bundle(folder: Path, calibration: dict[str, object] | None = None, rank: int = 0, **pen: float) -> Bundle:
    """A bundle of :data:`CATEGORIES` on disk, written by the code that writes the real ones.

    With a rank its decoders are stored as differences from a common one.
    """
    building = folder.with_name(f"{folder.name}.building")
    sizes = replace(TINY_ROUTER, labels=len(CATEGORIES) + 1)
    labels = [BACKGROUND, *reversed(CATEGORIES)]  # not in the order of the bundle
    settled = calibration or {"log_inverse_temperature": -math.log(1.5), "known": -50.0, "sure": 0.5}
    config = PartConfig("router", sizes.to_dict(), SCALE, labels, settled)
    write_part(building / "router", config, stirred_router(9, sizes).state_dict(), "float16")
    decoders, common = {category: part_folder(category) for category in CATEGORIES}, None
    if rank:
        common = stirred_vae(7).state_dict()
        config = PartConfig("decoder", TINY_VAE.to_dict(), SCALE, list(CATEGORIES))
        write_part(building / COMMON, config, common, "float32")
    for number, (category, part) in enumerate(decoders.items()):
        vae = stirred_vae(number)
        if pen:
            set_pen(vae, **pen)
        config = PartConfig("decoder", TINY_VAE.to_dict(), SCALE * (1 + 0.1 * number), [category], rank=rank)
        write_part(building / part, config, vae.state_dict(), "float16", common)
    return publish_bundle(building, folder, decoders, card="A tiny bundle.\n")
