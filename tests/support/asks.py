"""Messages that tests send, and what comes back put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from codes.formats.polyline_json import record_of
from codes.sketch.stroke3 import Sketch


def sketch_record(sketch: Sketch) -> dict[str, Any]:
    """As a canvas sends it."""
    record = record_of(sketch)
    return {"strokes": record["strokes"], "unit": record["unit"], "pen_down": bool(sketch.points[-1, 2] == 0)}


def ask(number: int, sketch: Sketch, **options: Any) -> dict[str, Any]:
    return {"type": "ask", "id": number, "sketch": sketch_record(sketch), **options}


def drawn(heard: list[dict[str, Any]]) -> dict[int, np.ndarray]:
    """The rows of each variation, ``[n, 3]``, out of all pieces of ink."""
    rows: dict[int, list[list[float]]] = {}
    for message in heard:
        for variation, dx, dy, lift, end in message.get("rows", []):
            rows.setdefault(variation, [])
            if not end:
                rows[variation].append([dx, dy, lift])
    return {variation: np.reshape(some, (-1, 3)) for variation, some in rows.items()}


def types(heard: list[dict[str, Any]]) -> list[str]:
    """What was said, pieces of ink taken as one."""
    said = [message["type"] for message in heard]
    return [kind for at, kind in enumerate(said) if at == 0 or kind != said[at - 1]]
