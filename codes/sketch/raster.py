"""A sketch as pixels: one picture, or the frames of the pen's movement.

Knows Pillow's drawing calls; knows no files, no display and no text. Ink is laid on at several times the size
and averaged down, which is what makes its edges smooth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from codes.errors import BadOption
from codes.sketch.layout import PLAIN, Ink, Mark, View, by_length, by_points, marks, view_of
from codes.sketch.strokes import Floats, Sketch

Pixels = NDArray[np.uint8]

SUPERSAMPLING = 4
LARGEST = 8192
THINNEST = 1.2
FAR = 1e6


class Canvas:
    """Paper of ``size`` (width, height) pixels that shows ``view``, centred; ink is added mark by mark."""

    def __init__(self, size: tuple[int, int], view: View, ink: Ink = PLAIN) -> None:
        from PIL import Image, ImageDraw

        if not all(1 <= side <= LARGEST for side in size):
            raise BadOption(f"a picture has 1 to {LARGEST} pixels a side, not {size[0]} x {size[1]}")
        large = np.multiply(size, SUPERSAMPLING)
        self._image = Image.new("RGB", (int(large[0]), int(large[1])), ink.paper)
        self._pen = ImageDraw.Draw(self._image)
        self._ink = ink
        self._scale = min(large[0] / view.width, large[1] / view.height)
        self._shift = large / 2 - self._scale * np.array([view.x + view.width / 2, view.y + view.height / 2])
        # An odd width has a middle pixel, so that lines and the discs at their ends have the same edges.
        width = max(ink.width * view.side * self._scale, THINNEST * SUPERSAMPLING)
        self._radius = round((width - 1) / 2)

    def draw(self, drawn: Iterable[Mark]) -> None:
        """Lay ink on, over whatever is there."""
        for mark in drawn:
            colour = self._ink.of(mark.own)
            start, end = self._on_paper(mark.start), self._on_paper(mark.end)
            self._pen.line([start, end], fill=colour, width=2 * self._radius + 1)
            self._disc(start, colour)
            self._disc(end, colour)

    def pixels(self) -> Pixels:
        """What is on the paper now, ``[height, width, 3]``."""
        return np.array(self._image.reduce(SUPERSAMPLING))

    def _on_paper(self, position: Floats) -> tuple[int, int]:
        # Pillow turns coordinates into C integers; a view may show a small part of a huge drawing.
        x, y = np.clip(self._scale * position + self._shift, -FAR, FAR).round().astype(int).tolist()
        return x, y

    def _disc(self, centre: tuple[int, int], colour: str) -> None:
        (x, y), radius = centre, self._radius
        self._pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def image(sketch: Sketch, size: tuple[int, int] = (256, 256), ink: Ink = PLAIN, view: View | None = None) -> Pixels:
    """The whole sketch on paper of ``size`` (width, height), ``[height, width, 3]``.

    Raises:
        BadOption: a side without pixels, or with too many.
    """
    canvas = Canvas(size, view or view_of(sketch), ink)
    canvas.draw(marks(sketch))
    return canvas.pixels()


def frames(
    sketch: Sketch,
    size: tuple[int, int] = (256, 256),
    ink: Ink = PLAIN,
    points_per_frame: int = 1,
    view: View | None = None,
) -> Iterator[Pixels]:
    """The drawing as it grows point by point; the last frame is :func:`image`.

    Raises:
        BadOption: no point in a frame, a side without pixels, or with too many.
    """
    if points_per_frame < 1:
        raise BadOption(f"a frame adds at least one point, not {points_per_frame}")
    canvas = Canvas(size, view or view_of(sketch), ink)
    return _reveal(canvas, by_points(marks(sketch), points_per_frame))


def paced_frames(sketch: Sketch, size: tuple[int, int], ink: Ink, step: float) -> Iterator[Pixels]:
    """The drawing as a pen of constant speed draws it: ``step`` of the sketch's units a frame.

    Raises:
        BadOption: a side without pixels, or with too many.
    """
    return _reveal(Canvas(size, view_of(sketch), ink), by_length(marks(sketch), step))


def _reveal(canvas: Canvas, groups: Iterable[Sequence[Mark]]) -> Iterator[Pixels]:
    for group in groups:
        canvas.draw(group)
        yield canvas.pixels()
