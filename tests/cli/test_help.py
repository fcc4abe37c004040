"""What every command says of itself, and how flags are made."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import click
import pytest

import codes
from codes.cli.common import ErrorHandlingGroup, LazyGroup, SectionedCommand, option, options_of, refuse
from codes.cli.main import draw_client, halfdrawn, predict_client, train_or_test
from codes.errors import BadOption
from tests.support.running import error_of, output_of

VERBS = {"Cut", "Draw", "Encode", "Fetch", "Get", "Import", "Let", "Make", "Measure", "Put", "Recognise", "Say", "See",
         "Show", "Teach", "Train", "Write"}  # fmt: skip
MARKUP = re.compile(r"`|\\b|\x08|:\w+:|\*\*")


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it, each with the words that call it."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                below = command.get_command(ctx, name)
                assert below is not None
                yield from commands(below, *path, name)


SCRIPTS = (train_or_test, draw_client, predict_client)
EVERY = [each for group in (*SCRIPTS, halfdrawn) for each in commands(group, group.name or "")]


def problems(text: str | None) -> Iterator[str]:
    """Yield what is wrong with a help text."""
    if not text or not re.match(r'[A-Z0-9"]', text):
        yield "no capital"
    if not text or not text.rstrip().endswith("."):
        yield "no full stop"
    if text and MARKUP.search(text):
        yield "markup"


def test_every_option_is_explained_in_a_sentence():
    wrong = {
        f"{words} {each.opts[-1]}: {problem}"
        for words, command in EVERY
        for each in command.params
        if isinstance(each, click.Option) and not each.hidden
        for problem in problems(each.help)
    }
    assert sorted(wrong) == []


def test_every_command_says_what_it_does():
    """The first paragraph is a sentence that begins with a verb; examples follow below."""
    wrong = []
    for words, command in EVERY:
        first = (command.help or "").split("\n\n")[0]
        wrong += [f"{words}: {problem}" for problem in problems(first)]
        wrong += [f"{words}: markup" for _ in MARKUP.finditer((command.help or "").replace("\b\n", ""))]
        wrong += [f"{words}: {first.split()[0]} is no verb"] * (first.split()[0] not in VERBS)
    assert wrong == []


def test_the_list_of_commands_says_of_each_how_its_help_begins():
    for words, command in EVERY:
        if isinstance(command, LazyGroup):
            for name, lazy in command.lazy_commands.items():
                below = command.get_command(click.Context(command), name)
                assert below is not None and below.help is not None
                assert below.help.split()[:3] == lazy.help.split()[:3], f"{words} {name}"


def test_a_command_line_starts_without_what_only_a_command_needs():
    """Modules are counted, not seconds: torch alone takes one."""
    heavy = {"torch", "numpy", "tqdm", "PIL", "matplotlib", "sklearn", "scipy", "svgelements", "starlette", "uvicorn"}
    for script in (*(group.name for group in SCRIPTS), "halfdrawn"):
        name = (script or "").removesuffix(".py")
        code = f"""
import sys
from codes.cli.main import {name}
try:
    {name}(["--help"])
finally:
    print("loaded:", sorted({heavy} & sys.modules.keys()))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "Commands:" in done.stdout
        assert done.stdout.splitlines()[-1] == "loaded: []", name


def test_halfdrawn_has_every_command_of_the_scripts():
    def callbacks(group: click.Group) -> set[object]:
        return {command.callback for _, command in commands(group) if not isinstance(command, click.Group)}

    assert callbacks(halfdrawn) == set().union(*map(callbacks, SCRIPTS))


def test_examples_name_the_command_as_it_was_called():
    assert "  predict_client.py data datasets/" in output_of(predict_client, "data", "--help")
    assert "  halfdrawn complete-data datasets/" in output_of(halfdrawn, "complete-data", "--help")
    assert "  halfdrawn data import datasets/" in output_of(halfdrawn, "data", "import", "--help")
    assert "  halfdrawn draw sample cat" in output_of(halfdrawn, "draw", "sample", "--help")


def test_an_unknown_command_is_one_sentence():
    assert "No such command 'finish'" in error_of(halfdrawn, "finish")


def test_the_version_is_the_package_s():
    assert output_of(halfdrawn, "--version") == f"halfdrawn {codes.__version__}\n"


@dataclass(frozen=True)
class Sizes:
    """Some sizes.

    Attributes:
        width: from left to right.
        height: of it all, which
            is said in two lines.

    Raises:
        BadOption: never.
    """

    width: int = 3
    height: int = 4
    deep: bool = field(default=False, metadata={"help": "Go down.", "section": "Depth"})


@click.group(cls=ErrorHandlingGroup)
def group() -> None:
    """Hold one command."""


@group.command()
@option("--plain", type=int, help="Just this.")
@options_of(Sizes, "width", "deep", section="Sizes")
@click.pass_context
def show(ctx: click.Context, /, **options: object) -> None:
    """Show the options."""
    if options["plain"] == 0:
        refuse(ctx, ("width", "deep"), "without --plain")
    click.echo(str(options))


def test_flags_are_the_fields_of_a_dataclass():
    text = output_of(group, "show", "--help")
    assert re.search(r"--width INTEGER +From left to right\. +\[default: 3\]", text)
    assert re.search(r"--deep / --no-deep +Go down\.", text)
    assert "--height" not in text
    assert output_of(group, "show", "--width", 5) == "{'width': 5, 'plain': None, 'deep': False}\n"


def test_options_stand_under_their_headings_and_the_rest_comes_last():
    headings = re.findall(r"^(\w+):$", output_of(group, "show", "--help"), flags=re.MULTILINE)
    assert headings == ["Sizes", "Depth", "Options"]
    assert isinstance(show, SectionedCommand)


def test_an_option_that_would_do_nothing_is_refused_where_it_was_given():
    output_of(group, "show", "--plain", 0)
    assert "--width does nothing without --plain" in error_of(group, "show", "--plain", 0, "--width", 3)
    with pytest.raises(BadOption), click.Context(show) as ctx:
        show.parse_args(ctx, ["--no-deep"])
        refuse(ctx, ("deep",), "here")
