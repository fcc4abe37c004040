"""Describe strokes that were added to a drawing: their shapes, and how they meet the ink that was there before.

An added stroke is measured against all strokes before it, the added ones too: how far its ends and the points between
are from earlier ink, whether its ends meet where earlier strokes end, whether ink surrounds it, where it lies in the
drawing. All sketches are measured at once, since each of many candidates is.

Nothing is measured that only data can tell. Positions are rounded to whole Quick, Draw! pixels, as people's are in the
data. How a line is parted into rows does not count: decoders put points where people's simplified lines have none.

Knows stroke-3 and no models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codes.strokes.stroke3 import LIFT, OFFSET, AnyStroke3

Numbers = NDArray[np.float32]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Where on a stroke its distance to earlier ink is measured, as shares of its length.
SHARES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
NOWHERE = 400.0  # pixels to ink where there is none yet
REACHES = (2.0, 5.0, 12.0)  # pixels; a distance d becomes exp(-d / reach), which tells near ones apart
DIRECTION_REACH = 12.0  # pixels; the direction of ink farther away says nothing
SMALLEST_BOX = 20.0  # pixels; a place within a smaller drawing is measured as within one of this size

STROKE_FEATURES = 64
SUMMARY_FEATURES = 2 * STROKE_FEATURES + 4


@dataclass(frozen=True)
class AddedInk:
    """Hold what is measured of the strokes that were added to ``N`` sketches, ``S`` strokes in all.

    Attributes:
        strokes: ``[S, STROKE_FEATURES]``, those of the first sketch in the order in which they were drawn, then those
            of the second, and so on. A stroke that was begun before is measured from where it goes on.
        counts: ``[N]``, how many strokes were added to each sketch.
        summaries: ``[N, SUMMARY_FEATURES]``, means and maxima over a sketch's added strokes, and how much was added
            to how much.
    """

    strokes: Numbers
    counts: Indices
    summaries: Numbers


def added_ink(sketches: Sequence[AnyStroke3], prefix_rows: Sequence[int]) -> AddedInk:
    """Measure what was added to sketches.

    Args:
        sketches: stroke-3 in QuickDraw pixels, prefix and what was added.
        prefix_rows: how many rows of each are the prefix.
    """
    ink = _ink_of(sketches)
    added = _added_strokes(ink, np.asarray(prefix_rows))
    strokes = np.zeros((len(added.begin), STROKE_FEATURES), np.float32)
    if len(strokes):
        columns = [*_order(ink, added), *_joins(ink, added, _compare(ink, added)), *_shapes(ink, added)]
        np.stack([*columns, *_places(ink, added)], axis=1, out=strokes, casting="same_kind")
    return AddedInk(strokes, added.counts, _summaries(ink, added, strokes, np.asarray(prefix_rows)))


class _Ink(NamedTuple):
    """Hold a line for each row of all sketches, one sketch after the other: ``[R]`` each.

    The row after a pen-up draws nothing: its line is the point where the new stroke begins.
    """

    x: Numbers  # where the line begins
    y: Numbers
    dx: Numbers
    dy: Numbers
    length: Numbers
    jump: Numbers  # distance the pen moved through the air before it
    begins: Flags  # a stroke begins here
    ends: Flags
    stroke: Indices  # number of the stroke, counted through all sketches
    sketch: Indices
    first: Indices  # [N], first row of each sketch
    rows: Indices  # [N]


def _ink_of(sketches: Sequence[AnyStroke3]) -> _Ink:
    rows = np.array([len(each) for each in sketches])
    first = np.cumsum(rows) - rows
    points = np.concatenate(sketches).astype(np.float64)
    sketch = np.repeat(np.arange(len(rows)), rows)
    ended = np.roll(points[:, LIFT] == 1, 1)
    ended[first] = False
    walked = np.vstack([np.zeros((1, 2)), np.cumsum(points[:, OFFSET], axis=0)])
    origin = walked[first][sketch]
    x, y = np.round(walked[1:] - origin).astype(np.float32).T
    from_x, from_y = np.round(walked[:-1] - origin).astype(np.float32).T
    jump = np.where(ended, np.hypot(x - from_x, y - from_y), 0)
    from_x, from_y = np.where(ended, x, from_x), np.where(ended, y, from_y)
    begins = ended.copy()
    begins[first] = True
    ends = np.append(begins[1:], True)
    dx, dy = x - from_x, y - from_y
    return _Ink(
        from_x, from_y, dx, dy, np.hypot(dx, dy), jump, begins, ends, np.cumsum(begins) - 1, sketch, first, rows
    )


class _Added(NamedTuple):
    """Hold which rows each added stroke has, ``[S]`` each, and points on it, ``[5, S]`` at :data:`SHARES`."""

    begin: Indices  # its first added row
    end: Indices  # its last
    whole: Indices  # the first row of the whole stroke; before ``begin`` if it was begun in the prefix
    sketch: Indices
    first: Indices  # the first row of its sketch
    counts: Indices  # [N], added strokes of each sketch
    x: Numbers
    y: Numbers

    @property
    def rows(self) -> Indices:
        return self.end - self.begin + 1


def _added_strokes(ink: _Ink, prefix_rows: Indices) -> _Added:
    added = np.arange(len(ink.x)) >= (ink.first + prefix_rows)[ink.sketch]
    before = np.append(False, added[:-1])
    begin = np.flatnonzero(added & (ink.begins | ~before))
    end = np.flatnonzero(added & ink.ends)
    whole = np.flatnonzero(ink.begins)[ink.stroke[begin]]
    sketch = ink.sketch[begin]
    counts = np.bincount(sketch, minlength=len(ink.first))
    return _Added(begin, end, whole, sketch, ink.first[sketch], counts, *_points_on(ink, begin, end))


def _points_on(ink: _Ink, begin: Indices, end: Indices) -> tuple[Numbers, Numbers]:
    """Return the points of strokes at :data:`SHARES` of their lengths."""
    travelled = np.cumsum(ink.length, dtype=np.float64)
    start = travelled[begin] - ink.length[begin]
    marks = start + SHARES[:, None] * (travelled[end] - start)
    line = np.clip(np.searchsorted(travelled, marks), begin, end)
    rest = (travelled[line] - marks) / np.maximum(ink.length[line], 1e-6)
    share = np.clip(1 - rest, 0, 1).astype(np.float32)
    share[0], share[-1], line[0], line[-1] = 0, 1, begin, end
    return ink.x[line] + share * ink.dx[line], ink.y[line] + share * ink.dy[line]


class _Earlier(NamedTuple):
    """Hold how added strokes lie to the strokes before them.

    Attributes:
        exists: ``[S]``, there are earlier strokes at all.
        gaps: ``[5, S]``, distance of each point to the nearest earlier line.
        ends: ``[2, S]``, distance of begin and end to the nearest end of an earlier stroke.
        nearest: ``[2, S]``, the row that is nearest to begin and end.
        hits: ``[3, S]``, in how many of four directions begin, middle and end see earlier ink.
        crossings: ``[3, S]``, in how many of them they see it an odd number of times, as from within a closed line.
    """

    exists: Flags
    gaps: Numbers
    ends: Numbers
    nearest: Indices
    hits: Numbers
    crossings: Numbers


def _compare(ink: _Ink, added: _Added) -> _Earlier:
    """Compare every added stroke with every line of the strokes before it."""
    count = len(added.begin)
    exists = added.whole > added.first
    earlier = _Earlier(
        exists,
        np.full((5, count), NOWHERE, np.float32),
        np.full((2, count), NOWHERE, np.float32),
        np.zeros((2, count), np.int64),
        np.zeros((3, count), np.float32),
        np.zeros((3, count), np.float32),
    )
    some = np.flatnonzero(exists)
    if not len(some):
        return earlier
    lines = (added.whole - added.first)[some]
    offsets = np.cumsum(lines) - lines
    line = _ranges(added.first[some], lines)
    stroke = np.repeat(np.arange(len(some)), lines)
    dx, dy = ink.dx[line], ink.dy[line]
    x, y = (
        np.repeat(points[:, some], lines, axis=1) - start[line]
        for points, start in ((added.x, ink.x), (added.y, ink.y))
    )
    share = np.clip((x * dx + y * dy) / np.maximum(dx * dx + dy * dy, 1e-6), 0, 1)
    distance = np.square(x - share * dx) + np.square(y - share * dy)
    gap = np.minimum.reduceat(distance, offsets, axis=1)
    earlier.gaps[:, some] = np.sqrt(gap)
    for number, point in enumerate((0, 4)):
        found = np.flatnonzero(distance[point] == gap[point][stroke])[::-1]
        earlier.nearest[number, some[stroke[found]]] = line[found]
        from_start = np.where(ink.begins[line], np.square(x[point]) + np.square(y[point]), NOWHERE**2)
        from_end = np.where(ink.ends[line], np.square(x[point] - dx) + np.square(y[point] - dy), NOWHERE**2)
        earlier.ends[number, some] = np.sqrt(np.minimum.reduceat(np.minimum(from_start, from_end), offsets))
    for number, point in enumerate((0, 2, 4)):
        seen = _seen_along_axes(-x[point], -y[point], dx, dy)
        times = np.add.reduceat(seen.astype(np.int32), offsets, axis=1)
        earlier.hits[number, some] = (times > 0).sum(axis=0)
        earlier.crossings[number, some] = (times % 2).sum(axis=0)
    return earlier


def _ranges(starts: Indices, counts: Indices) -> Indices:
    """Return ``starts[0], starts[0] + 1, ...``, ``counts[0]`` of them, then those from ``starts[1]`` and so on."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1]) - np.repeat(ends - counts - starts, counts)


