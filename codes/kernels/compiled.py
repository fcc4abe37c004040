"""C next to Python: compiled when it is first asked for, for this processor, and gone with the process.

Nothing is kept on disk, so nothing on disk can be of another processor or of another person. Where there is no
compiler, there is no library, and whoever asks goes the plain way.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")
PATIENCE = 60  # seconds


@lru_cache
def library(name: str) -> ctypes.CDLL | None:
    """The functions of ``<name>.c`` beside this file; none where they cannot be compiled."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    return compiled(compiler, Path(__file__).with_name(f"{name}.c"), FLAGS) if compiler else None


def compiled(compiler: str, source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """The functions of a file of C; none where the compiler will not have it."""
    with TemporaryDirectory(prefix="halfdrawn-") as folder:
        made = Path(folder) / f"{source.stem}.so"
        try:
            done = subprocess.run(
                [compiler, *flags, "-o", str(made), str(source)], capture_output=True, timeout=PATIENCE, check=False
            )
            return ctypes.CDLL(str(made)) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired):
            return None
