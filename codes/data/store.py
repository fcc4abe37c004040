"""Read a data set from flat files that are mapped, not loaded, and read sketches with their categories.

This module knows int16 rows and offsets. It knows no tensors, and :mod:`codes.data.store_writer` writes what it reads.

A store is a folder. For every split it holds ``<split>.rows.npy`` (``[rows, 3]`` int16 stroke-3 in QuickDraw pixels,
all sketches end to end) and ``<split>.offsets.npy`` (``[sketches + 1]`` int64, where each sketch begins). Sketches
stand category by category, so a category is a range. ``store.json`` names the categories and their ranges.

Opening reads the offsets once, to see that they fit, and no row. A store may come from a stranger: whatever in it does
not fit together is refused, and nothing in it is run.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codes.data.quickdraw import is_category_name
from codes.errors import BadFile, BadOption
from codes.formats.files import MEGABYTE, disk_errors_of, read_text
from codes.formats.npz import SPLITS, read_split
from codes.formats.registry import read_all
from codes.formats.strict_json import NotJson, parse
from codes.strokes.geometry import in_quickdraw_pixels
from codes.strokes.stroke3 import AnyStroke3, PixelStroke3

FORMAT = 1
MAX_FACTS = 16 * MEGABYTE
OFFSETS_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class PackedSplit:
    """Hold one split of a store, mapped from disk.

    Attributes:
        rows: ``[rows, 3]`` int16 stroke-3 in QuickDraw pixels, all sketches end to end.
        offsets: ``[sketches + 1]`` int64; sketch ``i`` is ``rows[offsets[i]:offsets[i + 1]]``.
        starts: ``[categories + 1]`` int64; category ``c`` has the sketches ``starts[c]:starts[c + 1]``.
        categories: the names of the categories, in order.
    """

    rows: PixelStroke3
    offsets: NDArray[np.int64]
    starts: NDArray[np.int64]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> PixelStroke3:
        return self.rows[self.offsets[index] : self.offsets[index + 1]]

    def counts(self) -> NDArray[np.int64]:
        """Return the number of sketches of each category, ``[categories]``."""
        return np.diff(self.starts)

    def lengths(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of rows of each of these sketches."""
        return self.offsets[indices + 1] - self.offsets[indices]

    def labels(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the category numbers of these sketches."""
        return np.searchsorted(self.starts, indices, side="right") - 1

    def only(self, category: str) -> PackedSplit:
        """Return the same mapping as a split of this one category.

        Raises:
            BadOption: there is no such category.
        """
        if category not in self.categories:
            raise BadOption(f"there is no category {category!r}; there are {', '.join(self.categories)}")
        number = self.categories.index(category)
        start, end = self.starts[number], self.starts[number + 1]
        starts = np.array([0, end - start], dtype=np.int64)
        return PackedSplit(self.rows, self.offsets[start : end + 1], starts, (category,))

    def sketches(self) -> Iterator[PixelStroke3]:
        """Return an iterator over all sketches, in order."""
        return (self[index] for index in range(len(self)))

    def release(self) -> None:
        """Give mapped pages back to the system, which maps them again when they are read.

        Without this, reading sketches here and there would make the whole file count as memory of this process. The
        system would also read ahead after each of them, which takes seconds a step on a slow disk.
        """
        for mapped in (self.rows.base, self.offsets.base):
            if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                mapped.madvise(mmap.MADV_DONTNEED)
                mapped.madvise(mmap.MADV_RANDOM)

    def chunks(self, size: int = 1 << 16, max_chunks: int | None = None) -> Iterator[PixelStroke3]:
        """Return the rows of this split in order, ``size`` at a time; of a large split ``max_chunks``, evenly spread.

        What is read of a mapped file counts as memory until the system takes it back, so ``max_chunks`` bounds memory.
        """
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        starts = range(first, last, size)
        step = 1 if max_chunks is None else max(1, -(-len(starts) // max_chunks))
        return (self.rows[start : min(start + size, last)] for start in starts[::step])


class Store:
    """Open a packed data set, a folder with up to three splits.

    Raises:
        BadFile: the folder is no store, or its ``store.json`` is not valid.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        facts = _read_facts(self.folder)
        self.categories: tuple[str, ...] = tuple(facts["categories"])
        self._starts: dict[str, list[int]] = facts["starts"]

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits that exist, in the usual order."""
        return tuple(split for split in SPLITS if split in self._starts)

    def split(self, name: str) -> PackedSplit:
        """Map one split.

        Raises:
            BadFile: there is no such split, or its files are missing, cut short or do not fit together.
        """
        if name not in self._starts:
            raise BadFile(self.folder, f"no split '{name}'; there are {', '.join(self.splits)}")
        starts = np.asarray(self._starts[name], dtype=np.int64)
        rows = _map_array(self.folder / f"{name}.rows.npy", np.dtype(np.int16), (3,))
        offsets = _map_array(self.folder / f"{name}.offsets.npy", np.dtype(np.int64), ())
        ends_fit = len(offsets) == starts[-1] + 1 and offsets[0] == 0 and offsets[-1] == len(rows)
        if not ends_fit or not _ascends(offsets):
            raise BadFile(self.folder, f"the files of split '{name}' do not fit together")
        return PackedSplit(rows, offsets, starts, self.categories)


def _read_facts(folder: Path) -> dict[str, Any]:
    """Return the content of ``store.json`` after checking it."""
    path = folder / "store.json"
    with disk_errors_of(folder):
        if not path.is_file():
            raise BadFile(folder, "no packed store; make one with `train_or_test.py data import`")
    try:
        facts = parse(read_text(path, MAX_FACTS))
    except NotJson as error:
        raise BadFile(path, str(error)) from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise BadFile(folder, f"not a store of format {FORMAT}")
    if not _are_names(facts.get("categories")):
        raise BadFile(path, '"categories" is no list of different names')
    if not _are_ranges(facts.get("starts"), len(facts["categories"])):
        raise BadFile(path, '"starts" does not say where the categories of each split begin and end')
    return facts


def _are_names(value: Any) -> bool:
    if not isinstance(value, list) or not value or not all(is_category_name(name) for name in value):
        return False
    return len(set(value)) == len(value)


def _are_ranges(value: Any, categories: int) -> bool:
    """Return true if this maps splits to numbers that begin at 0 and never fall, one more than there are categories."""
    if not isinstance(value, dict) or not value or not set(value) <= set(SPLITS):
        return False
    return all(_is_range(numbers, categories) for numbers in value.values())


def _is_range(numbers: Any, categories: int) -> bool:
    if not isinstance(numbers, list) or len(numbers) != categories + 1:
        return False
    if not all(type(number) is int and 0 <= number < 1 << 62 for number in numbers):
        return False
    return numbers[0] == 0 and all(start <= end for start, end in pairwise(numbers))


def _map_array(path: Path, kind: np.dtype[Any], row: tuple[int, ...]) -> NDArray[Any]:
    """Map the array in an ``.npy`` file, whose rows must have this type and shape."""
    try:
        mapped: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, OverflowError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise BadFile(path, "is missing, cut short or no array of numbers") from error
    if mapped.dtype != kind or mapped.ndim != 1 + len(row) or mapped.shape[1:] != row:
        raise BadFile(path, f"is an array of {mapped.dtype} and shape {mapped.shape}, not what a store holds")
    return mapped


def _ascends(offsets: NDArray[np.int64]) -> bool:
    """Return true if every sketch has a row; checked in chunks, since there may be fifty million sketches."""
    starts = range(0, len(offsets) - 1, OFFSETS_AT_A_TIME)
    return all((np.diff(offsets[start : start + OFFSETS_AT_A_TIME + 1]) > 0).all() for start in starts)


def read_labelled(path: Path, split: str) -> dict[str, list[AnyStroke3]]:
    """Return the stroke-3 sketches of each category, in QuickDraw pixels, from a store, a file or a folder of files.

    Raises:
        BadFile: the path is none of these, or has no such split.
    """
    if (path / "store.json").exists():
        opened = Store(path).split(split)
        return {category: list(opened.only(category).sketches()) for category in opened.categories}
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    found: dict[str, list[AnyStroke3]] = defaultdict(list)
    for file in files:
        if file.suffix.lower() == ".npz":
            found[file.stem] += read_split(file, split)
        else:
            for sketch in read_all(file):
                found[sketch.category or file.stem].append(in_quickdraw_pixels(sketch).points)
    return dict(found)
