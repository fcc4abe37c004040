"""Bundles of random weights that never end a drawing, so that every completion has as many points as is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.speed.doodles import doodles
from benchmarks.speed.reference import Sizes
from benchmarks.speed.training import router_sizes, vae_sizes
from codes.checkpoints.bundle import part_folder, publish_bundle
from codes.checkpoints.part import PartConfig, write_part
from codes.data.batches import collate
from codes.data.transforms import Normaliser
from codes.inference.completer import Completer, load
from codes.model.calibration import Calibration
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE
from codes.sketch.stroke3 import Sketch

SCALE = 40.0  # pixels to a model unit
NEVER = -50.0  # a logit
END = 2  # the decoder's output that speaks for the end of a sketch


def endless_vae(sizes: Sizes) -> SketchVAE:
    """Random weights; the chance of an end is nothing."""
    vae = SketchVAE(vae_sizes(sizes))
    vae.requires_grad_(False)
    vae.decoder.output.bias[END] = NEVER
    return vae


def scattering_router(sizes: Sizes, labels: int) -> RouterNet:
    """Random weights, but no category that is favoured by most sketches."""
    net = RouterNet(router_sizes(sizes, labels)).requires_grad_(False)
    batch = collate([Normaliser(SCALE).apply(rows) for rows in doodles(64, seed=1)], [0] * 64)
    net.classifier.outer.bias -= net(batch.points, batch.lengths).mean(dim=0)
    return net


def router_config(net: RouterNet, categories: Sequence[str]) -> PartConfig:
    """All sketches are known to it."""
    calibration = asdict(Calibration(known=-1e9))
    return PartConfig("router", net.config.to_dict(), SCALE, list(categories), calibration)


def make_completer(folder: Path, sizes: Sizes, count: int) -> Completer:
    """A bundle of ``count`` categories in ``folder``, opened. All decoders are one file with many names."""
    building = folder.with_name(f"{folder.name}-building")
    categories = [f"doodle {number}" for number in range(count)]
    net, vae = scattering_router(sizes, count), endless_vae(sizes)
    write_part(building / "router", router_config(net, categories), net.state_dict(), "float16")
    decoders = {category: part_folder(category) for category in categories}
    for category, part in decoders.items():
        config = PartConfig("decoder", vae.config.to_dict(), SCALE, [category])
        own = vae.state_dict() if category == categories[0] else {}
        write_part(building / part, config, own, "float16")
        _share_weights(building / decoders[categories[0]], building / part)
    publish_bundle(building, folder, decoders, "Random weights.\n")
    return load(folder)


def _share_weights(first: Path, part: Path) -> None:
    if part != first:
        (part / "weights.safetensors").unlink()
        os.link(first / "weights.safetensors", part / "weights.safetensors")


def begun(count: int, rows: int, seed: int = 0) -> list[Sketch]:
    """Sketches of exactly this many rows that were not finished."""
    scribbles = (each for each in doodles(1000 * count, seed + 7) if len(each) >= rows)
    return [Sketch(points=next(scribbles)[:rows]) for _ in range(count)]
