"""``train_or_test.py``: data in, weights out, numbers about both."""

from __future__ import annotations

from types import MappingProxyType

import click

from codes.cli.common import LazyGroup


class LazyCommands(LazyGroup):
    """What there is to do, and where it is done."""

    homes = MappingProxyType(
        {
            "data": "codes.cli.data",
            "train": "codes.cli.train",
            "test": "codes.cli.test",
            "bundle": "codes.cli.build",
            "teach": "codes.cli.build",
        }
    )


@click.group(cls=LazyCommands)
def main() -> None:
    """Import data, train decoders and the router, test them, bundle them for use, and teach a bundle more."""
