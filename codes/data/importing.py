"""Import files of sketches into a packed store.

This module knows which category and which split a sketch belongs to. It knows no tensors.

Official ``.npz`` files keep their own splits. All other sketches are simplified as Quick, Draw! does it, scaled to its
pixels, and divided category by category, in the order of a hash of the drawing and the seed. So the shares are exact,
the order of the files does not matter, and few drawings change their split when others join them.

Every file is read once, and one file is in memory at a time (of formats without splits: one category, as int16).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from codes.data.quickdraw import NONE_OF_THESE, is_category_name, may_teach_refusal
from codes.data.store_writer import StoreWriter, as_int16, new_store
from codes.errors import BadFile, BadOption
from codes.formats import npz
from codes.formats.files import bad_sketches_of, check_source
from codes.formats.npz import SPLITS
from codes.formats.registry import READERS, files_in, read
from codes.progress import progress
from codes.strokes.geometry import in_quickdraw_pixels
from codes.strokes.stroke3 import PixelStroke3, Sketch

MAX_FILE = 1 << 40


@dataclass(frozen=True)
class SourceFile:
    """Name a file of sketches and what it shows.

    Attributes:
        path: the file.
        category: the name of what its sketches show.
        label: the name under which the store keeps them: the category, or "none of these".
        category_given: true if the category was given, so that the words in the file do not matter.
    """

    path: Path
    category: str
    label: str
    category_given: bool = False


@dataclass(frozen=True)
class ImportRules:
    """Say how sketches are divided and which are left out.

    Attributes:
        shares: shares of train, valid and test, for sketches that come without a split of their own.
        seed: seed of that division.
        longest: sketches of more rows than this are left out.

    Raises:
        BadOption: the shares do not add up to 1, or the limit would leave nothing.
    """

    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    seed: int = 0
    longest: int | None = None

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in self.shares) or abs(sum(self.shares) - 1) > 1e-6:
            raise BadOption(f"the shares of train, valid and test add up to 1, unlike {self.shares}")
        if self.longest is not None and self.longest < 1:
            raise BadOption(f"a sketch has at least 1 row, so none is as short as {self.longest}")


def find_sources(paths: Iterable[Path], category: str | None = None) -> list[SourceFile]:
    """Return the readable files among these files and in these folders, each once.

    Args:
        paths: files and folders. A folder stands for all files of a known suffix in it and in its folders, sorted.
        category: the name of what all of them show; by default each file says it.

    Raises:
        BadFile: a folder has no such file, or what a file says cannot name a category.
        BadOption: ``category`` cannot name a category.
    """
    if category is not None and not is_category_name(category):
        raise BadOption(f"{category!r} cannot name a category")
    files = {file.resolve(): file for path in paths for file in _files_of(path)}
    if category is not None:
        return [SourceFile(file, category, category, category_given=True) for file in files.values()]
    return [_source_of(file) for file in files.values()]


def find_refusal_sources(folder: Path, excluded: Iterable[str]) -> list[SourceFile]:
    """Return the files in a folder whose sketches may teach a router what is none of its categories.

    Args:
        folder: the folder, searched as :func:`find_sources` does it.
        excluded: categories of the store itself, which are left out.

    Raises:
        BadFile: as for :func:`find_sources`.
        BadOption: no file is left.
    """
    sources = find_sources([folder])
    names = set(excluded)
    allowed = [each for each in sources if may_teach_refusal(each.category) and each.category not in names]
    if not allowed:
        raise BadOption(f"{folder}: none of its categories may teach refusal; half of all names may, by their SHA-256")
    return [SourceFile(each.path, each.category, NONE_OF_THESE) for each in allowed]


def category_of(path: Path) -> str:
    """Return the category that a file says it shows.

    An ``.npz`` says it by its name, other files by the word in their first drawing. Without a word, it is the name of
    an ``.ndjson``, and the folder of an ``.svg`` or ``.json``.

    Raises:
        BadFile: the file cannot be read.
    """
    if path.suffix.lower() == ".npz":
        return path.stem.removesuffix(".full")
    word = read(path).category
    return word or (path.stem if path.suffix.lower() == ".ndjson" else path.resolve().parent.name)


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        check_source(path, MAX_FILE)
        if path.suffix.lower() not in READERS:
            raise BadFile(path, f"the suffix {path.suffix!r} is not known; files read are {', '.join(READERS)}")
        return [path]
    return files_in(path)


def _source_of(path: Path) -> SourceFile:
    category = category_of(path)
    if not is_category_name(category):
        raise BadFile(path, f"{category[:80]!r} cannot name a category; give one with --category")
    return SourceFile(path, category, category)


@dataclass
class ImportResult:
    """Count what became of the sketches.

    Attributes:
        counts: for each label, the numbers of sketches in train, valid and test.
        left_out: the number of sketches that were longer than allowed.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: int = 0


def import_sketches(
    folder: Path, sources: Sequence[SourceFile], rules: ImportRules, replace: bool = False
) -> ImportResult:
    """Write a packed store; labels in order of their first file, "none of these" last.

    Raises:
        BadFile: a file cannot be read or holds several categories, or the store cannot be written there.
        BadOption: a category would have no sketch.
    """
    with new_store(folder, replace=replace) as writer:
        return _Importer(writer, rules).run(_group_by_label(sources))


