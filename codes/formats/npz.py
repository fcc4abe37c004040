"""Read and write Sketch-RNN's ``.npz``: a zip of arrays ``train``, ``valid`` and ``test``, lists of stroke-3 arrays.

``numpy.load`` with ``allow_pickle=True`` would run any code that a file brings along. Here arrays are read by
:mod:`codes.formats.safe_pickle`, which runs none. Sizes are checked before anything is unpacked.

This module knows zip archives and stroke-3. It knows no units: everything in such a file is in Quick, Draw! pixels.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codes.errors import BadFile
from codes.formats import safe_pickle
from codes.formats.files import MEGABYTE, atomic_path, bad_sketches_of, check_source, disk_errors_of
from codes.formats.safe_pickle import NotArrays
from codes.strokes.geometry import in_quickdraw_pixels
from codes.strokes.stroke3 import LIFT, AnyStroke3, Sketch

SPLITS = ("train", "valid", "test")
MAX_FILE = 256 * MEGABYTE
MAX_UNPACKED = 256 * MEGABYTE
MAX_MEMBERS = 64
MAX_SKETCHES = 400_000

_HEADER = re.compile(
    rb"\{'descr': '(?P<order>[<>|=]?)(?P<code>\w{1,3})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>[\d, L]{0,60})\),? ?\} *\n?"
)
_LENGTH_FORMATS = {1: "<H", 2: "<I", 3: "<I"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def splits(path: Path) -> list[str]:
    """Return the names of the arrays in the file, ``train``, ``valid`` and ``test`` first.

    Raises:
        BadFile: the file is no archive of arrays.
    """
    with _archive(path) as archive:
        names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
    return [name for name in SPLITS if name in names] + [name for name in names if name not in SPLITS]


def read_split(path: Path, split: str) -> list[AnyStroke3]:
    """Return the sketches of one split, each an ``[n, 3]`` array of the type it has in the file.

    Raises:
        BadFile: the file or one of its sketches is not valid; the message names the sketch.
    """
    array = _array(path, split)
    if array.ndim != 1 and not (array.ndim == 3 and array.dtype != object):
        raise BadFile(path, f"{split!r} is an array of shape {array.shape}, not a list of sketches")
    sketches = list(array)
    _check_stroke3(path, split, sketches)
    return sketches


def iterate(path: Path, split: str | None = None) -> Iterator[Sketch]:
    """Yield the sketches of one split, or of all.

    Raises:
        BadFile: as for :func:`read_split`.
    """
    for name in splits(path) if split is None else [split]:
        for index, points in enumerate(read_split(path, name)):
            with bad_sketches_of(path, f"sketch {index} of {name!r}"):
                sketch = Sketch(points=points.astype(np.float64))
            yield sketch


def write(path: Path, sketches: Sequence[Sketch]) -> None:
    """Write the sketches as split ``test``, simplified and in Quick, Draw! pixels; ``train`` and ``valid`` are empty.

    Raises:
        BadFile: the file cannot be written.
    """
    points = [in_quickdraw_pixels(sketch).points for sketch in sketches]
    write_splits(path, {"train": [], "valid": [], "test": points})


def write_splits(path: Path, sketches: Mapping[str, Sequence[AnyStroke3]]) -> None:
    """Write stroke-3 arrays by split: as int16 where all numbers are integers that fit, as float32 otherwise.

    Raises:
        BadFile: the file cannot be written.
    """
    write_arrays(
        path, **{name: _object_array([_compact(points) for points in split]) for name, split in sketches.items()}
    )


def write_arrays(path: Path, /, **arrays: NDArray[Any]) -> None:
    """Write arrays by name, as ``numpy.load`` reads them; equal arrays make equal files.

    Raises:
        BadFile: the file cannot be written.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=True)
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            archive.writestr(member, content.getvalue(), zipfile.ZIP_DEFLATED)


def _object_array(items: Sequence[AnyStroke3]) -> NDArray[np.object_]:
    # np.array would make one block of numbers out of sketches of equal length.
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array


