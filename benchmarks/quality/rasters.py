"""Sketches as small grey pictures for the judge: its own rasteriser, which no model shares.

Pillow lays the ink on at twice the size, and the mean of each block is a pixel of what the judge sees. A drawing fills
its picture, proportions kept, wherever it stands and however large it is; a prefix is treated as a drawing of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from codes.sketch.stroke3 import AnyStroke3, to_polylines

Floats = NDArray[np.float64]

SIDE = 40  # pixels that the judge sees
FINE = 80  # pixels on which ink is laid
MARGIN = 4.0  # fine pixels left free at each edge
PEN = 3.0  # fine pixels wide
LARGEST_ANGLE = np.pi / 12
SIZES = (0.75, 1.05)
STROKE_ANGLE = np.pi / 15
STROKE_SIZES = (0.85, 1.15)
STROKE_SHIFT = 0.04  # of the drawing's larger side
STROKE_LOST = 0.08  # share of the strokes


def raster(sketch: AnyStroke3) -> NDArray[np.uint8]:
    """Stroke-3 rows ``[n, 3]`` as ``[FINE, FINE]``, 255 where there is ink."""
    return _laid(to_polylines(np.asarray(sketch, dtype=np.float64)))


def _laid(lines: Sequence[Floats]) -> NDArray[np.uint8]:
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (FINE - 2 * MARGIN) / max(1e-6, float((high - low).max()))
    picture = Image.new("L", (FINE, FINE))
    pen = ImageDraw.Draw(picture)
    for line in lines:
        _stroke(pen, (line - (low + high) / 2) * scale + FINE / 2)
    return np.asarray(picture)


def _stroke(pen: ImageDraw.ImageDraw, line: Floats) -> None:
    """A line with round ends; a dot is its end."""
    radius = PEN / 2
    pen.line(line.ravel().tolist(), fill=255, width=round(PEN))
    for x, y in (line[0].tolist(), line[-1].tolist()):
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)


def variant(sketch: AnyStroke3, rng: np.random.Generator) -> NDArray[np.uint8]:
    """As :func:`raster`, as another hand might draw it: each stroke a little turned, sized and shifted, or missing."""
    lines = to_polylines(np.asarray(sketch, dtype=np.float64))
    size = float(np.ptp(np.concatenate(lines), axis=0).max())
    kept = [line for line in lines if rng.random() >= STROKE_LOST] or lines
    return _laid([_shaken(line, size, rng) for line in kept])


def _shaken(line: Floats, size: float, rng: np.random.Generator) -> Floats:
    """One stroke of a drawing of that size."""
    middle = line.mean(axis=0)
    turned = (line - middle) @ _rotation(rng.uniform(-STROKE_ANGLE, STROKE_ANGLE)).T
    moved: Floats = middle + turned * rng.uniform(*STROKE_SIZES) + rng.normal(0, STROKE_SHIFT * size, 2)
    return moved


def rasters(sketches: Iterable[AnyStroke3]) -> Tensor:
    """``[B, FINE, FINE]`` uint8."""
    return torch.from_numpy(np.stack([raster(sketch) for sketch in sketches]))


def seen(fine: Tensor) -> Tensor:
    """What the judge sees of ``fine [B, FINE, FINE]``: ``[B, 1, SIDE, SIDE]`` from 0, paper, to 1, ink."""
    return F.avg_pool2d(_as_images(fine), FINE // SIDE)


def seen_turned(fine: Tensor, turns: Sequence[Floats]) -> Tensor:
    """As :func:`seen`, each picture turned by its own linear map ``[2, 2]`` about the middle."""
    maps = torch.from_numpy(np.stack([np.column_stack([np.linalg.inv(turn), np.zeros(2)]) for turn in turns]))
    grid = F.affine_grid(maps.float(), [len(fine), 1, FINE, FINE], align_corners=False)
    return F.avg_pool2d(F.grid_sample(_as_images(fine), grid, align_corners=False), FINE // SIDE)


def _as_images(fine: Tensor) -> Tensor:
    return fine.unsqueeze(1).float() / 255


def random_turn(rng: np.random.Generator) -> Floats:
    """Mirrored or not, narrower or lower by up to a quarter, and turned by up to 15 degrees either way."""
    rotation = _rotation(rng.uniform(-LARGEST_ANGLE, LARGEST_ANGLE))
    sizes = rng.uniform(*SIZES, size=2) * [rng.choice([-1.0, 1.0]), 1.0]
    return rotation * sizes


def _rotation(angle: float) -> Floats:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
