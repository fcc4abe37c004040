"""Define the exceptions for what users, files and networks can cause, as a small tree.

Every message is one sentence that a person can act on. The command line prints it and exits with code 2. A mistake of
our own stays an ``assert`` or an ordinary exception with its traceback.

    SketchError
    ├── BadFile          a file is missing, is not what its name claims, or holds something unsafe or absurd
    ├── BadSketch        points that are no sketch: no rows, NaN, a wrong shape
    ├── BadOption        options that contradict each other or lie outside their range
    ├── ModelNotFound    no bundle, part or category of that name
    ├── NotRecognised    the sketch looks like nothing the model knows, so nothing was drawn
    ├── OverLimit        more than a server takes from one client
    └── TrainingStopped  a run cannot go on: a NaN, a folder of another run, no data
"""

from __future__ import annotations

from pathlib import Path


class SketchError(Exception):
    """Catch this to catch everything that a user can cause."""


class BadFile(SketchError):
    """Report a file that cannot be read as what it claims to be, or cannot be written."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = Path(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadFile], tuple[Path, str]]:
        """Let a process hand it to another."""
        return BadFile, (self.path, self.reason)


class BadSketch(SketchError):
    """Report points that are no sketch."""


class BadOption(SketchError):
    """Report an option outside its range, or options that contradict each other."""


class ModelNotFound(SketchError):
    """Report a bundle, part or category that is not there."""


class NotRecognised(SketchError):
    """Report a sketch that looks like none of the categories on offer."""


class OverLimit(SketchError):
    """Report more than a server takes from one client; ``limit`` names the bound."""

    def __init__(self, limit: str, sentence: str) -> None:
        super().__init__(sentence)
        self.limit = limit


class TrainingStopped(SketchError):
    """Report a training run that cannot start or cannot go on."""