def _compact(points: AnyStroke3) -> AnyStroke3:
    if np.array_equal(points, np.round(points)) and np.abs(points).max(initial=0) <= np.iinfo(np.int16).max:
        return np.asarray(points, dtype=np.int16)
    return np.asarray(points, dtype=np.float32)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    check_source(path, MAX_FILE)
    with disk_errors_of(path), _zip_errors_of(path), zipfile.ZipFile(path) as archive:
        _check_members(path, archive.infolist())
        yield archive


@contextmanager
def _zip_errors_of(path: Path) -> Iterator[None]:
    """Turn what zipfile and zlib raise for a damaged archive into one sentence."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        ValueError,
        OverflowError,
        struct.error,
    ) as error:
        raise BadFile(path, "is not a zip archive of arrays, or is damaged") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if not members or len(members) > MAX_MEMBERS:
        raise BadFile(path, f"holds {len(members)} arrays; from 1 to {MAX_MEMBERS} are taken")
    if sum(info.file_size for info in members) > MAX_UNPACKED:
        raise BadFile(path, f"would unpack to more than {MAX_UNPACKED // MEGABYTE} MB")
    for info in members:
        is_plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not info.flag_bits & 1
        if not is_plain or not info.filename.endswith(".npy"):
            raise BadFile(path, f"holds {info.filename[:80]!r}, which numpy would not have written")


def _array(path: Path, name: str) -> NDArray[Any]:
    content = _member(path, name)
    try:
        return _parse_npy(content)
    except NotArrays as error:
        raise BadFile(path, f"{name!r} cannot be read: {error}") from error


def _member(path: Path, name: str) -> bytes:
    with _archive(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            known = ", ".join(info.filename.removesuffix(".npy")[:80] for info in archive.infolist())
            raise BadFile(path, f"has no split {name!r}; it has {known}")
        with archive.open(f"{name}.npy") as member:
            return member.read(MAX_UNPACKED)


def _parse_npy(content: bytes) -> NDArray[Any]:
    """Return the array in the bytes of an ``.npy`` file."""
    header, body = _header_and_body(content)
    match = _HEADER.fullmatch(header)
    if not match:
        raise NotArrays("it does not begin as an array of numpy does")
    shape = tuple(int(side) for side in re.findall(r"\d+", match["shape"].decode()))
    order, code, fortran = match["order"].decode(), match["code"].decode(), match["fortran"] == b"True"
    if not safe_pickle.is_shape(shape):
        raise NotArrays(f"its shape is {shape}")
    if code not in safe_pickle.OBJECT_TYPES:
        return safe_pickle.numbers(body, shape, safe_pickle.number_type(code, order or "="), fortran)
    if math.prod(shape) > MAX_SKETCHES:
        raise NotArrays(f"it has {math.prod(shape)} sketches; at most {MAX_SKETCHES} are taken")
    return safe_pickle.object_array(body, math.prod(shape))


def _header_and_body(content: bytes) -> tuple[bytes, bytes]:
    kind = _LENGTH_FORMATS.get(content[6]) if len(content) >= 12 and content[:6] == b"\x93NUMPY" else None
    if kind is None:
        raise NotArrays("it does not begin as an array of numpy does")
    start = 8 + struct.calcsize(kind)
    (length,) = struct.unpack_from(kind, content, 8)
    return content[start : start + length], content[start + length :]


def _check_stroke3(path: Path, split: str, sketches: list[AnyStroke3]) -> None:
    for index, points in enumerate(sketches):
        if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
            raise BadFile(path, f"sketch {index} of {split!r} has shape {points.shape}; needed are rows of 3 numbers")
    if not sketches:
        return
    rows = np.concatenate(sketches)
    valid = np.isfinite(rows).all(axis=1) & ((rows[:, LIFT] == 0) | (rows[:, LIFT] == 1))
    if not valid.all():
        ends = np.cumsum([len(points) for points in sketches])
        index = int(np.searchsorted(ends, np.argmin(valid), side="right"))
        raise BadFile(path, f"sketch {index} of {split!r} has a NaN, an infinity or a pen lift other than 0 and 1")
