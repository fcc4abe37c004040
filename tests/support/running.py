"""Calling commands as people do, in this process."""

from __future__ import annotations

from typing import Any

from click import Command
from click.testing import CliRunner, Result


def run(command: Command, *words: object) -> Result:
    """Run it; only what a command means to tell comes back, anything else is raised."""
    result = CliRunner().invoke(command, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def works(command: Command, *words: object) -> str:
    """Run it; it must succeed. What it printed."""
    result = run(command, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def told(command: Command, *words: object) -> str:
    """Run it; it must refuse with one sentence and exit code 2. The sentence."""
    result = run(command, *words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


def flags(**options: Any) -> list[str]:
    """Options as words: ``latent_size=3`` is ``--latent-size 3``."""
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
