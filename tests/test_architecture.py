"""The laws of the source itself: which folder may know which, what importing costs, what no file may hold.

Each law is one test that lists every offender.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import codes

ROOT = Path(__file__).parents[1]
CODES = ROOT / "codes"
ORDER = [
    "errors",
    "runtime",
    "progress",
    "processes",
    "compiled",
    "vocabulary",
    "strokes",
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
TREES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("codes", "benchmarks", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
MODULES = {path: tree for path, tree in TREES.items() if path.is_relative_to(CODES) and path != CODES / "__init__.py"}


# Openers that make no sentence; a function's docstring, which says what it does, has more of them.
NO_VERBS = {"What", "Whether", "Those", "How", "Where", "Who", "Whose", "Which", "When", "Why", "That", "There"}
NOUNS = {"A", "An", "The", "One", "All", "As", "At", "Every", "From", "In", "Of", "Some", "Same", "With"}
GONE = {
    *("Backflow", "Beginning", "Began", "Cut", "Doors", "Drawn", "Easel", "Going", "Guarded", "Hand", "House", "Inked"),
    *("Law", "Look", "Misunderstood", "Moment", "Pace", "Pile", "Practice", "Question", "Routed", "Studio", "Tally"),
    *("Task", "Taste", "Teaching", "Told", "Views", "Way", "ahead", "at_most", "heated", "likeness", "liking", "looks"),
    *("many_products", "nonsense", "packed", "pixels_of", "practise", "refused", "restored", "routes_of", "said"),
    *("seal_bundle", "seed_law_lengths", "stored", "understood"),
}


def where(path: Path, node: ast.AST | None = None) -> str:
    """Name a place so that an editor finds it."""
    line = getattr(node, "lineno", None)
    return path.relative_to(ROOT).as_posix() + (f":{line}" if line else "")


def imported(tree: ast.AST) -> list[str]:
    """List the dotted names of all modules that are imported anywhere in the tree, inside functions too."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def roots(tree: ast.AST) -> set[str]:
    """Return the packages that are imported anywhere in the tree."""
    return {name.split(".")[0] for name in imported(tree)}


def folder_of(dotted: str) -> str:
    return dotted.split(".")[1]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def ours(tree: ast.AST) -> list[str]:
    """List what is imported from this package's folders."""
    return [name for name in imported(tree) if name.startswith("codes.")]


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(code: str, *modules: str) -> str:
    """Return which of these modules are loaded after this code."""
    return run_python(f"import sys; {code}; print(*sorted(set({modules}) & sys.modules.keys()))").strip()


def test_the_order_names_every_folder():
    assert {folder_of(dotted(path)) for path in MODULES} == set(ORDER)


def test_a_folder_imports_only_from_folders_before_it():
    later = [
        f"{where(path)}: {name}"
        for path, tree in MODULES.items()
        for name in ours(tree)
        if ORDER.index(folder_of(name)) > ORDER.index(folder_of(dotted(path)))
    ]
    assert later == []


def test_training_and_inference_do_not_know_each_other():
    beside = {"training": "inference", "inference": "training"}
    known = [
        f"{where(path)}: {name}"
        for path, tree in MODULES.items()
        for name in ours(tree)
        if folder_of(name) == beside.get(folder_of(dotted(path)))
    ]
    assert known == []


def test_no_benchmark_goes_through_the_command_line_s_own_modules():
    """What is measured is the library; a benchmark of a command runs the command."""
    known = [
        f"{where(path)}: {name}"
        for path, tree in TREES.items()
        for name in ours(tree)
        if path.is_relative_to(ROOT / "benchmarks") and folder_of(name) == "cli"
    ]
    assert known == []


def test_a_sketch_needs_no_torch_and_a_model_no_files_and_no_flags():
    unknown = {
        "strokes": {"torch", "matplotlib", "click"},
        "model": {"pathlib", "os", "io", "json", "click", "tqdm"},
    }
    known = [
        f"{where(path)}: {sorted(found)}"
        for path, tree in MODULES.items()
        if path.parent.name in unknown and (found := roots(tree) & unknown[path.parent.name])
    ]
    assert known == []


def doings_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what a module does when it is imported besides importing, defining and naming constants."""
    for node in tree.body:
        if (
            (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
            or (isinstance(node, ast.If) and ast.unparse(node.test) not in ("TYPE_CHECKING", "__name__ == '__main__'"))
            or isinstance(node, ast.For | ast.While | ast.With | ast.Try | ast.Delete)
        ):
            yield node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            calls = {called(each) for each in ast.walk(node.value) if isinstance(each, ast.Call)}
            if any(re.search(r"open|read|load|write|manual_seed|set_", name) for name in calls):
                yield node


def test_importing_a_module_does_nothing():
    """At the top of a module stand imports, definitions and constants: no loop, no file, no call that changes."""
    assert [where(path, node) for path, tree in MODULES.items() for node in doings_at_import(tree)] == []


def test_no_function_changes_a_global():
    nodes = [(path, node) for path, tree in MODULES.items() for node in ast.walk(tree)]
    assert [where(path, node) for path, node in nodes if isinstance(node, ast.Global)] == []


def process_switches(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what sets threads, the environment, the allocator or a default of torch for the whole process."""
    setters = {"mallopt", "putenv", "unsetenv", "set_num_threads", "set_num_interop_threads", "set_default_dtype"}
    writes = {f"os.environ.{name}" for name in ("setdefault", "update", "pop", "popitem", "clear")}
    for node in ast.walk(tree):
        named = isinstance(node, ast.Attribute) and (node.attr in setters or ast.unparse(node) in writes)
        stored = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
        if named or (stored and ast.unparse(node.value) == "os.environ"):
            yield node


