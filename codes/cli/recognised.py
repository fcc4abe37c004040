"""What people read of sketches that were recognised: bars, decisions, and what these mean.

Knows routes and the width of the terminal; knows no models and no drawing.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable

import click

from codes.inference.options import Decision, Route

BAR = 30  # columns of a bar, where there is room
MEANINGS: dict[Decision, str] = {
    "known": "known: clearly one of the categories",
    "unsure": "unsure: one of the categories, but not yet clear which",
    "unknown": "unknown: none of the categories",
}
PERCENT = "%: how likely each is, given that it is one of them"

Say = Callable[[str], None]


def say_route(say: Say, name: str, finding: str, route: Route, count: int) -> None:
    """Say what one sketch is, and the likeliest ``count`` categories with bars that the terminal can show.

    Args:
        say: prints a line.
        name: of the sketch.
        finding: what it is, in words.
        route: of the sketch.
        count: how many categories are shown.
    """
    full = "█" if (sys.stdout.encoding or "").lower().startswith("utf") else "#"
    likeliest = list(route.probabilities.items())[:count]
    width = max(0, min(BAR, shutil.get_terminal_size().columns - 13 - max(len(each) for each, _ in likeliest)))
    say(f"{name if os.environ.get('NO_COLOR') else click.style(name, bold=True)}: {finding}")
    for category, probability in likeliest:
        bar = f"{full * round(width * probability):{width}}  " if width else ""
        say(f"  {probability:6.1%}  {bar}{category}")


def say_meanings(say: Say, routes: Iterable[Route]) -> None:
    """Say what the decisions and the numbers mean, in one line."""
    found = {route.decision for route in routes}
    if found:
        say("; ".join([*(text for decision, text in MEANINGS.items() if decision in found), PERCENT]))


def finding(route: Route) -> str:
    """Return what a sketch is in a few words."""
    if route.decision == "unknown":
        return f"looks like nothing the model knows (nearest: {route.category})"
    return f"{route.category} ({route.decision})"
