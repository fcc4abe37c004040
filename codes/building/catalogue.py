"""A catalogue for a bundle: one drawing of each category, drawn by the bundle itself from nothing.

People look at it to see what a bundle knows, and begin from it. Knows bundles and how they draw; knows no runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from codes.checkpoints.bundle import Bundle, write_catalogue
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.progress import progress
from codes.sketch.geometry import simplify_like_quickdraw
from codes.sketch.stroke3 import Sketch, sketch_from_polylines

FROM_NOTHING = SamplingOptions(latent="prior")


def add_catalogue(
    bundle: Bundle, options: SamplingOptions = FROM_NOTHING, known: Mapping[str, Sketch] | None = None
) -> Bundle:
    """Draw each category, the best of ``options.candidates`` drawings, and put them all into the bundle's folder.

    They are kept as the simplified files of Quick, Draw! are: whole pixels, few points, 255 pixels long. Nothing is
    written before everything is drawn.

    Args:
        bundle: draws; a catalogue that it has is replaced.
        options: how; ``latent`` is prior or zero.
        known: drawings that are there already, by category.

    Raises:
        BadFile: a part of the bundle is damaged, or the drawings cannot be written.
    """
    completer, drawings = Completer(bundle), dict(known or {})
    missing = [name for name in bundle.categories if name not in drawings]
    for name in progress(missing, desc="catalogue", unit=" categories"):
        drawn = completer.sampler(name).sample(options)[0]
        drawings[name] = sketch_from_polylines(simplify_like_quickdraw(drawn.polylines()), category=name)
    return write_catalogue(bundle, [drawings[name] for name in bundle.categories])
