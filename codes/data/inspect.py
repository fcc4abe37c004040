"""Show people what is in a data set: counts, lengths, and a few sketches picked at random.

This module knows packed splits, and reads files as such splits. It draws one histogram. It knows no pictures of
sketches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codes.data.importing import category_of, own_splits
from codes.data.store import PackedSplit, Store
from codes.data.store_writer import as_int16
from codes.errors import BadFile, BadOption
from codes.formats import npz
from codes.formats.files import atomic_path, bad_sketches_of
from codes.formats.registry import read_all
from codes.strokes.geometry import in_quickdraw_pixels
from codes.strokes.layout import ADDED_COLOUR, OWN_COLOUR
from codes.strokes.stroke3 import PixelStroke3, Sketch
from codes.vocabulary import resolve

SplitsByName = dict[str, PackedSplit]
QUANTILES = {"median": 0.5, "95 %": 0.95, "99 %": 0.99}


def open_splits(path: Path, category: str | None = None) -> SplitsByName:
    """Return the splits of a store or of one file by name; a file without splits has one, named "all".

    Sketches of a file are simplified and in Quick, Draw! pixels, as a store would hold them.

    Raises:
        BadFile: the path is neither, or cannot be read.
        ModelNotFound: there is no such category, in any case, spacing and number.
    """
    if path.is_dir():
        store = Store(path)
        splits = {name: store.split(name) for name in store.splits}
    elif path.suffix.lower() == ".npz":
        category_here = category_of(path)
        splits = {name: _pack_in_memory(path, {category_here: npz.read_split(path, name)}) for name in own_splits(path)}
    else:
        splits = {"all": _split_of_sketches(path)}
    if category is None:
        return splits
    return {name: split.only(resolve(category, split.categories)) for name, split in splits.items()}


def _split_of_sketches(path: Path) -> PackedSplit:
    found: dict[str, list[NDArray[Any]]] = {}
    unnamed = category_of(path)
    for sketch in read_all(path):
        found.setdefault(sketch.category or unnamed, []).append(in_quickdraw_pixels(sketch).points)
    return _pack_in_memory(path, found)


def _pack_in_memory(path: Path, found: Mapping[str, list[NDArray[Any]]]) -> PackedSplit:
    """Return a split as a store has it, from sketches in memory."""
    sketches: list[PixelStroke3] = []
    for category, arrays in found.items():
        for index, points in enumerate(arrays):
            with bad_sketches_of(path, f"sketch {index} of {category!r}"):
                sketches.append(as_int16(points))
    rows = np.concatenate([np.empty((0, 3), dtype=np.int16), *sketches])
    return PackedSplit(rows, _cumulative(map(len, sketches)), _cumulative(map(len, found.values())), tuple(found))


def _cumulative(counts: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *counts], dtype=np.int64)


def chosen_split(splits: SplitsByName, name: str | None, path: Path) -> tuple[str, PackedSplit]:
    """Return the name of a split and the split; without a name, the first that has a sketch.

    Raises:
        BadFile: there is no such split, or no sketch in it.
    """
    if name is None:
        name = next((each for each, split in splits.items() if len(split)), next(iter(splits)))
    if name not in splits:
        raise BadFile(path, f"no split '{name}'; there are {', '.join(splits)}")
    if len(splits[name]) == 0:
        raise BadFile(path, f"there is no sketch in split '{name}'")
    return name, splits[name]


@dataclass(frozen=True)
class CategorySummary:
    """Hold a line of a table, for one category or for all together.

    Attributes:
        category: the name of the category, or "all together".
        counts: number of sketches by split.
        mean: mean number of rows of a sketch, over all splits.
        median: median of that number.
        most: 95th percentile of that number.
        longest: largest of these numbers.
    """

    category: str
    counts: dict[str, int]
    mean: float
    median: float
    most: float
    longest: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary, for JSON."""
        return asdict(self)


def summarise(splits: SplitsByName) -> list[CategorySummary]:
    """Return a line for each category and, if there are several, one for all together."""
    names = next(iter(splits.values())).categories
    lines = [_summary_of(name, {key: split.only(name) for key, split in splits.items()}) for name in names]
    return [*lines, _summary_of("all together", splits)] if len(names) > 1 else lines


def _summary_of(category: str, splits: SplitsByName) -> CategorySummary:
    counts = {name: len(split) for name, split in splits.items()}
    lengths = np.concatenate([rows_per_sketch(split) for split in splits.values()])
    if len(lengths) == 0:
        return CategorySummary(category, counts, 0.0, 0.0, 0.0, 0)
    median, percentile_95 = np.quantile(lengths, [0.5, 0.95]).tolist()
    return CategorySummary(
        category, counts, round(float(lengths.mean()), 2), median, round(percentile_95, 2), int(lengths.max())
    )


def rows_per_sketch(split: PackedSplit) -> NDArray[np.int64]:
    """Return the number of rows of each sketch."""
    return np.diff(split.offsets)


def sample_sketches(split: PackedSplit, count: int, seed: int) -> list[Sketch]:
    """Return ``count`` different sketches at random, in the order of the split, or all if there are fewer.

    Raises:
        BadOption: ``count`` is below 1.
    """
    if count < 1:
        raise BadOption(f"a sheet shows at least 1 sketch, not {count}")
    rng = np.random.default_rng(abs(seed))
    indices = np.sort(rng.choice(len(split), size=min(count, len(split)), replace=False))
    labels = split.labels(indices)
    return [
        Sketch(points=split[int(index)].astype(np.float64), category=split.categories[int(label)])
        for index, label in zip(indices, labels, strict=True)
    ]


def write_histogram(path: Path, lengths: NDArray[np.int64], title: str) -> None:
    """Write a picture of how many sketches have how many rows, with quantiles marked.

    Raises:
        BadFile: matplotlib writes no such files, or the disk fails.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in canvas.get_supported_filetypes():
        raise BadFile(path, "a histogram is written as .png, .svg or .pdf")
    _draw_histogram(figure.add_subplot(), lengths, title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=150)


def _draw_histogram(axes: Any, lengths: NDArray[np.int64], title: str) -> None:
    """Draw bars up to a little beyond the last quantile, and say how many sketches are longer."""
    marks = {name: float(np.quantile(lengths, share)) for name, share in QUANTILES.items()}
    right = max(int(max(marks.values()) * 1.15) + 1, 2)
    # Bars are whole numbers of rows wide; others would cover one length here and two there, and look like a comb.
    width = -(-right // 100)
    axes.hist(lengths, bins=np.arange(0.5, right + width, width), color=ADDED_COLOUR, alpha=0.85)
    for level, (name, value) in enumerate(marks.items()):
        axes.axvline(value, color=OWN_COLOUR, linewidth=1, linestyle=":")
        position = (value, 0.96 - 0.07 * level)
        axes.text(*position, f" {name}: {value:g}", transform=axes.get_xaxis_transform(), va="top", color=OWN_COLOUR)
    beyond = int((lengths > right).sum())
    summary = f"{len(lengths):,} sketches, mean {lengths.mean():.1f}, longest {lengths.max()}"
    axes.set(title=f"{title}: {summary}", xlabel="rows of stroke-3", ylabel="sketches", xlim=(0, right))
    if beyond:
        axes.set_xlabel(f"rows of stroke-3 ({beyond:,} longer sketches are not shown)")
    axes.spines[["top", "right"]].set_visible(False)
