"""How soon the live canvas answers, in a real browser on the real server.

``python -m benchmarks.live canvas`` draws example sketches stroke by stroke and reads the marks that the page sets: the
time from a lifted pen to bars that changed, and to the first ink of the suggestion. The marks are set in the frame that
shows it, so waiting for the screen is counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import click
import numpy as np

from benchmarks import EXAMPLES
from benchmarks.live.browser import Page, canvas_of, on_paper
from codes.formats.registry import read
from codes.runtime import use_threads

SKETCHES = sorted(EXAMPLES.glob("half-*.svg"))
MARKS = """
    const first = (name) => performance.getEntriesByName(name)[0]?.startTime;
    const [up, bars, ink] = ["pen up", "bars", "first ink"].map(first);
    return bars && ink ? [bars - up, ink - up] : null;
"""
TARGETS = {"bars_ms": 40, "bars_p95_ms": 100, "first_ink_ms": 80, "first_ink_p95_ms": 200}


@dataclass
class Waits:
    """Milliseconds from a lifted pen, one for each stroke that was answered.

    Attributes:
        bars: until the bars changed.
        first_ink: until the suggestion's first ink showed.
        unanswered: strokes after which nothing was drawn: not known, or found finished.
    """

    bars: list[float] = field(default_factory=list)
    first_ink: list[float] = field(default_factory=list)
    unanswered: int = 0

    def add(self, marks: list[float] | None) -> None:
        """Add the marks of one stroke; None where nothing was drawn."""
        if marks is None:
            self.unanswered += 1
            return
        self.bars.append(marks[0])
        self.first_ink.append(marks[1])

    def figures(self) -> dict[str, float]:
        """Return medians and 95th percentiles."""
        return {
            "bars_ms": median(self.bars),
            "bars_p95_ms": float(np.percentile(self.bars, 95)),
            "first_ink_ms": median(self.first_ink),
            "first_ink_p95_ms": float(np.percentile(self.first_ink, 95)),
            "strokes": len(self.bars),
            "unanswered": self.unanswered,
        }


def strokes_drawn(page: Page, address: str) -> Iterator[list[float] | None]:
    """Draw each example, and yield the marks after each of its strokes."""
    for path in SKETCHES:
        page.open(address)
        for stroke in on_paper(read(path), spacing=20.0):
            page.draw([stroke])
            yield answered(page)


def answered(page: Page) -> list[float] | None:
    """Return the marks of a stroke, or None where nothing was drawn."""
    try:
        page.wait(f"return (() => {{ {MARKS} }})()", timeout=3.0)
    except TimeoutError:
        return None
    return [float(value) for value in page.run(MARKS)]


def measure(rounds: int, model: str) -> dict[str, float]:
    """Return the figures of so many rounds through all examples, after one that does not count."""
    waits = Waits()
    with canvas_of(model) as (driver, address):
        page = Page(driver)
        for number in range(rounds + 1):
            for marks in strokes_drawn(page, address):
                if number:
                    waits.add(marks)
    return waits.figures()


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Times through all examples.")
@click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")
def canvas(rounds: int, model: str) -> None:
    """Measure how soon the canvas answers in a real browser, from pen-up to new bars and to the first ink."""
    use_threads(1)
    figures = measure(rounds, model)
    for name, target in TARGETS.items():
        click.echo(f"{name}: {figures[name]:.0f} (wanted: at most {target})", err=True)
    click.echo(json.dumps({name: round(value, 1) for name, value in figures.items()}))