def _seen_along_axes(x: Numbers, y: Numbers, dx: Numbers, dy: Numbers) -> Flags:
    """Tell if a line from ``(x, y)`` along ``(dx, dy)`` crosses each half of each axis, ``[4, P]``."""
    across_x, across_y = (y > 0) != (y + dy > 0), (x > 0) != (x + dx > 0)
    area = x * dy - y * dx  # the line crosses the x axis at area / dy and the y axis at -area / dx
    right, below = (area > 0) == (dy > 0), (area < 0) == (dx > 0)
    return np.stack([across_x & right, across_x & ~right, across_y & below, across_y & ~below])


Columns = list[NDArray[np.generic]]


def _order(ink: _Ink, added: _Added) -> Columns:
    continues = added.whole < added.begin
    number = np.arange(len(added.begin)) - (np.cumsum(added.counts) - added.counts)[added.sketch]
    earlier = ink.stroke[added.begin] - ink.stroke[added.first] + continues
    return [continues, number == 0, np.log1p(number), np.log1p(earlier), added.whole > added.first]


def _joins(ink: _Ink, added: _Added, earlier: _Earlier) -> Columns:
    continues = added.whole < added.begin
    begin = np.where(continues, 0, earlier.gaps[0])
    inner, farthest = earlier.gaps[1:4], earlier.gaps.max(axis=0)
    first_line = added.begin + (ink.length[added.begin] == 0)
    return [
        *_near(begin),
        *_near(earlier.gaps[4]),
        *_near(inner.min(axis=0)),
        *np.log1p(inner),
        *_near(farthest)[:1],
        *_near(farthest)[2:3],
        *_near(earlier.ends[0]),
        *_near(earlier.ends[1]),
        np.log1p(ink.jump[added.begin]),
        _parallel(ink, np.minimum(first_line, added.end), earlier.nearest[0], earlier.gaps[0]),
        _parallel(ink, added.end, earlier.nearest[1], earlier.gaps[4]),
        *earlier.hits,
        *earlier.crossings,
    ]


