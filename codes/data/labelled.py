"""Sketches with their categories, out of a packed store or a data file: what testing reads."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codes.data.packed import Store
from codes.formats.npz import read_split
from codes.formats.registry import read_all
from codes.sketch.geometry import in_quickdraw_pixels

Rows = NDArray[np.generic]


def labelled(path: Path, split: str) -> dict[str, list[Rows]]:
    """Category to stroke-3 sketches in QuickDraw pixels, of a store, a file, or a folder of files.

    Raises:
        BadFile: none of these, or without that split.
    """
    if (path / "store.json").exists():
        packed = Store(path).split(split)
        return {category: list(packed.only(category).sketches()) for category in packed.categories}
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    found: dict[str, list[Rows]] = defaultdict(list)
    for file in files:
        if file.suffix.lower() == ".npz":
            found[file.stem] += read_split(file, split)
        else:
            for sketch in read_all(file):
                found[sketch.category or file.stem].append(in_quickdraw_pixels(sketch).points)
    return dict(found)
