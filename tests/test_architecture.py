"""The laws of the source itself: which folder may know which, what importing costs, what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODES = ROOT / "codes"
ORDER = [
    "errors",
    "runtime",
    "progress",
    "sketch",
    "formats",
    "data",
    "model",
    "checkpoints",
    "training",
    "inference",
    "evaluation",
    "building",
    "web",
    "cli",
]
MODULES = sorted(path for path in CODES.rglob("*.py") if path != CODES / "__init__.py")
NAMES = [path.relative_to(ROOT).with_suffix("").as_posix() for path in MODULES]
EVERY_MODULE = pytest.mark.parametrize("path", MODULES, ids=NAMES)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> list[str]:
    """Dotted names of every module that is imported anywhere in the tree, inside functions too."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def folder_of(dotted: str) -> str:
    return dotted.split(".")[1]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_order_names_every_folder():
    assert {folder_of(dotted(path)) for path in MODULES} <= set(ORDER)


@EVERY_MODULE
def test_a_folder_imports_only_from_folders_before_it(path):
    own = ORDER.index(folder_of(dotted(path)))
    ours = [name for name in imported(tree_of(path)) if name.startswith("codes.")]
    later = [name for name in ours if ORDER.index(folder_of(name)) > own]
    assert later == []


@pytest.mark.parametrize("path", sorted((CODES / "sketch").glob("*.py")), ids=lambda path: path.stem)
def test_what_a_sketch_is_knows_no_torch(path):
    assert not {"torch", "matplotlib", "click"} & {name.split(".")[0] for name in imported(tree_of(path))}


def test_modules_of_the_model_know_no_files_and_no_flags():
    for path in (CODES / "model").glob("*.py"):
        known = {name.split(".")[0] for name in imported(tree_of(path))}
        assert not known & {"pathlib", "os", "io", "json", "click", "tqdm"}, path.name


@EVERY_MODULE
def test_importing_a_module_does_nothing(path):
    """At the top of a module stand imports, definitions and constants: no loop, no file, no call that changes."""
    for node in tree_of(path).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            assert called(node.value).endswith(".add_command"), f"line {node.lineno}: a call at import"
        elif isinstance(node, ast.If):
            assert ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"), f"line {node.lineno}"
        else:
            assert not isinstance(node, ast.For | ast.While | ast.With | ast.Try | ast.Delete), f"line {node.lineno}"
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                calls = {called(each) for each in ast.walk(node.value) if isinstance(each, ast.Call)}
                assert not any(re.search(r"open|read|load|write|manual_seed|set_", name) for name in calls), calls


@EVERY_MODULE
def test_no_function_changes_a_global(path):
    assert not [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.Global)]


@EVERY_MODULE
def test_loading_runs_no_code_of_strangers(path):
    """``torch.load`` and ``np.load(allow_pickle=True)`` on a stranger's file run its code."""
    tree = tree_of(path)
    roots = {name.split(".")[0] for name in imported(tree)}
    assert not roots & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name, last = called(call), called(call).split(".")[-1]
        assert name not in ("torch.load", "eval", "exec", "np.fromregex"), f"line {call.lineno}"
        if last in ("load", "read_array", "NpzFile"):
            allowed = [word.value for word in call.keywords if word.arg == "allow_pickle"]
            assert all(ast.unparse(value) == "False" for value in allowed), f"line {call.lineno}: unpickles"


@EVERY_MODULE
def test_no_error_is_swallowed(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            assert not all(isinstance(each, ast.Pass) for each in node.body), f"line {node.lineno}: except, pass"


def test_importing_the_package_loads_no_model_and_no_plots():
    """Names are looked up when they are used, so a client that only reads files waits for nothing."""
    heavy = "{'torch', 'matplotlib', 'sklearn', 'scipy', 'svgelements', 'click'}"
    code = f"import sys, codes; codes.read, codes.write, codes.Sketch; print(sorted({heavy} & sys.modules.keys()))"
    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize("module", ["codes.inference.completer", "codes.training.loop"])
def test_models_need_no_plots(module):
    code = f"import sys, {module}; print(sorted({{'matplotlib', 'sklearn', 'click'}} & sys.modules.keys()))"
    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize("client", ["draw", "predict"])
def test_a_client_starts_without_plots_and_statistics(client):
    heavy = "{'matplotlib', 'sklearn', 'scipy', 'svgelements', 'PIL', 'starlette', 'uvicorn', 'websockets'}"
    code = f"import sys, codes.cli.{client}; print(sorted({heavy} & sys.modules.keys()))"
    assert run_python(code).strip() == "[]"


def test_no_file_knows_the_machine_it_was_written_on():
    folders = ["codes", "tests", "docs", "benchmarks", "examples", "datasets", ".ci"]
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    kinds = {".py", ".md", ".toml", ".json", ".yml", ".yaml", ".html", ".js", ".css", ".svg", ".txt", ".ipynb", ""}
    absolute = re.compile("/(" + "|".join(["work", "root", "home/[a-z]"]) + r")\b/?")
    for path in files:
        if path.suffix in kinds and "__pycache__" not in path.parts:
            found = absolute.search(path.read_text(encoding="utf-8", errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)}: {found[0]}"
