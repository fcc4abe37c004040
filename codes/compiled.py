"""C that is compiled for this processor when it is first asked for.

The library is gone with the process: nothing is kept on disk that could be of another processor or of another person.
Where there is no compiler, whoever asks computes with torch instead.
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
from threading import Lock, Thread
from typing import Any

from torch import Tensor

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fPIC", "-shared")
COMPILE_TIMEOUT = 60  # seconds
_COMPILING = Lock()


def load_library(source: Path) -> ctypes.CDLL | None:
    """Compile a file of C and load it, once; None where that cannot be done."""
    with _COMPILING:  # whoever comes while another compiles the same waits for it
        return _load_once(source)


def load_ahead(source: Path) -> None:
    """Have a file compiled by a thread of its own, so that it is there when it is asked for."""
    Thread(target=load_library, args=[source], daemon=True).start()


def call(function: Any, *arguments: int | Tensor | None) -> int:
    """Call a function of a library: whole numbers are longs, tensors are pointers to their first number.

    What belongs behind one another must stand there: strides are not passed on.
    """
    found: int = function(*map(_as_c, arguments))
    return found


def _as_c(argument: int | Tensor | None) -> Any:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return argument if argument is None else ctypes.c_long(argument)


@lru_cache
def _load_once(source: Path) -> ctypes.CDLL | None:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    return compile_library(compiler, source, FLAGS) if compiler else None


def compile_library(compiler: str, source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """Compile a file of C into a temporary folder and load it; None where the compiler fails."""
    with TemporaryDirectory(prefix="halfdrawn-") as folder:
        library = Path(folder) / f"{source.stem}.so"
        command = [compiler, *flags, "-o", str(library), str(source)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=COMPILE_TIMEOUT, check=False)
            return ctypes.CDLL(str(library)) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired):
            return None
