"""Keep drawings in a folder, one Quick, Draw! file each, which training can import.

This is the only place where something from the network reaches the disk. File names are made here, and only files with
such names are read again. Knows files and sketches; knows no HTTP.
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
from codes.formats.registry import read
from codes.strokes.stroke3 import Sketch
from codes.web.limits import Counters, Limits, check_limit

NAME = re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{8}\.ndjson")


@dataclass(frozen=True)
class Gallery:
    """Hold the drawings in a folder, which is made when the first one is kept."""

    folder: Path
    limits: Limits
    counters: Counters

    def keep(self, sketch: Sketch, word: str) -> str:
        """Write a drawing and return the name of its file, without the suffix.

        Raises:
            BadOption: the word cannot name a category.
            OverLimit: the word is too long, or the folder is full.
            BadFile: the disk refuses.
        """
        if not is_category_name(word):
            raise BadOption("word: it cannot name a category")
        check_limit("word", self.limits.word, len(word), "letters in a word")
        check_limit("kept", self.limits.kept, len(self._files()) + 1, "drawings in the gallery")
        path = self.folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(4)}.ndjson"
        with disk_errors_of(self.folder, "made"):
            self.folder.mkdir(parents=True, exist_ok=True)
        ndjson.write(path, [replace(sketch, category=word)])
        return path.stem

    def newest(self) -> list[dict[str, Any]]:
        """Return the latest drawings, newest first; a damaged file is left out and counted."""
        shown = []
        for path in self._files()[: self.limits.listed]:
            try:
                sketch = read(path)
            except BadFile:
                self.counters.add("damaged")
                continue
            shown.append({"name": path.stem, "word": sketch.category or "", "sketch": record_of(sketch)})
        return shown

    def _files(self) -> list[Path]:
        with disk_errors_of(self.folder):
            found = self.folder.iterdir() if self.folder.is_dir() else iter(())
            return sorted((path for path in found if NAME.fullmatch(path.name)), reverse=True)
