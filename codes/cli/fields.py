"""Command-line flags made from dataclass fields, so that every default is stated once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

Command = TypeVar("Command", bound=Callable[..., Any])


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
