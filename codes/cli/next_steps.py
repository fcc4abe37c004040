"""What to do after a command: commands that can be pasted, called as this one was.

Knows how the scripts and ``halfdrawn`` call the same commands, and where runs and bundles stand beside each other;
knows nothing of what they hold.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Literal

import click

from codes.training.run_folder import RunFolder

Script = Literal["train_or_test", "draw_client", "predict_client"]


def command(script: Script, *words: object) -> str:
    """Return a command as a shell takes it: by interpreter and script, or by ``halfdrawn`` where that was called.

    Args:
        script: that has the command in a checkout.
        words: the command and what follows it.
    """
    called = Path(sys.argv[0])
    name = click.get_current_context().find_root().info_name or ""
    if not name.endswith(".py"):
        caller = [name, *(["draw"] if script == "draw_client" else [])]
    elif called.name == name and sys.argv[0] in sys.orig_argv:
        before = sys.orig_argv[: sys.orig_argv.index(sys.argv[0])]
        caller = [*before, str(called.with_name(f"{script}.py"))]
    else:
        caller = ["python", f"{script}.py"]
    return shlex.join([*caller, *map(str, words)])


def say_next(commands: Iterable[str]) -> None:
    """Print what to do next, a command a line."""
    click.echo("Next:")
    for each in commands:
        click.echo(f"  {each}")


def unused(path: Path) -> Path:
    """Return a path of which nothing is there yet: this one, or the first of those with -2, -3 and so on."""
    names = (path if number == 1 else path.with_name(f"{path.name}-{number}") for number in count(1))
    return next(each for each in names if not each.exists())


def after_import(store: Path, files: Sequence[Path], categories: Sequence[str]) -> list[str]:
    """Return how a router and decoders are trained on a store, or how a bundle is taught the only category in it."""
    folder = unused(Path("runs") / store.resolve().name)
    if len(categories) == 1:
        return [command("train_or_test", "teach", *categories, *files, "-o", folder / "bundle")]
    return [
        command("train_or_test", "train", "predict", store, "-o", folder / "router"),
        command("train_or_test", "train", "draw", store, "-o", folder / "draw"),
    ]


def after_common(store: Path, common: Path) -> list[str]:
    """Return how each category is trained from a model of all of them."""
    out = unused(common.parent / "draw")
    return [command("train_or_test", "train", "draw", store, "-o", out, "--start", common, "--rank", 8)]


def after_router(store: Path, router: Path) -> list[str]:
    """Return how decoders are trained beside a router, or how the two are bundled where there are some."""
    draw = router.parent / "draw"
    if any(RunFolder(each).best.exists() for each in draw.glob("*/")):
        return [_bundle(store, router, draw)]
    return [command("train_or_test", "train", "draw", store, "-o", draw)]


def after_decoders(store: Path, draw: Path) -> list[str]:
    """Return how a router is trained beside decoders, or how the two are bundled where there is one."""
    router = draw.parent / "router"
    if RunFolder(router).best.exists():
        return [_bundle(store, router, draw)]
    return [command("train_or_test", "train", "predict", store, "-o", router)]


def _bundle(store: Path, router: Path, draw: Path) -> str:
    """Return how a router and decoders are bundled, these as differences if that is what they learned."""
    runs = [run for run in map(RunFolder, sorted(draw.glob("*/"))) if run.best.exists()]
    settings = runs[0].settings() if runs else None
    common = ("--common", settings["start"], "--rank", settings["rank"]) if settings and settings.get("rank") else ()
    out = unused(router.parent / "bundle")
    return command("train_or_test", "bundle", "--router", router, "--draw", draw, *common, "--data", store, "-o", out)


def after_bundle(data: Path, bundle: Path) -> list[str]:
    """Return how a bundle is measured."""
    return [command("train_or_test", "test", kind, data, "--model", bundle) for kind in ("predict", "draw")]


def after_test(model: str | Path, category: str) -> list[str]:
    """Return how a model is tried: on a sketch that it begins itself, and on what people draw."""
    begun = command("draw_client", "sample", category, "-n", 1, "--max-points", 15, "--model", model, "-o", "-")
    out = unused(Path(f"finished-{category.replace(' ', '-')}.svg"))
    finished = command("predict_client", "complete", "-", "-c", category, "--model", model, "-o", out)
    return [f"{begun} | {finished}", command("predict_client", "live", "--model", model)]


def after_teaching(bundle: Path, category: str, drawing: Path) -> list[str]:
    """Return how a bundle is tried on one of the drawings that it was taught from."""
    out = unused(Path(f"finished-{category.replace(' ', '-')}.svg"))
    return [
        command("predict_client", "classify", "--model", bundle, "--", drawing),
        command("predict_client", "complete", "-c", category, "--model", bundle, "-o", out, "--", drawing),
    ]