def test_only_commands_set_switches_of_the_whole_process():
    """A library does not know what else runs beside it."""
    runtime = CODES / "runtime.py"
    assert len(list(process_switches(MODULES[runtime]))) == 3
    rooms = {path: tree for path, tree in MODULES.items() if path != runtime}
    assert [where(path, node) for path, tree in rooms.items() for node in process_switches(tree)] == []
    switches = {"codes.runtime.use_threads", "codes.runtime.keep_freed_memory", "codes.runtime.keep_few_kernels"}
    library = {path: tree for path, tree in rooms.items() if not path.is_relative_to(CODES / "cli")}
    assert [where(path) for path, tree in library.items() if switches & set(imported(tree))] == []


def unpicklings(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield calls that run code out of a file, or may."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name, last = called(call), called(call).split(".")[-1]
        allowed = [word.value for word in call.keywords if word.arg == "allow_pickle"]
        unpickles = last in ("load", "read_array", "NpzFile") and any(ast.unparse(each) != "False" for each in allowed)
        if unpickles or name in ("torch.load", "eval", "exec", "np.fromregex"):
            yield call


def test_loading_runs_no_code_of_strangers():
    """``torch.load`` and ``np.load(allow_pickle=True)`` on a stranger's file run its code."""
    forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    assert [where(path) for path, tree in MODULES.items() if roots(tree) & forbidden] == []
    assert [where(path, call) for path, tree in MODULES.items() for call in unpicklings(tree)] == []


def test_no_error_is_swallowed():
    swallowed = [
        where(path, node)
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(isinstance(each, ast.Pass) for each in node.body))
    ]
    assert swallowed == []


def docstrings(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield every module, class and function that has a docstring, with the first paragraph of it."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield node, text.split("\n\n")[0]


def is_plain_function(node: ast.AST) -> bool:
    """Tell functions and methods from properties, which are named like attributes."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not any(
        ast.unparse(each).endswith(("property", ".setter")) for each in node.decorator_list
    )


def test_docstrings_are_sentences_that_begin_with_a_verb():
    wrong = []
    for path, tree in TREES.items():
        if not path.is_relative_to(ROOT / "tests"):
            for node, first in docstrings(tree):
                opener = first.split()[0].strip(",.:`")
                forbidden = NO_VERBS | (NOUNS if is_plain_function(node) else set())
                if (not isinstance(node, ast.Module) and opener in forbidden) or re.match(
                    "The one (that|which|who)", first
                ):
                    wrong.append(f"{where(path, node)}: begins with {opener!r}")
                if not first.rstrip().endswith((".", ":", "!", "?")):
                    wrong.append(f"{where(path, node)}: does not end")
    assert wrong == []


def test_no_name_of_the_old_private_language_is_defined_again():
    """A reader finds what a name means in the papers and in PyTorch's documentation, not in a dictionary of ours."""
    defined = [
        f"{where(path, node)}: {node.name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name.lstrip("_") in GONE
    ]
    assert defined == []


def test_importing_the_package_loads_no_model_and_no_plots():
    """Names are looked up when they are used, so a client that only reads files waits for nothing."""
    heavy = ("torch", "matplotlib", "sklearn", "scipy", "svgelements", "click")
    assert loaded("import codes; dir(codes)", *heavy, "numpy") == ""
    assert loaded("import codes; codes.read, codes.write, codes.Sketch", *heavy) == ""


def test_models_and_commands_need_no_plots_and_no_statistics():
    libraries = "import codes.inference.completer, codes.training.loop"
    assert loaded(libraries, "matplotlib", "sklearn", "click") == ""
    heavy = ("matplotlib", "sklearn", "scipy", "svgelements", "PIL", "starlette", "uvicorn", "websockets")
    assert loaded("import codes.cli.draw, codes.cli.predict", *heavy) == ""


def test_the_package_has_what_it_names_and_nothing_else():
    assert set(codes.__all__) <= set(dir(codes))
    assert [getattr(codes, name).__name__ for name in codes.__all__] == codes.__all__
    with pytest.raises(AttributeError, match="has no attribute 'paint'"):
        _ = codes.paint


def test_no_file_knows_the_machine_it_was_written_on():
    folders = ["codes", "tests", "docs", "benchmarks", "examples", "datasets", ".ci"]
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    kinds = {".py", ".md", ".toml", ".json", ".yml", ".yaml", ".html", ".js", ".css", ".svg", ".txt", ".ipynb", ""}
    absolute = re.compile("/(" + "|".join(["work", "root", "home/[a-z]"]) + r")\b/?")
    found = [
        f"{where(path)}: {match[0]}"
        for path in files
        if path.suffix in kinds and "__pycache__" not in path.parts
        for match in absolute.finditer(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []
