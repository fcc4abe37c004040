"""What all commands share: bad input becomes one sentence and exit code 2, Ctrl-C says what was kept.

Command-line flags made from dataclass fields, so that every default is stated once.

The flags that several commands share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from codes.errors import SketchError
from codes.inference.options import SamplingOptions

Command = TypeVar("Command", bound=Callable[..., Any])

STORE = click.argument("store", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


class UserError(click.ClickException):
    """A sentence for the user, exit code 2."""

    exit_code = 2


class ErrorHandlingGroup(click.Group):
    """A group whose commands turn every :class:`SketchError` into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a user can cause is told, what we caused is raised."""
        try:
            return super().invoke(ctx)
        except SketchError as error:
            raise UserError(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Stopped; what was saved is kept.", err=True)
            ctx.exit(130)


class LazyGroup(ErrorHandlingGroup):
    """A group that imports a command when it is called, so that no command waits for what another needs."""

    homes: Mapping[str, str] = MappingProxyType({})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which they are used."""
        return list(self.homes)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, out of the module that is its home."""
        if name not in self.homes:
            return None
        command: click.Command = getattr(import_module(self.homes[name]), name)
        return command


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on one line."""
    click.echo(json.dumps(value))


def options_of(kind: type, *names: str) -> Callable[[Command], Command]:
    """A decorator that adds a flag for each field of a dataclass (or those named), with its documented meaning."""
    hints, meanings = get_type_hints(kind), attribute_docs(kind)

    def decorate(command: Command) -> Command:
        for each in reversed([f for f in fields(kind) if not names or f.name in names]):
            command = _option(each, hints[each.name], meanings.get(each.name, ""))(command)
        return command

    return decorate


def _option(each: Field[Any], hint: Any, meaning: str) -> Callable[[Command], Command]:
    default = each.default if each.default is not MISSING else None
    flag = "--" + each.name.replace("_", "-")
    if hint is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", each.name, default=default, show_default=True, help=meaning)
    kind = click.Choice(get_args(hint)) if get_origin(hint) is Literal else hint
    return click.option(flag, each.name, type=kind, default=default, show_default=True, help=meaning)


def attribute_docs(kind: type) -> dict[str, str]:
    """What the ``Attributes:`` section of a docstring says of each name."""
    section = (kind.__doc__ or "").partition("Attributes:")[2]
    meanings: dict[str, str] = {}
    current: list[str] = []
    for line in section.splitlines():
        found = re.match(r"\s{4,8}([a-z_]+(?:, [a-z_]+)*): (.*)", line)
        if found:
            current = found[1].split(", ")
            meanings.update(dict.fromkeys(current, found[2]))
        else:
            for name in current:
                meanings[name] = f"{meanings[name]} {line.strip()}".strip()
    return meanings


def chosen(kind: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Build a dataclass from the options that are its fields, and take those out of ``options``."""
    names = [each.name for each in fields(kind) if each.name in options]  # type: ignore[arg-type]
    return kind(**{name: options.pop(name) for name in names})


MODEL = click.option(
    "-m", "--model", default="starter", show_default=True, help="A bundle: the name of one that ships, or a folder."
)
OUT = click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Picture (.svg .png .gif .anim.svg), or data (.json .ndjson .npz).",
)
SPLIT = click.option("--split", default="test", show_default=True, help="Which split of the data.")
FRACTION = click.option(
    "--fraction", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Share of each sketch that is seen."
)
CATEGORY = click.option("-c", "--category", help="Draw this, whatever it looks like.")
VARIATIONS = click.option(
    "-n", "--variations", type=int, default=9, show_default=True, help="How many ways to finish it."
)
SAMPLING = options_of(SamplingOptions, "temperature", "seed", "max_points")
CANDIDATES = options_of(SamplingOptions, "candidates")
LATENT = options_of(SamplingOptions, "latent")
