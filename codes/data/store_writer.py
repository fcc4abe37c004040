"""Write a packed store, the folder that :mod:`codes.data.store` reads and describes.

This module streams sketches to disk category by category. It holds their offsets, never their rows. A store takes its
place in the file system as a whole or not at all.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from codes.data.store import FORMAT, Store
from codes.errors import BadFile, BadSketch
from codes.formats.files import disk_errors_of
from codes.formats.npz import SPLITS
from codes.strokes.stroke3 import LIFT, OFFSET, AnyStroke3, PixelStroke3

SketchesByCategory = Mapping[str, Iterable[AnyStroke3]]


def pack(folder: str | Path, splits: Mapping[str, SketchesByCategory]) -> Store:
    """Write a store from ``split -> category -> stroke-3 arrays``; arrays are streamed, not gathered.

    The folder appears whole or not at all.

    Raises:
        BadFile: the folder is there already, or cannot be written.
        BadSketch: an array is no stroke-3 sketch, or its offsets do not fit int16.
    """
    categories = dict.fromkeys(name for split in splits.values() for name in split)
    with new_store(folder, splits=tuple(splits)) as writer:
        for category in categories:
            writer.begin(category)
            for name, split in splits.items():
                for sketch in split.get(category, ()):
                    writer.add(name, sketch)
    return Store(folder)


class StoreWriter:
    """Write sketches category by category; within a category the splits may come in any order."""

    def __init__(self, folder: Path, splits: Iterable[str]) -> None:
        self.folder = folder
        self.categories: list[str] = []
        self._splits = {name: _SplitWriter(folder, name) for name in splits}

    def begin(self, category: str) -> None:
        """Begin a category, to which the sketches that follow belong; each category comes once."""
        assert category not in self.categories
        self.categories.append(category)
        for split in self._splits.values():
            split.starts.append(split.count)

    def add(self, split: str, sketch: AnyStroke3) -> None:
        """Add one stroke-3 sketch to the category that was begun last.

        Raises:
            BadSketch: it is no sketch, or its offsets do not fit int16.
        """
        self._splits[split].add(as_int16(sketch))

    def finish(self) -> None:
        """Write the headers, the offsets and ``store.json``, which are known only at the end."""
        for split in self._splits.values():
            split.finish()
        starts = {name: split.starts for name, split in self._splits.items()}
        facts = {"format": FORMAT, "categories": self.categories, "starts": starts}
        with (self.folder / "store.json").open("w", encoding="utf-8") as file:
            file.write(json.dumps(facts, indent=1))
            os.fsync(file.fileno())

    def close(self) -> None:
        """Close the files."""
        for split in self._splits.values():
            split.rows.close()


class _SplitWriter:
    """Write the two files of one split."""

    def __init__(self, folder: Path, name: str) -> None:
        self.starts: list[int] = []
        self.offsets = array("q", [0])
        self.target = folder / f"{name}.offsets.npy"
        self.rows = (folder / f"{name}.rows.npy").open("wb")
        self._write_header()

    @property
    def count(self) -> int:
        return len(self.offsets) - 1

    def add(self, rows: PixelStroke3) -> None:
        self.rows.write(rows.astype("<i2", copy=False).tobytes())
        self.offsets.append(self.offsets[-1] + len(rows))

    def finish(self) -> None:
        self.starts.append(self.count)
        end = self.rows.tell()
        self.rows.seek(0)
        self._write_header()
        # numpy leaves room in the header for the number of rows to grow in place.
        assert end == self.rows.tell() + 6 * self.offsets[-1]
        self.rows.flush()
        os.fsync(self.rows.fileno())
        with self.target.open("wb") as file:
            np.save(file, np.frombuffer(self.offsets, dtype=np.int64))
            os.fsync(file.fileno())

    def _write_header(self) -> None:
        header = {"descr": "<i2", "fortran_order": False, "shape": (self.offsets[-1], 3)}
        np.lib.format.write_array_header_2_0(self.rows, header)


@contextmanager
def new_store(folder: str | Path, splits: Iterable[str] = SPLITS, replace: bool = False) -> Iterator[StoreWriter]:
    """Yield a writer whose store appears at ``folder`` if the block succeeds; otherwise nothing is left behind.

    Args:
        folder: the path of the store.
        splits: the names of its splits.
        replace: replace a store that is there already. Anything else is never replaced.

    Raises:
        BadFile: there is something of that name already, or the disk fails.
    """
    target = Path(folder).resolve()
    check_destination(folder, replace)
    building = target.with_name(f".{target.name}.{secrets.token_hex(4)}.building")
    with disk_errors_of(folder, "written"):
        try:
            building.mkdir(parents=True)
            writer = StoreWriter(building, splits)
            try:
                yield writer
                writer.finish()
            finally:
                writer.close()
            _move_into_place(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def check_destination(folder: str | Path, replace: bool) -> None:
    """Check that a new store may be written here, before any work is done.

    Raises:
        BadFile: there is a store and ``replace`` is false, or there is anything but a store.
    """
    if not Path(folder).exists():
        return
    if not replace:
        raise BadFile(folder, "there is something of that name already (--force replaces a store)")
    if not (Path(folder) / "store.json").is_file():
        raise BadFile(folder, "is no packed store, so it is not replaced")


def _move_into_place(building: Path, target: Path) -> None:
    """Rename the finished folder; a store that was there is deleted only after that."""
    old = building.with_suffix(".old")
    replaced = target.exists()
    if replaced:
        target.rename(old)
    try:
        building.rename(target)
    except OSError:
        if replaced:
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def as_int16(sketch: AnyStroke3) -> PixelStroke3:
    """Round rows so that *positions* stay within half a pixel, however long the sketch.

    Raises:
        BadSketch: the shape is not ``[n, 3]``, there are no rows, a number does not fit int16, or a lift is neither 0
            nor 1.
    """
    if sketch.ndim != 2 or sketch.shape[1] != 3 or len(sketch) == 0:
        raise BadSketch(f"a sketch is a table of rows (dx, dy, lift), not an array of shape {sketch.shape}")
    if not ((sketch[:, LIFT] == 0) | (sketch[:, LIFT] == 1)).all():
        raise BadSketch("the third column of stroke-3 (pen lift) must be 0 or 1")
    if sketch.dtype == np.int16:
        return sketch.astype(np.int16, copy=False)
    values = sketch.astype(np.float64)
    positions = np.rint(np.cumsum(values[:, OFFSET], axis=0))
    offsets = np.diff(positions, axis=0, prepend=0.0)
    if not np.isfinite(offsets).all() or np.abs(offsets).max() > np.iinfo(np.int16).max:
        raise BadSketch("an offset is not a number, or outside -32767 to 32767 pixels")
    return np.column_stack([offsets, values[:, LIFT]]).astype(np.int16)