FilesByLabel = dict[str, dict[str, list[SourceFile]]]


def _group_by_label(sources: Sequence[SourceFile]) -> FilesByLabel:
    """Group the files by label and then by category, "none of these" last."""
    groups: FilesByLabel = {}
    for source in sorted(sources, key=lambda source: source.label == NONE_OF_THESE):
        groups.setdefault(source.label, {}).setdefault(source.category, []).append(source)
    return groups


class _Importer:
    """Write the sketches of files into a store, and count them."""

    def __init__(self, writer: StoreWriter, rules: ImportRules) -> None:
        self.writer = writer
        self.rules = rules
        self.result = ImportResult()
        self.bar: tqdm[Any] = progress(unit=" sketches", mininterval=0.5)

    def run(self, groups: FilesByLabel) -> ImportResult:
        with self.bar:
            for number, (label, categories) in enumerate(groups.items(), start=1):
                self.bar.set_description_str(f"{label} ({number} of {len(groups)})", refresh=False)
                self._import_label(label, categories)
        return self.result

    def _import_label(self, label: str, categories: dict[str, list[SourceFile]]) -> None:
        self.writer.begin(label)
        counts = self.result.counts[label] = dict.fromkeys(SPLITS, 0)
        for sources in categories.values():
            for split, rows in self._rows_of_category(sources):
                self.writer.add(split, rows)
                counts[split] += 1
        if not any(counts.values()):
            raise BadOption(f"there would be no sketch of {label!r}; {self.result.left_out} were too long so far")

    def _rows_of_category(self, sources: list[SourceFile]) -> Iterator[tuple[str, PixelStroke3]]:
        unsplit: list[PixelStroke3] = []
        for source in sources:
            if source.path.suffix.lower() == ".npz":
                yield from self._with_own_splits(source.path)
            else:
                unsplit += self._not_too_long(_simplified_rows(source))
        yield from zip(assign_splits(unsplit, self.rules), unsplit, strict=True)

    def _with_own_splits(self, path: Path) -> Iterator[tuple[str, PixelStroke3]]:
        for split in own_splits(path):
            sketches = npz.read_split(path, split)
            yield from ((split, rows) for rows in self._not_too_long(_whole_pixels(path, sketches)))

    def _not_too_long(self, sketches: Iterable[PixelStroke3]) -> Iterator[PixelStroke3]:
        for rows in sketches:
            self.bar.update()
            if self.rules.longest is None or len(rows) <= self.rules.longest:
                yield rows
            else:
                self.result.left_out += 1


def own_splits(path: Path) -> list[str]:
    """Return which of train, valid and test an ``.npz`` file has.

    Raises:
        BadFile: it has none of them.
    """
    names = npz.splits(path)
    known = [split for split in SPLITS if split in names]
    if not known:
        raise BadFile(path, f"has none of {', '.join(SPLITS)}, but {', '.join(names)[:200]}")
    return known


def _simplified_rows(source: SourceFile) -> Iterator[PixelStroke3]:
    """Yield the sketches of a file without splits, simplified and in Quick, Draw! pixels."""
    reader = import_module(READERS[source.path.suffix.lower()])
    return _whole_pixels(
        source.path, (in_quickdraw_pixels(sketch).points for sketch in _of_one_category(source, reader))
    )


def _of_one_category(source: SourceFile, reader: Any) -> Iterator[Sketch]:
    """Yield the sketches, which must all show the category of the source, unless that was given."""
    for index, sketch in enumerate(reader.iterate(source.path)):
        if not source.category_given and sketch.category not in (None, source.category):
            reason = f"sketch {index} is {sketch.category!r} among {source.category!r}; --category makes them one"
            raise BadFile(source.path, reason)
        yield sketch


def _whole_pixels(path: Path, sketches: Iterable[NDArray[np.generic]]) -> Iterator[PixelStroke3]:
    for index, points in enumerate(sketches):
        with bad_sketches_of(path, f"sketch {index}"):
            rows = as_int16(points)
        yield rows


def assign_splits(sketches: Sequence[PixelStroke3], rules: ImportRules) -> list[str]:
    """Return the split of each sketch, in exact shares; a positive share gets a sketch if there are enough.

    Equal drawings and seeds give equal splits, in any order of the drawings.
    """
    salt = hashlib.blake2b(str(rules.seed).encode(), digest_size=16).digest()
    keys = [hashlib.blake2b(rows.tobytes(), salt=salt).digest() for rows in sketches]
    names = [name for name, count in zip(SPLITS, _counts(len(keys), rules.shares), strict=True) for _ in range(count)]
    splits = [""] * len(keys)
    for index, name in zip(sorted(range(len(keys)), key=keys.__getitem__), names, strict=True):
        splits[index] = name
    return splits


def _counts(total: int, shares: Sequence[float]) -> list[int]:
    """Return whole numbers in these shares that add up to ``total``, by largest remainder."""
    ideal = np.asarray(shares) * total
    counts = np.floor(ideal + 1e-9).astype(int)
    for index in np.argsort(counts - ideal, kind="stable")[: total - int(counts.sum())]:
        counts[index] += 1
    positive = [index for index, share in enumerate(shares) if share > 0]
    for index in positive if total >= len(positive) else []:
        if counts[index] == 0:
            counts[int(np.argmax(counts))] -= 1
            counts[index] = 1
    return [int(count) for count in counts]
