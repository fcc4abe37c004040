"""``python -m benchmarks.docs PART``: makes what the README and docs/ show; ``--help`` lists the parts."""

from __future__ import annotations

import click

from benchmarks.docs.canvas_pictures import canvas
from benchmarks.docs.pictures import pictures
from benchmarks.docs.screens import screens
from benchmarks.quality.category_page import main as categories
from benchmarks.quality.tables import main as tables


@click.group()
def main() -> None:
    """Make the pictures and tables of the README and of docs/ again."""


main.add_command(tables, "tables")
main.add_command(categories, "categories")
main.add_command(pictures)
main.add_command(canvas)
main.add_command(screens)

if __name__ == "__main__":
    main()
