"""``train_or_test.py``: data in, weights out, numbers about both."""

from __future__ import annotations

from types import MappingProxyType

import click

from codes.cli.common import OnDemand


class Doors(OnDemand):
    """What there is to do, and where it is done."""

    homes = MappingProxyType(
        {
            "data": "codes.cli.data",
            "train": "codes.cli.train",
            "test": "codes.cli.testing",
            "bundle": "codes.cli.bundling",
            "teach": "codes.cli.teaching",
        }
    )


@click.group(cls=Doors)
def main() -> None:
    """Import data, train decoders and the router, test them, bundle them for use, and teach a bundle more."""
