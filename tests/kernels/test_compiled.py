"""C is compiled where that is possible, and nobody is the worse where it is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codes.kernels import compiled as module
from codes.kernels.compiled import FLAGS, compiled, library

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")


@needs_compiler
def test_a_function_in_c_is_called(tmp_path):
    source = tmp_path / "sum.c"
    source.write_text("long sum(long a, long b) { return a + b; }")
    made = compiled(COMPILER, source, FLAGS)
    assert made.sum(40, 2) == 42
    assert list(tmp_path.iterdir()) == [source]


@needs_compiler
def test_what_cannot_be_compiled_is_no_library(tmp_path):
    source = tmp_path / "broken.c"
    source.write_text("this is no C")
    assert compiled(COMPILER, source, FLAGS) is None


def test_a_compiler_that_is_none_is_no_library(tmp_path):
    assert compiled(str(tmp_path / "nothing"), tmp_path / "a.c", FLAGS) is None
    program = Path(shutil.which("sleep"))
    assert compiled(str(program), tmp_path / "a.c", ("not-a-number",)) is None


def test_without_a_compiler_there_is_no_library(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    library.cache_clear()
    try:
        assert library("lstm") is None
    finally:
        library.cache_clear()


@needs_compiler
def test_the_kernels_compile_without_a_warning(tmp_path):
    source = Path(module.__file__).with_name("lstm.c")
    assert compiled(COMPILER, source, (*FLAGS, "-Wall", "-Wextra", "-Werror")) is not None
