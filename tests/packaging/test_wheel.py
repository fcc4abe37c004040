"""The package that ``pip install .`` installs works outside the checkout, bundle and page and all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import codes

ROOT = Path(__file__).parents[2]
COPIED = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
PIP = (sys.executable, "-m", "pip")
QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*words: object, cwd: Path) -> str:
    """Run a program as a person would who has never seen the checkout; return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=cwd, env=kept | QUIET, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built in a folder of its own so that the checkout stays as it is."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in COPIED:
        shutil.copy(ROOT / name, source)
    for name in ("codes", "examples"):
        (source / name).symlink_to(ROOT / name)
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        out,
        source,
        cwd=out,
    )
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """The programs of an environment that has the wheel, and of this one the libraries, so that none is downloaded."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    where = {name: Path(path) for name, path in sysconfig.get_paths("venv", {"base": str(folder)}).items()}
    python = where["scripts"] / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", wheel, cwd=folder)
    (where["purelib"] / "libraries.pth").write_text(
        f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n"
    )
    return where["scripts"]


def test_the_wheel_holds_every_file_of_the_package_and_the_bundles(wheel):
    def files(folder: str) -> set[str]:
        found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(ROOT).as_posix() for path in found}

    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    bundles = {name.replace("examples/models/", "codes/bundles/") for name in files("examples/models")}
    assert names == files("codes") | bundles


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        facts = archive.read(path).decode()
    told = (f"Version: {codes.__version__}", "License-Expression: MIT", "License-File: LICENSE")
    assert {*told, "Classifier: Typing :: Typed"} <= set(facts.splitlines())


def test_halfdrawn_completes_a_sketch_from_any_folder(programs, tmp_path):
    shutil.copy(ROOT / "examples/sketches/half-a-cat.svg", tmp_path / "half.svg")
    words = ("complete", "half.svg", "-n", 1, "--candidates", 2, "--seed", 7, "-o", "cat.svg")
    assert "half.svg: cat" in run(programs / "halfdrawn", *words, cwd=tmp_path)
    assert (tmp_path / "cat.svg").stat().st_size > (tmp_path / "half.svg").stat().st_size


def test_the_package_loads_its_own_bundle_from_any_folder(programs, tmp_path):
    shutil.copy(ROOT / "examples/sketches/half-a-cat.svg", tmp_path / "half.svg")
    code = """
import json, pathlib, codes
completer = codes.load()
best = completer.complete(codes.read("half.svg"), candidates=1, category="cat")[0]
codes.write("cat.svg", best.sketch)
page = pathlib.Path(codes.__file__).parent / "web" / "static" / "index.html"
print(json.dumps([codes.__file__, str(completer.bundle.folder), best.category, page.is_file()]))
"""
    package, bundle, category, page = json.loads(run(programs / "python", "-c", code, cwd=tmp_path))
    assert Path(package).is_relative_to(programs.parent) and Path(bundle).is_relative_to(programs.parent)
    assert (category, page) == ("cat", True)
    assert (tmp_path / "cat.svg").is_file()
