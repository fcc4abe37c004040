"""The flags that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from codes.cli.fields import options_of
from codes.inference.options import SamplingOptions

MODEL = click.option(
    "-m", "--model", default="starter", show_default=True, help="A bundle: the name of one that ships, or a folder."
)
OUT = click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Picture (.svg .png .gif .anim.svg), or data (.json .ndjson .npz).",
)
SPLIT = click.option("--split", default="test", show_default=True, help="Which split of the data.")
FRACTION = click.option(
    "--fraction", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Share of each sketch that is seen."
)
CATEGORY = click.option("-c", "--category", help="Draw this, whatever it looks like.")
VARIATIONS = click.option(
    "-n", "--variations", type=int, default=9, show_default=True, help="How many ways to finish it."
)
SAMPLING = options_of(SamplingOptions, "temperature", "seed", "max_points")
CANDIDATES = options_of(SamplingOptions, "candidates")
LATENT = options_of(SamplingOptions, "latent")
