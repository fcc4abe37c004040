"""Screens of the live canvas on the devices of a classroom, to be looked at by a person; none of them is committed.

``python -m benchmarks.docs screens -o FOLDER`` takes each state of the page at five sizes, in light and in dark.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import click

from benchmarks import EXAMPLES
from benchmarks.live.browser import Page, Screen, canvas_of, on_paper
from codes.formats.registry import read
from codes.strokes.stroke3 import Floats

SCREENS = (
    Screen(1366, 768, calm=True),
    Screen(1024, 768, calm=True),
    Screen(390, 844, touch=True, calm=True),
    Screen(780, 360, touch=True, calm=True),
    Screen(320, 568, touch=True, calm=True),
)
Half = Sequence[Floats]


def _answered(page: Page, half: Half) -> None:
    page.draw(half)
    page.suggested()


def _gallery(page: Page, half: Half) -> None:
    _answered(page, half)
    page.click("#open-gallery")
    page.click("#hang button")
    page.wait("return document.querySelector('#gallery-says').textContent === 'It hangs.'")


def _catalogue(page: Page, half: Half) -> None:
    page.click("#open-catalogue")
    page.wait("return document.querySelector('.card .first[d], .bare .card') !== null")


STATES: Mapping[str, Callable[[Page, Half], object]] = MappingProxyType(
    {
        "empty": lambda page, half: page.wait("return document.querySelector('#hint').textContent !== ''"),
        "begun": lambda page, half: page.draw(half[:1]),
        "answered": _answered,
        "gallery": _gallery,
        "catalogue": _catalogue,
        "help": lambda page, half: page.click("#open-help"),
    }
)


def screens_of(sizes: Sequence[Screen]) -> Iterator[Screen]:
    """Yield each size in light and in dark."""
    for size in sizes:
        yield from (size, replace(size, dark=True))


@click.command()
@click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")
@click.option("--sketch", default="half-a-cat", show_default=True, help="Of examples/sketches.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("out/screens"), show_default=True,
    help="Folder of the pictures.",
)  # fmt: skip
@click.option("--state", "states", type=click.Choice([*STATES]), multiple=True, help="Only this state; repeatable.")
def screens(model: str, sketch: str, output: Path, states: Sequence[str]) -> None:
    """Take pictures of the live canvas at five sizes, in light and in dark."""
    half = on_paper(read(EXAMPLES / f"{sketch}.svg"), spacing=12.0)
    output.mkdir(parents=True, exist_ok=True)
    with canvas_of(model) as (driver, address):
        for screen in screens_of(SCREENS):
            for state in states or STATES:
                page = Page(driver, screen).open(address)
                STATES[state](page, half)
                page.driver.execute_script("scrollTo(0, 0)")
                time.sleep(0.6)
                scheme = "dark" if screen.dark else "light"
                page.save_picture(output / f"{state}-{screen.width}x{screen.height}-{scheme}.png")
    click.echo(f"The pictures are in {output}.")
