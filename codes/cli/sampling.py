"""The options of commands that draw: which category, and how; names of categories are taken as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from codes.cli.common import option, options_from, options_of
from codes.inference.options import SamplingOptions
from codes.vocabulary import resolve

DRAWING = ("temperature", "seed", "max_points", "latent", "candidates")
SAMPLING = options_of(SamplingOptions, *DRAWING, section="Drawing")
ONLY = option(
    "--only",
    default="",
    callback=lambda ctx, parameter, text: tuple(filter(None, map(str.strip, text.split(",")))),
    section="Drawing",
    help="What it may be: categories with commas between; anything by default.",
)


def sampling_from(
    ctx: click.Context, options: dict[str, Any], categories: Sequence[str] | None = None
) -> SamplingOptions:
    """Build sampling options as :func:`codes.cli.common.options_from` does.

    Where all variations would be the same drawing, one is the default.

    Args:
        ctx: the context of the command.
        options: of the command.
        categories: those that names are looked up in.

    Raises:
        BadOption: an option is out of its range.
        ModelNotFound: a category is none of them.
    """
    asked = ctx.get_parameter_source("variations") is not ParameterSource.DEFAULT
    if not asked and options["temperature"] == 0 and options.get("latent") != "prior":
        options["variations"] = 1
    if categories is not None and options.get("category") is not None:
        options["category"] = resolve(options["category"], categories)
    if categories is not None and options.get("only"):
        options["only"] = resolve_all(options["only"], categories)
    sampling: SamplingOptions = options_from(SamplingOptions, options)
    return sampling


def resolve_all(names: Sequence[str], categories: Sequence[str]) -> tuple[str, ...]:
    """Return the categories that are named, each once; see :func:`codes.vocabulary.resolve`."""
    return tuple(dict.fromkeys(resolve(name, categories) for name in names))
