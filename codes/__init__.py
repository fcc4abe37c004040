"""Draw half a sketch; it recognises what you are drawing and finishes it.

    completer = codes.load("starter")
    sketch = codes.read("examples/sketches/half-a-bicycle.svg")
    best = completer.complete(sketch, temperature=0.4, seed=7)[0]
    codes.write("bicycle.svg", best.sketch)

Names are looked up when they are first used: importing this package imports neither torch nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codes.formats.registry import read, read_all, write
    from codes.inference.completer import load
    from codes.sketch.stroke3 import Sketch

__all__ = ["Sketch", "load", "read", "read_all", "write"]

_HOMES = {
    "load": "codes.inference.completer",
    "read": "codes.formats.registry",
    "read_all": "codes.formats.registry",
    "write": "codes.formats.registry",
    "Sketch": "codes.sketch.stroke3",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codes' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
