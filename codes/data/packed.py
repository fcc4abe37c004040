"""A data set as flat files that are mapped, not read: knows int16 rows and offsets, knows no tensors.

A store is a folder. For every split it holds ``<split>.rows.npy`` (``[rows, 3]`` int16 stroke-3 in QuickDraw pixels,
all sketches end to end) and ``<split>.offsets.npy`` (``[sketches + 1]`` int64, where each sketch begins). Sketches
stand category by category, so a category is a range. ``store.json`` names the categories and their ranges.

Opening costs the same for a thousand sketches and for fifty million.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codes.errors import BadFile, BadSketch

Rows = NDArray[np.int16]
SPLITS = ("train", "valid", "test")
FORMAT = 1


@dataclass(frozen=True)
class PackedSplit:
    """One split of a store, mapped from disk.

    Attributes:
        rows: ``[rows, 3]`` int16, every sketch end to end.
        offsets: ``[sketches + 1]`` int64; sketch ``i`` is ``rows[offsets[i]:offsets[i + 1]]``.
        starts: ``[categories + 1]``; category ``c`` is the sketches ``starts[c]:starts[c + 1]``.
        categories: the names, in order.
    """

    rows: Rows
    offsets: NDArray[np.int64]
    starts: NDArray[np.int64]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Rows:
        return self.rows[self.offsets[index] : self.offsets[index + 1]]

    def counts(self) -> NDArray[np.int64]:
        """Sketches of each category, ``[categories]``."""
        return np.diff(self.starts)

    def lengths(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of each of these sketches."""
        return self.offsets[indices + 1] - self.offsets[indices]

    def labels(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Category numbers of these sketches."""
        return np.searchsorted(self.starts, indices, side="right") - 1

    def only(self, category: str) -> PackedSplit:
        """The same mapping, seen as a split of this one category."""
        number = self.categories.index(category)
        start, end = self.starts[number], self.starts[number + 1]
        starts = np.array([0, end - start], dtype=np.int64)
        return PackedSplit(self.rows, self.offsets[start : end + 1], starts, (category,))

    def sketches(self) -> Iterator[Rows]:
        """Every sketch, in order."""
        return (self[index] for index in range(len(self)))

    def chunks(self, size: int = 1 << 20) -> Iterator[Rows]:
        """All rows of this split in order, some at a time."""
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        return (self.rows[start : min(start + size, last)] for start in range(first, last, size))


class Store:
    """A packed data set: a folder with up to three splits.

    Raises:
        BadFile: the folder is no store, or its files do not fit together.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            facts = json.loads((self.folder / "store.json").read_text())
        except FileNotFoundError as error:
            raise BadFile(folder, "no packed store; make one with `train_or_test.py data import`") from error
        except (OSError, ValueError) as error:
            raise BadFile(folder, "store.json cannot be read") from error
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise BadFile(folder, f"not a store of format {FORMAT}")
        self.categories: tuple[str, ...] = tuple(facts["categories"])
        self._starts: dict[str, list[int]] = facts["starts"]

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits there are, in the usual order."""
        return tuple(split for split in SPLITS if split in self._starts)

    def split(self, name: str) -> PackedSplit:
        """Map one split.

        Raises:
            BadFile: there is no such split, or its files are cut short.
        """
        if name not in self._starts:
            raise BadFile(self.folder, f"no split '{name}'; there are {', '.join(self.splits)}")
        starts = np.asarray(self._starts[name], dtype=np.int64)
        try:
            rows = np.load(self.folder / f"{name}.rows.npy", mmap_mode="r")
            offsets = np.load(self.folder / f"{name}.offsets.npy", mmap_mode="r")
        except (OSError, ValueError) as error:
            raise BadFile(self.folder, f"the files of split '{name}' cannot be read ({error})") from error
        if len(offsets) != starts[-1] + 1 or offsets[-1] != len(rows):
            raise BadFile(self.folder, f"the files of split '{name}' do not fit together")
        return PackedSplit(rows, offsets, starts, self.categories)


SketchesByCategory = Mapping[str, Iterable[NDArray[np.generic]]]


def pack(folder: str | Path, splits: Mapping[str, SketchesByCategory]) -> Store:
    """Write a store from ``split -> category -> stroke-3 arrays``; arrays are streamed, not gathered.

    The folder appears whole or not at all.

    Raises:
        BadFile: the folder is there already.
        BadSketch: an array is no stroke-3 sketch, or its offsets do not fit int16.
    """
    folder = Path(folder)
    if folder.exists():
        raise BadFile(folder, "there is something of that name already")
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    categories = list(dict.fromkeys(name for split in splits.values() for name in split))
    try:
        starts = {name: _pack_split(building, name, split, categories) for name, split in splits.items()}
        facts = {"format": FORMAT, "categories": categories, "starts": starts}
        (building / "store.json").write_text(json.dumps(facts, indent=1))
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Store(folder)


def _pack_split(folder: Path, name: str, split: SketchesByCategory, categories: list[str]) -> list[int]:
    """Write one split's two files; returns where each category starts, and the end."""
    raw = folder / f"{name}.rows.raw"
    offsets, starts = [0], [0]
    with raw.open("wb") as file:
        for category in categories:
            for sketch in split.get(category, ()):
                rows = as_int16(sketch)
                file.write(rows.tobytes())
                offsets.append(offsets[-1] + len(rows))
            starts.append(len(offsets) - 1)
    np.save(folder / f"{name}.offsets.npy", np.asarray(offsets, dtype=np.int64))
    _raw_to_npy(raw, folder / f"{name}.rows.npy", rows=offsets[-1])
    return starts


def _raw_to_npy(raw: Path, target: Path, rows: int) -> None:
    """Put numpy's header before the raw rows, without holding them."""
    with target.open("wb") as file:
        header = {"descr": "<i2", "fortran_order": False, "shape": (rows, 3)}
        np.lib.format.write_array_header_2_0(file, header)
        with raw.open("rb") as source:
            shutil.copyfileobj(source, file)
    raw.unlink()


def as_int16(sketch: NDArray[np.generic]) -> Rows:
    """Rows rounded so that *positions* stay within half a pixel, however long the sketch.

    Raises:
        BadSketch: not ``[n, 3]``, no rows, or outside int16.
    """
    if sketch.ndim != 2 or sketch.shape[1] != 3 or len(sketch) == 0:
        raise BadSketch(f"a sketch is a table of rows (dx, dy, lift), not an array of shape {sketch.shape}")
    values = sketch.astype(np.float64)
    positions = np.rint(np.cumsum(values[:, :2], axis=0))
    offsets = np.diff(positions, axis=0, prepend=0.0)
    if not np.isfinite(offsets).all() or np.abs(offsets).max() > np.iinfo(np.int16).max:
        raise BadSketch("an offset is not a number, or outside -32767 to 32767 pixels")
    return np.column_stack([offsets, values[:, 2]]).astype(np.int16)