def _near(distance: Numbers) -> Columns:
    return [np.log1p(distance), *(np.exp(-distance / reach) for reach in REACHES)]


def _parallel(ink: _Ink, row: Indices, other: Indices, gap: Numbers) -> Numbers:
    """Return the cosine between two lines, 1 if parallel and 0 if at right angles; a half if they do not meet."""
    product = np.abs(ink.dx[row] * ink.dx[other] + ink.dy[row] * ink.dy[other])
    cosine = product / np.maximum(ink.length[row] * ink.length[other], 1e-6)
    return np.where(gap < DIRECTION_REACH, cosine, np.float32(0.5))


def _shapes(ink: _Ink, added: _Added) -> Columns:
    travelled = np.cumsum(ink.length, dtype=np.float64)
    before = travelled - ink.length
    length, whole = (travelled[added.end] - before[begin] for begin in (added.begin, added.whole))
    chord, closing = (
        np.hypot(added.x[4] - ink.x[begin], added.y[4] - ink.y[begin]) for begin in (added.begin, added.whole)
    )
    return [
        *_near(closing),
        closing / np.maximum(whole, 1),
        np.log1p(length),
        np.log1p(length) - np.log1p(before[added.begin] - before[added.first]),
        np.log1p(chord),
        chord / np.maximum(length, 1),
        length == 0,
    ]


