"""Call commands as people do, in this process."""

from __future__ import annotations

from typing import Any

from click import Command
from click.testing import CliRunner, Result


def run(command: Command, *words: object) -> Result:
    """Run a command; errors that it does not tell the user itself are raised."""
    result = CliRunner().invoke(command, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def output_of(command: Command, *words: object) -> str:
    """Run a command, which must succeed, and return what it printed."""
    result = run(command, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def error_of(command: Command, *words: object) -> str:
    """Run a command, which must refuse with exit code 2, and return its one sentence."""
    result = run(command, *words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


def flags(**options: Any) -> list[str]:
    """Return options as words: ``latent_size=3`` is ``--latent-size 3``."""
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
