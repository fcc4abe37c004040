"""Puts figures into a page of the docs: everything between two marks is replaced, nothing else is touched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.speed.workload import Figures

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write_figures(page: Path, caption: str, figures: Figures, meanings: Mapping[str, str]) -> None:
    """Replace the table between the marks of a page that has them."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{caption}\n\n{markdown(figures, meanings)}\n{END}{after}")


def markdown(figures: Figures, meanings: Mapping[str, str]) -> str:
    """A line for each figure, in the order of the figures."""
    head = ["| figure | | what it is |", "|---|---|---|"]
    shown = {name: "not measured" if value is None else f"{value:.3g}" for name, value in figures.items()}
    return "\n".join([*head, *(f"| `{name}` | {shown[name]} | {meanings[name]} |" for name in figures)])