def _places(ink: _Ink, added: _Added) -> Columns:
    columns: Columns = []
    sides = []
    for start, step, points in ((ink.x, ink.dx, added.x), (ink.y, ink.dy, added.y)):
        low, high = np.minimum(start, start + step), np.maximum(start, start + step)
        row, offsets = _ranges(added.begin, added.rows), np.cumsum(added.rows) - added.rows
        own_low, own_high = np.minimum.reduceat(low[row], offsets), np.maximum.reduceat(high[row], offsets)
        before = np.maximum(added.begin - 1, added.first)
        lowest, highest = -_running_maximum(-low, ink)[before], _running_maximum(high, ink)[before]
        side = highest - lowest
        sides.append(side)
        columns += [
            *np.clip((points[::2] - lowest) / np.maximum(side, SMALLEST_BOX), -1, 2),
            np.log(own_high - own_low + 4),
            np.log((own_high - own_low + 4) / (side + 4)),
            np.maximum(lowest - own_low, 0) / np.maximum(side, SMALLEST_BOX),
            np.maximum(own_high - highest, 0) / np.maximum(side, SMALLEST_BOX),
        ]
    return [*columns, np.log1p(np.maximum(*sides))]


def _running_maximum(values: Numbers, ink: _Ink) -> NDArray[np.float64]:
    """Return the largest value of each sketch up to each row."""
    apart = (float(np.abs(values).max()) * 2 + 1) * ink.sketch.astype(np.float64)
    largest: NDArray[np.float64] = np.maximum.accumulate(values + apart) - apart
    return largest


def _summaries(ink: _Ink, added: _Added, strokes: Numbers, prefix_rows: Indices) -> Numbers:
    summaries = np.zeros((len(ink.rows), SUMMARY_FEATURES), np.float32)
    some = np.flatnonzero(added.counts)
    offsets = (np.cumsum(added.counts) - added.counts)[some]
    if len(some):
        summaries[some, :STROKE_FEATURES] = np.add.reduceat(strokes, offsets) / added.counts[some, None]
        summaries[some, STROKE_FEATURES:-4] = np.maximum.reduceat(strokes, offsets)
    travelled = np.append(0, np.cumsum(ink.length, dtype=np.float64))
    cut, end = ink.first + prefix_rows, ink.first + ink.rows
    ended = np.append(0, np.cumsum(ink.ends))
    for column, total in zip((-4, -2), (ended, travelled), strict=True):
        summaries[:, column] = np.log1p(total[end] - total[cut])
        summaries[:, column + 1] = np.log1p(total[cut] - total[ink.first])
    return summaries
