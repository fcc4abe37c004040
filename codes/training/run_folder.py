"""The folder of a run: its configuration, its results, and all that a resumed run needs.

    config.json         the configuration, written once
    log.jsonl           a line of numbers for each validation
    best.safetensors    the averaged weights that validated best
    last.safetensors    weights, average, optimiser and step: everything a resumed run needs
    curves.png          the log as a picture
    samples/            sketches drawn along the way

Every file is replaced whole, so that a run that is killed leaves the last good ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from codes.checkpoints.tensors import load_facts, save_tensors
from codes.errors import BadFile, TrainingStopped
from codes.formats.files import atomic_path


class RunFolder:
    """Read and write one run's folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.best = self.path / "best.safetensors"
        self.last = self.path / "last.safetensors"
        self.samples = self.path / "samples"

    def prepare(self, config: dict[str, Any]) -> None:
        """Make the folder after :meth:`check`, and write the configuration into it."""
        self.check(config)
        self.path.mkdir(parents=True, exist_ok=True)
        if self.settings() is None:
            self._write_text("config.json", json.dumps(config, indent=1))

    def check(self, config: dict[str, Any]) -> None:
        """Check that nothing is there, or this very run; writes nothing.

        Raises:
            TrainingStopped: the folder holds a run of another configuration, or something else.
        """
        written = self.settings()
        if written is not None and written != json.loads(json.dumps(config)):
            names = sorted(_differences(written, json.loads(json.dumps(config))))
            raise TrainingStopped(
                f"{self.path} holds a run with other settings ({', '.join(names)}); "
                "use those again to go on with it, or name another folder"
            )

    def settings(self) -> dict[str, Any] | None:
        """Return the configuration of the run that is there; None where there is nothing yet.

        Raises:
            TrainingStopped: there is something else.
            BadFile: the configuration is damaged.
        """
        path = self.path / "config.json"
        if not path.exists():
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise TrainingStopped(f"{self.path} is there with other things in it; name a new folder")
            return None
        try:
            return dict(json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise BadFile(path, "not the configuration of a run") from error

    def _write_text(self, name: str, text: str) -> None:
        with atomic_path(self.path / name) as temporary:
            temporary.write_text(text)

    def log(self) -> list[dict[str, Any]]:
        """Return every logged line, oldest first."""
        path = self.path / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def append_log(self, row: dict[str, Any]) -> None:
        """Add a line, and remove lines of this step or later that a killed run left."""
        rows = [old for old in self.log() if old["step"] < row["step"]]
        self._write_text("log.jsonl", "".join(json.dumps(old) + "\n" for old in [*rows, row]))

    def finished(self) -> bool:
        """Return true if the run came to its own end."""
        return bool(self.progress().get("finished"))

    def progress(self) -> dict[str, Any]:
        """Return where the run stood when it was last saved, see :class:`codes.training.state.Progress`; empty before.

        Raises:
            BadFile: the file is damaged.
        """
        return load_facts(self.last) if self.last.exists() else {}

    def best_facts(self) -> dict[str, Any]:
        """Return what is saved beside the best weights: their ``step`` and validation figure ``valid``; empty before.

        Raises:
            BadFile: the file is damaged.
        """
        return load_facts(self.best) if self.best.exists() else {}

    def save_best(self, weights: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Save weights that validated better than all before."""
        save_tensors(self.best, weights, facts)


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> set[str]:
    """Return the dotted names of the settings that differ."""
    names: set[str] = set()
    for name in old.keys() | new.keys():
        a, b = old.get(name), new.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            names |= _differences(a, b, f"{prefix}{name}.")
        elif a != b:
            names.add(prefix + name)
    return names
