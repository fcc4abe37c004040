"""Read sketches from files and write them to files; the suffix says which format.

This module knows which module reads and writes which suffix, and imports it when it is needed. It knows no format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from codes.errors import BadFile, BadOption, BadSketch
from codes.formats.files import disk_errors_of
from codes.strokes.sheet import Sheet, Sketches
from codes.strokes.stroke3 import Sketch

READERS = {
    ".npz": "codes.formats.npz",
    ".ndjson": "codes.formats.ndjson",
    ".json": "codes.formats.polyline_json",
    ".svg": "codes.formats.svg_in",
}
WRITERS = {
    ".npz": "codes.formats.npz",
    ".ndjson": "codes.formats.ndjson",
    ".json": "codes.formats.polyline_json",
    ".svg": "codes.formats.svg_out",
    ".png": "codes.formats.images",
    ".gif": "codes.formats.images",
}
ENCODERS = {
    ".ndjson": "codes.formats.ndjson:encode",
    ".svg": "codes.formats.svg_out:encode",
    ".png": "codes.formats.images:encode_png",
    ".gif": "codes.formats.images:encode_gif",
}


def read(path: str | Path, index: int = 0) -> Sketch:
    """Return one sketch: the only one in the file, or number ``index`` (from 0) of a file with many.

    Args:
        path: an ``.svg``, ``.json``, ``.ndjson`` or ``.npz`` file.
        index: which sketch; of an ``.npz`` file, counted through ``train``, ``valid`` and ``test``.

    Raises:
        BadFile: the file cannot be read, or has no sketch of that number.
        BadOption: ``index`` is negative.
    """
    if index < 0:
        raise BadOption(f"sketches are counted from 0, so there is no number {index}")
    for sketch in islice(_iterate(Path(path), None), index, None):
        return sketch
    raise BadFile(path, f"has no sketch of number {index}")


def read_all(path: str | Path, split: str | None = None) -> Sketches:
    """Return all sketches in the file, or in one split of an ``.npz`` file.

    Raises:
        BadFile: the file cannot be read, or holds no sketch.
        BadOption: ``split`` is given for a format that has none.
    """
    sketches = Sketches(_iterate(Path(path), split))
    if not sketches:
        raise BadFile(path, "holds no sketches" if split is None else f"has no sketches in split {split!r}")
    return sketches


class HasSketch(Protocol):
    """Stand for what holds a finished sketch, such as a completion."""

    @property
    def sketch(self) -> Sketch:
        """Return it."""


Drawing = Sketch | HasSketch


def write(path: str | Path, drawings: Drawing | Iterable[Drawing]) -> None:
    """Write one sketch or several, or completions; nothing is left behind if it fails.

    Raises:
        BadFile: the suffix is unknown, or the file cannot be written.
        BadSketch: there is no sketch to write, or something is none.
    """
    path = Path(path)
    listed = _sketches_of(drawings)
    writer = _module(path, WRITERS, "written")
    if not listed:
        raise BadSketch(f"{path}: there is no sketch to write")
    writer.write(path, listed)


def _sketches_of(drawings: object) -> list[Sketch]:
    if isinstance(drawings, Iterable) and not isinstance(drawings, Sketch):
        return [_sketch_of(each) for each in drawings]
    return [_sketch_of(drawings)]


def _sketch_of(drawing: object) -> Sketch:
    found = getattr(drawing, "sketch", drawing)
    if not isinstance(found, Sketch):
        raise BadSketch(f"sketches and completions can be written, not {type(drawing).__name__}")
    return found


def write_sheet(path: str | Path, sheet: Sheet) -> None:
    """Write a sheet as ``.svg``, ``.anim.svg``, ``.png`` or ``.gif``.

    Raises:
        BadOption: the sheet is larger than a picture of that kind may be.
        BadFile: the file cannot be written.
    """
    import_module(WRITERS[Path(path).suffix.lower()]).write_sheet(path, sheet)


def check_sheet(suffix: str, sheet: Sheet) -> None:
    """Refuse a sheet that is larger than a picture with this suffix may be, before its sketches are drawn.

    Raises:
        BadOption: it is too large.
    """
    if suffix in (".png", ".gif"):
        import_module(WRITERS[suffix]).check_sheet(suffix, sheet)


def files_in(folder: Path) -> list[Path]:
    """Return the files that can be read in a folder and in its folders, sorted; not those that are hidden.

    Raises:
        BadFile: there is none, or the folder is a packed store.
    """
    if (folder / "store.json").exists():
        raise BadFile(folder, "is a packed store, not a folder of files of sketches")
    with disk_errors_of(folder):
        found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in READERS and file.is_file())
    visible = [file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    if not visible:
        raise BadFile(folder, f"the folder holds no file that can be read ({', '.join(READERS)})")
    return visible


def encode(sketch: Sketch, suffix: str) -> bytes:
    """Return the bytes of a file of one sketch, in the format of a suffix in :data:`ENCODERS`."""
    module, function = ENCODERS[suffix].split(":")
    content: bytes = getattr(import_module(module), function)(sketch)
    return content


def _iterate(path: Path, split: str | None) -> Iterator[Sketch]:
    with disk_errors_of(path):
        if not path.exists():
            raise BadFile(path, "there is no such file")
    reader = _module(path, READERS, "read")
    if split is not None and path.suffix.lower() != ".npz":
        raise BadOption(f"{path}: only .npz files have splits")
    sketches: Iterator[Sketch] = reader.iterate(path) if split is None else reader.iterate(path, split)
    return sketches


def _module(path: Path, modules: dict[str, str], action: str) -> Any:
    """Import the module that ``modules`` has for the suffix of the path; ``action`` is for the error's sentence."""
    suffix = path.suffix.lower()
    if suffix not in modules:
        reason = f"the suffix {suffix!r} is not known" if suffix else "the name has no suffix"
        raise BadFile(path, f"{reason}; files {action} are {', '.join(modules)}")
    return import_module(modules[suffix])
