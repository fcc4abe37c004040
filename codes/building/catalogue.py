"""A catalogue for a bundle: one drawing of each category, drawn by the bundle itself from nothing.

People look at it to see what a bundle knows, and begin from it. Knows bundles and how they draw; knows no runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from codes.checkpoints.bundle import Bundle, write_catalogue
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.inference.ranking import router_score
from codes.progress import progress
from codes.strokes.geometry import simplify_like_quickdraw
from codes.strokes.stroke3 import Sketch, sketch_from_polylines

FROM_NOTHING = SamplingOptions(variations=8, latent="prior")


def add_catalogue(
    bundle: Bundle, options: SamplingOptions = FROM_NOTHING, known: Mapping[str, Sketch] | None = None
) -> Bundle:
    """Draw each category and put the drawings into the bundle's folder.

    They are kept as the simplified files of Quick, Draw! are: whole pixels, few points, 255 pixels long. Nothing is
    written before everything is drawn.

    Args:
        bundle: draws; a catalogue that it has is replaced.
        options: how, see :func:`most_typical`.
        known: drawings that are there already, by category.

    Raises:
        BadFile: a part of the bundle is damaged, or the drawings cannot be written.
    """
    completer, drawings = Completer(bundle), dict(known or {})
    missing = [name for name in bundle.categories if name not in drawings]
    for name in progress(missing, desc="catalogue", unit=" categories"):
        lines = most_typical(completer, name, options).polylines()
        drawings[name] = sketch_from_polylines(simplify_like_quickdraw(lines), category=name)
    return write_catalogue(bundle, [drawings[name] for name in bundle.categories])


def most_typical(completer: Completer, category: str, options: SamplingOptions) -> Sketch:
    """Draw a category from nothing and return the one of ``options.variations`` that is recognised most surely.

    The critic helps to choose among the candidates of each, but not among these: a person who looks for a cat wants to
    see it at a glance, and what people draw is often hard to recognise.
    """
    sketches = completer.sampler(category).sample(options)
    routes = completer.classify_many(sketches)
    return max(zip(sketches, routes, strict=True), key=lambda each: router_score(category, each[1]))[0]
