"""Draw half a sketch; it recognises what you are drawing and finishes it.

    completer = codes.load()
    sketch = codes.read("half-a-bicycle.svg")
    best = completer.complete(sketch, temperature=0.4, seed=7)[0]
    codes.write("bicycle.svg", best.sketch)

Names are looked up when they are first used: importing this package imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codes.formats.registry import read, read_all, write
    from codes.inference.completer import Completer, load
    from codes.inference.options import Completion, Route, SamplingOptions
    from codes.strokes.stroke3 import Sketch

__version__ = "0.1.0"
__all__ = ["Completer", "Completion", "Route", "SamplingOptions", "Sketch", "load", "read", "read_all", "write"]

_HOMES = {
    "Completer": "codes.inference.completer",
    "Completion": "codes.inference.options",
    "Route": "codes.inference.options",
    "SamplingOptions": "codes.inference.options",
    "Sketch": "codes.strokes.stroke3",
    "load": "codes.inference.completer",
    "read": "codes.formats.registry",
    "read_all": "codes.formats.registry",
    "write": "codes.formats.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codes' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
