"""Draw half a sketch; it recognises what you are drawing and finishes it.

    completer = codes.load()
    sketch = codes.read("half-a-bicycle.svg")                   # or of points: codes.sketch([[(0, 0), (9, 4)], ...])
    best = completer.complete(sketch, temperature=0.4, seed=7)[0]
    codes.write("bicycle.svg", best)
    codes.write("added.svg", codes.sketch(best.added, canvas=sketch.page))

``load`` opens a model and returns a Completer, which classifies, completes and streams. Sketches, completions and lists
of them show themselves in notebooks. Everything that a user, a file or a network can cause is a SketchError.

Names are looked up when they are first used: importing this package imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codes.errors import SketchError
    from codes.formats.registry import read, read_all, write
    from codes.inference.completer import Completer, load
    from codes.inference.options import Completion, Route, SamplingOptions
    from codes.strokes.points import sketch
    from codes.strokes.stroke3 import Page, Sketch

__version__ = "0.1.0"
__all__ = [
    "Completer",
    "Completion",
    "Page",
    "Route",
    "SamplingOptions",
    "Sketch",
    "SketchError",
    "load",
    "read",
    "read_all",
    "sketch",
    "write",
]

_HOMES = {
    "Completer": "codes.inference.completer",
    "Completion": "codes.inference.options",
    "Page": "codes.strokes.stroke3",
    "Route": "codes.inference.options",
    "SamplingOptions": "codes.inference.options",
    "Sketch": "codes.strokes.stroke3",
    "SketchError": "codes.errors",
    "load": "codes.inference.completer",
    "read": "codes.formats.registry",
    "read_all": "codes.formats.registry",
    "sketch": "codes.strokes.points",
    "write": "codes.formats.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codes' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "__doc__", "__name__", "__path__", "__file__", "__spec__"])
