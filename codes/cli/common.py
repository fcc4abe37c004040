"""What all commands share: errors as one sentence, groups that import late, flags from dataclasses, common options.

Knows click and dataclasses; imports nothing that takes time, so that a command line starts at once.
"""

from __future__ import annotations

import errno
import inspect
import json
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, fields
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from codes.errors import BadOption, SketchError

Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_SECTION = "Options"


class UserError(click.ClickException):
    """Tell the user one sentence and exit with code 2."""

    exit_code = 2


class SectionedOption(click.Option):
    """Stand in the help under the heading ``section``."""

    def __init__(self, *names: Any, section: str, **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.section = section


def option(*names: str, section: str = DEFAULT_SECTION, **attributes: Any) -> Callable[[Command], Command]:
    """Return ``click.option`` with the heading under which the help lists it."""
    return click.option(*names, cls=SectionedOption, section=section, **attributes)


def several(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds these options and arguments, in this order."""

    def decorate(command: Command) -> Command:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


class SectionedCommand(click.Command):
    """List options under their headings, in the order in which these first appear; the rest comes last.

    Examples show the name by which the command was called, though a docstring can name but one script.
    """

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description into the help."""
        own_call = re.compile(rf"^( +)\w+\.py (?:[\w-]+ )*?{self.name}(?= |$)", flags=re.MULTILINE)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(own_call.sub(rf"\1{ctx.command_path}", inspect.cleandoc(self.help or "")))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options into the help."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)) is not None:
                sections.setdefault(getattr(parameter, "section", DEFAULT_SECTION), []).append(record)
        for section in sorted(sections, key=DEFAULT_SECTION.__eq__):
            with formatter.section(section):
                formatter.write_dl(sections[section])


class ErrorHandlingGroup(click.Group):
    """Turn every :class:`SketchError` of a command into one sentence and exit code 2."""

    command_class = SectionedCommand

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors that a user can cause are told; our own are raised."""
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be more than a terminal can show
        try:
            return super().invoke(ctx)
        except SketchError as error:
            raise UserError(str(error)) from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise UserError("standard output cannot be written (no space left on device)") from error
        except KeyboardInterrupt:
            click.echo("Stopped; what was saved is kept.", err=True)
            ctx.exit(130)


class LazyCommand(NamedTuple):
    """Say where a command is imported from and what it does.

    Attributes:
        import_path: "module:attribute".
        help: its line in the list of commands.
    """

    import_path: str
    help: str


class LazyGroup(ErrorHandlingGroup):
    """Import a command when it is called, so that no command waits for what another needs.

    The list of commands imports none of them.
    """

    def __init__(self, name: str, *, lazy_commands: Mapping[str, LazyCommand], **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people need them."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command of that name from the module that holds it."""
        if name not in self.lazy_commands:
            return None
        module, _, attribute = self.lazy_commands[name].import_path.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands into the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self.lazy_commands.items()])


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on one line."""
    click.echo(json.dumps(value))


def refuse(ctx: click.Context, names: Collection[str], because: str) -> None:
    """Refuse options that were given though they would do nothing.

    Args:
        ctx: the context of the command.
        names: the parameters' names.
        because: the rest of the sentence after "--flag does nothing".

    Raises:
        BadOption: one of them was given.
    """
    for flag in given(ctx, names):
        raise BadOption(f"{flag} does nothing {because}")


def given(ctx: click.Context, names: Collection[str]) -> list[str]:
    """Return the flags of those parameters that were given on the command line."""
    return [
        parameter.opts[-1]
        for parameter in ctx.command.params
        if parameter.name in names and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]


def options_of(kind: type, *names: str, section: str = DEFAULT_SECTION) -> Callable[[Command], Command]:
    """Return a decorator that adds a flag for each field of a dataclass.

    The help is the field's ``metadata["help"]``, or what the docstring's ``Attributes:`` say of it, with a capital and
    without markup. The heading is the field's ``metadata["section"]``, or ``section``.

    Args:
        kind: the dataclass.
        names: the fields to take; all without any.
        section: the heading of those that name none themselves.
    """
    hints, descriptions = get_type_hints(kind), attribute_docs(kind)

    def option_of(each: Field[Any]) -> Callable[[Command], Command]:
        text = each.metadata.get("help") or descriptions.get(each.name, "").replace("``", "")
        title = each.metadata.get("section", section)
        return _field_option(each, hints[each.name], help=text[:1].upper() + text[1:], section=title)

    return several(*(option_of(each) for each in fields(kind) if not names or each.name in names))


def _field_option(field: Field[Any], hint: Any, **attributes: str) -> Callable[[Command], Command]:
    default = field.default if field.default is not MISSING else None
    flag = "--" + field.name.replace("_", "-")
    if hint is bool:
        return option(f"{flag}/--no-{flag[2:]}", field.name, default=default, show_default=True, **attributes)
    kind = click.Choice(get_args(hint)) if get_origin(hint) is Literal else hint
    return option(flag, field.name, type=kind, default=default, show_default=True, **attributes)


def attribute_docs(kind: type) -> dict[str, str]:
    """Return what the ``Attributes:`` section of a class's docstring says of each name."""
    section = (kind.__doc__ or "").partition("Attributes:")[2].partition("Raises:")[0]
    descriptions: dict[str, str] = {}
    current: list[str] = []
    for line in section.splitlines():
        found = re.match(r"\s{4,8}([a-z_]+(?:, [a-z_]+)*): (.*)", line)
        if found:
            current = found[1].split(", ")
            descriptions.update(dict.fromkeys(current, found[2]))
        else:
            for name in current:
                descriptions[name] = f"{descriptions[name]} {line.strip()}".strip()
    return descriptions


def options_from(kind: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Build a dataclass from the options that are its fields, and take those out of ``options``."""
    names = [each.name for each in fields(kind) if each.name in options]  # type: ignore[arg-type]
    return kind(**{name: options.pop(name) for name in names})


PATH = click.Path(path_type=Path)
STREAM = Path("-")  # standard input or output
STORE = click.argument("store", type=PATH)
AS_JSON = option("--json", "as_json", is_flag=True, section="Output", help="Print one JSON object and nothing else.")
MODEL = option(
    "-m",
    "--model",
    default="starter",
    show_default=True,
    section="Model",
    help="A bundle: the name of one that ships, or a folder.",
)
RESULT = "A picture (.svg, .png, .gif, .anim.svg) or data (.json, .ndjson, .npz); - is standard output."
SPLIT = option("--split", default="test", show_default=True, section="Data", help="Which split of the data.")
FRACTION = option(
    "--fraction",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    section="Data",
    help="Share of each sketch that is seen.",
)
