"""Let the benchmarks' commands tell a mistake of the user in one sentence, as the package's own commands do."""

from __future__ import annotations

from typing import Any

import click

from codes.errors import SketchError


class Command(click.Command):
    """Turn every :class:`SketchError` into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors that a user can cause are told; our own are raised."""
        try:
            return super().invoke(ctx)
        except SketchError as error:
            raise click.ClickException(str(error)) from error
