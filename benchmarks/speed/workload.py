"""How much work a benchmark of speed does, and what it works on: generated sketches and models of random weights.

The sketches look like scribbles and teach nothing: only how many rows a sketch has matters to speed and to memory. The
models never end a drawing, so every completion has as many points as are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.reference import Sizes
from codes.checkpoints.bundle import part_folder, publish_bundle
from codes.checkpoints.part import PartConfig, write_part
from codes.data.batches import collate
from codes.data.store import Store
from codes.data.store_writer import pack
from codes.data.transforms import Normaliser
from codes.inference.completer import Completer, load
from codes.model.calibration import Calibration
from codes.model.config import DecoderConfig, EncoderConfig, RouterConfig, VAEConfig
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE
from codes.strokes.stroke3 import PixelStroke3, Sketch

Figures = dict[str, float | None]

MIN_ROWS, MAX_ROWS = 5, 150
MEAN_ROWS, LOG_SD = 45.0, 0.5  # of a log-normal distribution; cutting it off at both ends changes the mean little
ROWS_PER_STROKE = 9
CHUNK = 4096  # sketches drawn by one call of the random generator

SCALE = 40.0  # pixels to a model unit
NEVER = -50.0  # a logit
END_LOGIT = 2  # the decoder's output for the end of a sketch


@dataclass(frozen=True)
class Workload:
    """Say how often, and on how much, everything is measured.

    Attributes:
        rounds: repeats; in each one, everything that is compared runs in turn.
        training_rounds: the same for training, whose rounds are pools of batches.
        sketches: in the store that training reads.
        small_store, large_store: sketches of the two stores whose training is compared in memory.
        memory_steps: training steps of each of these two.
        categories: decoders of the large bundle.
        bulk: sketches that are completed together.
        singly: of these, how many are completed one by one.
        loss_steps: training steps after which the fast and the plain way are compared.
        matrix_side: side of the square matrices whose product is the machine's peak.
        sizes: of the models.
    """

    rounds: int
    training_rounds: int
    sketches: int
    small_store: int
    large_store: int
    memory_steps: int
    categories: int = 345
    bulk: int = 512
    singly: int = 32
    loss_steps: int = 400
    matrix_side: int = 2048
    sizes: Sizes = field(default_factory=Sizes)


FULL = Workload(
    rounds=7, training_rounds=3, sketches=50_000, small_store=50_000, large_store=5_000_000, memory_steps=300
)
QUICK = replace(
    FULL,
    rounds=2,
    training_rounds=1,
    sketches=5_000,
    large_store=500_000,
    memory_steps=60,
    bulk=256,
    singly=16,
    loss_steps=100,
)


def random_sketches(count: int, seed: int = 0) -> Iterator[PixelStroke3]:
    """Yield ``count`` stroke-3 sketches ``[n, 3]`` int16 in pixels; a few thousand are held at once."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, CHUNK):
        lengths = random_lengths(min(CHUNK, count - start), rng)
        ends = np.cumsum(lengths)
        yield from np.split(_scribble(ends, rng), ends[:-1])


def random_lengths(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return numbers of rows as in QuickDraw: log-normal, from 5 to 150, about 45 on average."""
    drawn = rng.lognormal(np.log(MEAN_ROWS) - LOG_SD**2 / 2, LOG_SD, size=count)
    return np.clip(np.rint(drawn), MIN_ROWS, MAX_ROWS).astype(np.int64)


def _scribble(ends: NDArray[np.int64], rng: np.random.Generator) -> PixelStroke3:
    """Draw sketches end to end: strokes that bend slowly, longer moves through the air between them."""
    total = int(ends[-1])
    lifts = rng.random(total) < 1 / ROWS_PER_STROKE
    lifts[ends - 1] = True
    in_air = np.concatenate([[False], lifts[:-1]])
    heading = np.cumsum(rng.normal(0.0, 0.5, size=total) + in_air * rng.uniform(-np.pi, np.pi, size=total))
    reach = rng.gamma(2.0, 12.0, size=total) * np.where(in_air, 3.0, 1.0)
    offsets = np.rint(np.stack([np.cos(heading), np.sin(heading)], axis=1) * reach[:, None])
    return np.column_stack([offsets, lifts]).astype(np.int16)


def unfinished_sketches(count: int, rows: int, seed: int = 0) -> list[Sketch]:
    """Return sketches of exactly this many rows that were not finished."""
    long_enough = (each for each in random_sketches(1000 * count, seed + 7) if len(each) >= rows)
    return [Sketch(points=next(long_enough)[:rows]) for _ in range(count)]


def write_store(folder: Path, sketches: int, categories: int = 5, seed: int = 0) -> Store:
    """Pack a store whose split ``train`` holds this many sketches in all, alike by category, and a small ``valid``."""
    names = [f"doodle {number}" for number in range(categories)]
    train = {name: random_sketches(sketches // categories, seed * 1000 + i) for i, name in enumerate(names)}
    valid = {name: random_sketches(20, seed * 1000 + 500 + i) for i, name in enumerate(names)}
    return pack(folder, {"train": train, "valid": valid})


def vae_config(sizes: Sizes) -> VAEConfig:
    """Return our configuration of a VAE of these sizes."""
    decoder = DecoderConfig(size=sizes.decoder, latent=sizes.latent, mixtures=sizes.mixtures)
    return VAEConfig(EncoderConfig(size=sizes.encoder), decoder)


def router_config(sizes: Sizes, labels: int) -> RouterConfig:
    """Return our configuration of a router of these sizes."""
    return RouterConfig(encoder=EncoderConfig(size=sizes.encoder, pooled=True), labels=labels)


def endless_vae(sizes: Sizes) -> SketchVAE:
    """Return a VAE of random weights that never ends a drawing."""
    vae = SketchVAE(vae_config(sizes))
    vae.requires_grad_(False)
    vae.decoder.output.bias[END_LOGIT] = NEVER
    return vae


def balanced_router(sizes: Sizes, labels: int) -> RouterNet:
    """Return a router of random weights that favours no category for most sketches."""
    net = RouterNet(router_config(sizes, labels)).requires_grad_(False)
    batch = collate([Normaliser(SCALE).apply(rows) for rows in random_sketches(64, seed=1)], [0] * 64)
    net.classifier.outer.bias -= net(batch.points, batch.lengths).mean(dim=0)
    return net


def make_completer(folder: Path, sizes: Sizes, count: int) -> Completer:
    """Write a bundle of ``count`` categories and open it. All decoders are one file with many names."""
    building = folder.with_name(f"{folder.name}-building")
    categories = [f"doodle {number}" for number in range(count)]
    net, vae = balanced_router(sizes, count), endless_vae(sizes)
    knows_all = asdict(Calibration(known=-1e9))
    config = PartConfig("router", net.config.to_dict(), SCALE, list(categories), knows_all)
    write_part(building / "router", config, net.state_dict(), "float16")
    decoders = {category: part_folder(category) for category in categories}
    for category, part in decoders.items():
        config = PartConfig("decoder", vae.config.to_dict(), SCALE, [category])
        weights = vae.state_dict() if category == categories[0] else {}
        write_part(building / part, config, weights, "float16")
        _share_weights(building / decoders[categories[0]], building / part)
    publish_bundle(building, folder, decoders, "Random weights.\n")
    return load(folder)


def _share_weights(first: Path, part: Path) -> None:
    if part != first:
        (part / "weights.safetensors").unlink()
        os.link(first / "weights.safetensors", part / "weights.safetensors")
