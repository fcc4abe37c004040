"""Make small drawings that tests of several formats share."""

from __future__ import annotations

import numpy as np

from codes.strokes.stroke3 import Polylines, Sketch, sketch_from_polylines

HOUSE: Polylines = [
    np.array([[20.0, 250.0], [20, 120], [120, 30], [220, 120], [220, 250], [20, 250]]),
    np.array([[90.0, 250.0], [90, 180], [140, 180], [140, 250]]),
    np.array([[130.0, 215.0]]),
    np.array([[60.0, 60.0], [61.5, 20.25]]),
]


def house(**fields: object) -> Sketch:
    """Return four strokes, one of them a dot; the first segment is long, so that losing it fails a test."""
    return sketch_from_polylines(HOUSE, **fields)


def assert_same_strokes(ours: Polylines, theirs: Polylines, atol: float = 1e-9) -> None:
    assert [len(line) for line in ours] == [len(line) for line in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)
