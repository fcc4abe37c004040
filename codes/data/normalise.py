"""The one place where a scale is applied and undone. Fitted on train, saved with the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codes.data.packed import PackedSplit
from codes.errors import BadSketch

MOST_CHUNKS = 64


@dataclass(frozen=True)
class Normaliser:
    """Divides offsets by one scale, in QuickDraw pixels; lifts are left alone.

    The offsets are not centred: a pen that stays where it is stays at zero. (Ha and Eck 2017, section 3.1.)
    """

    scale: float

    def apply(self, points: NDArray[np.generic]) -> NDArray[np.float32]:
        """Pixels to model units; ``[..., 3]``, a new array."""
        out = points.astype(np.float32)
        out[..., :2] /= np.float32(self.scale)
        return out

    def undo(self, points: NDArray[np.generic]) -> NDArray[np.float64]:
        """Model units to pixels; ``[..., 3]``, a new array."""
        out = points.astype(np.float64)
        out[..., :2] *= self.scale
        return out


def fit_normaliser(split: PackedSplit) -> Normaliser:
    """The standard deviation of the offsets of a split; of millions of sketches, of those in an even sample of rows.

    Raises:
        BadSketch: there are no offsets, or they do not differ.
    """
    total = squares = count = 0.0
    for rows in split.chunks(most=MOST_CHUNKS):
        offsets = rows[:, :2].astype(np.float64)
        total += float(offsets.sum())
        squares += float(np.square(offsets).sum())
        count += offsets.size
    variance = squares / count - (total / count) ** 2 if count else 0.0
    if not variance > 0:
        raise BadSketch("the sketches to train on are all of equal offsets, so they have no scale")
    return Normaliser(scale=float(np.sqrt(variance)))
