"""Keep drawings in a folder, one Quick, Draw! file each, which training can import.

This is the only place where something from the network reaches the disk. File names are made here, and only files with
such names are read again. A drawing that is taken down keeps its file, under a suffix that nothing else reads, so that
it can be hung again. Knows files and sketches; knows no HTTP.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codes.data.quickdraw import is_category_name
from codes.errors import BadFile, BadOption
from codes.formats import ndjson
from codes.formats.files import disk_errors_of
from codes.formats.polyline_json import record_of
from codes.strokes.stroke3 import Sketch
from codes.web.limits import Counters, Limits, check_limit

NAME = re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{8}")
HUNG, ASIDE = ".ndjson", ".ndjson-aside"  # the second is passed over by the commands that import a folder
UNNAMEABLE = 'word: a drawing is given a name of letters, without any of / \\ : * ? " < > | and no dot first'


@dataclass(frozen=True)
class Gallery:
    """Hold the drawings in a folder, which is made when the first one is kept."""

    folder: Path
    limits: Limits
    counters: Counters

    def keep(self, sketch: Sketch, word: str, hung: bool = True) -> str:
        """Write a drawing and return the name of its file, without the suffix.

        Args:
            sketch: what was drawn.
            word: what it shows, in its artist's words.
            hung: whether it hangs at once, or lies aside until somebody hangs it.

        Raises:
            BadOption: the word cannot name a drawing.
            OverLimit: the word is too long, or the folder is full.
            BadFile: the disk refuses.
        """
        word = word.strip(" ")
        if not is_category_name(word):
            raise BadOption(UNNAMEABLE)
        check_limit("word", self.limits.word, len(word), "letters in a word")
        kept = len(self._files(HUNG)) + len(self._files(ASIDE))
        check_limit("kept", self.limits.kept, kept + 1, "drawings in the gallery")
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(4)}"
        with disk_errors_of(self.folder, "made"):
            self.folder.mkdir(parents=True, exist_ok=True)
        ndjson.write(self.folder / (name + (HUNG if hung else ASIDE)), [replace(sketch, category=word)])
        return name

    def hang(self, name: str) -> None:
        """Hang a drawing that lies aside; one that hangs already stays.

        Raises:
            BadOption: there is no such drawing.
            BadFile: the disk refuses.
        """
        self._move(name, ASIDE, HUNG)

    def take_down(self, name: str) -> None:
        """Lay a drawing aside, from where it can be hung again; one that lies there already stays.

        Raises:
            BadOption: there is no such drawing.
            BadFile: the disk refuses.
        """
        self._move(name, HUNG, ASIDE)

    def newest(self) -> list[dict[str, Any]]:
        """Return the latest drawings that hang, newest first; a damaged file is left out and counted."""
        return self._records(HUNG)

    def aside(self) -> list[dict[str, Any]]:
        """Return the latest drawings that lie aside, as :meth:`newest` does."""
        return self._records(ASIDE)

    def _move(self, name: str, before: str, after: str) -> None:
        paths = {suffix: self.folder / (name + suffix) for suffix in (before, after)}
        if not NAME.fullmatch(name) or not any(path.is_file() for path in paths.values()):
            raise BadOption("there is no such drawing in the gallery")
        if paths[before].is_file():
            with disk_errors_of(paths[before], "moved"):
                paths[before].replace(paths[after])

    def _records(self, suffix: str) -> list[dict[str, Any]]:
        shown = []
        for path in self._files(suffix)[: self.limits.listed]:
            try:
                sketch = next(ndjson.iterate(path))
            except BadFile:
                self.counters.add("damaged")
                continue
            name = path.name.removesuffix(suffix)
            shown.append({"name": name, "word": sketch.category or "", "sketch": record_of(sketch)})
        return shown

    def _files(self, suffix: str) -> list[Path]:
        with disk_errors_of(self.folder):
            found = list(self.folder.iterdir()) if self.folder.is_dir() else []
        named = [path for path in found if path.name.endswith(suffix)]
        return sorted((path for path in named if NAME.fullmatch(path.name.removesuffix(suffix))), reverse=True)
