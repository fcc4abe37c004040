"""Completions that the judge finds best, middling and worst, on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.quality.trials import Example, Study
from codes.sketch.layout import view_of
from codes.sketch.sheet import Cell, Sheet

A_ROW = 3  # categories
SIDE = 104


def best_median_worst(studies: Sequence[Study]) -> Sheet:
    """Of each category three completions of half the points, three categories a row."""
    cells = [cell for study in studies for cell in _cells(study)]
    width = A_ROW * 3
    rows = [cells[start : start + width] for start in range(0, len(cells), width)]
    return Sheet(rows, side=SIDE, title="Half drawn, finished: the best, the median and the worst by the judge")


def _cells(study: Study) -> list[Cell]:
    examples = reversed(study.examples)
    names = (study.category, "median", "worst")
    return [_cell(example, name) for example, name in zip(examples, names, strict=True)]


def _cell(example: Example, name: str) -> Cell:
    return Cell(example.sketch, f"{name} {example.chance:.0%}", view_of(example.sketch))
