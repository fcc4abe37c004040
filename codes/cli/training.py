"""``train_or_test.py``: data in, weights out, numbers about both."""

from __future__ import annotations

import click

from codes.cli.bundling import bundle
from codes.cli.common import Teaching
from codes.cli.data import data
from codes.cli.testing import test
from codes.cli.train import train


@click.group(cls=Teaching)
def main() -> None:
    """Import data, train decoders and the router, test them, and bundle them for use."""


main.add_command(data)
main.add_command(train)
main.add_command(test)
main.add_command(bundle)
