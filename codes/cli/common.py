"""What all commands share: bad input becomes one sentence and exit code 2, Ctrl-C says what was kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from codes.errors import SketchError

Command = TypeVar("Command", bound=Callable[..., Any])

STORE = click.argument("store", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


class Told(click.ClickException):
    """A sentence for the user, exit code 2."""

    exit_code = 2


class Teaching(click.Group):
    """A group whose commands turn every :class:`SketchError` into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a user can cause is told, what we caused is raised."""
        try:
            return super().invoke(ctx)
        except SketchError as error:
            raise Told(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Stopped; what was saved is kept.", err=True)
            ctx.exit(130)


class OnDemand(Teaching):
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
