"""C that is compiled where there is a compiler; where there is none, nobody is told but the one who asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import codes.model
from codes import compiled
from codes.compiled import FLAGS, compile_library, load_library
from tests.support.compilers import COMPILER, needs_compiler

SOURCES = sorted(Path(codes.model.__path__[0]).glob("*/*.c"))


@needs_compiler
def test_a_function_in_c_is_called(tmp_path):
    source = tmp_path / "sum.c"
    source.write_text("long sum(long a, long b) { return a + b; }")
    made = compile_library(COMPILER, source, FLAGS)
    assert made.sum(40, 2) == 42
    assert list(tmp_path.iterdir()) == [source]


@needs_compiler
def test_what_cannot_be_compiled_is_no_library(tmp_path):
    source = tmp_path / "broken.c"
    source.write_text("this is no C")
    assert compile_library(COMPILER, source, FLAGS) is None


def test_a_compiler_that_fails_is_no_library(tmp_path):
    assert compile_library(str(tmp_path / "nothing"), tmp_path / "a.c", FLAGS) is None
    program = Path(shutil.which("sleep"))
    assert compile_library(str(program), tmp_path / "a.c", ("not-a-number",)) is None


def test_without_a_compiler_there_is_no_library(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    compiled._load_once.cache_clear()
    try:
        assert load_library(SOURCES[0]) is None
    finally:
        compiled._load_once.cache_clear()


@needs_compiler
def test_what_is_loaded_ahead_is_compiled_once(monkeypatch):
    made = []
    monkeypatch.setattr(compiled, "compile_library", lambda *given: made.append(given) or len(made))
    compiled._load_once.cache_clear()
    try:
        compiled.load_ahead(SOURCES[0])
        assert load_library(SOURCES[0]) == load_library(SOURCES[0]) == 1
        assert len(made) == 1
    finally:
        compiled._load_once.cache_clear()


@needs_compiler
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_kernels_compile_without_a_warning(source):
    assert compile_library(COMPILER, source, (*FLAGS, "-Wall", "-Wextra", "-Werror")) is not None
