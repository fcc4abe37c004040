"""Studies to figures: averages over categories with their intervals, and the JSON they are kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.distances import LEAST_GAP, frechet, gap_closed
from benchmarks.quality.trials import COLUMNS, COMPLETED, FRACTIONS, LENGTH, PREFIX, TRIALS, TRUE, USUAL, Floats, Study
from codes.evaluation.bootstrap import Estimate, bootstrap, bootstrap_of_means
from codes.formats.files import atomic_path

Figures = dict[str, Any]

COMPARED = [name for name in TRIALS if name not in FRACTIONS]
DIGITS = 5


def completion_figures(studies: Sequence[Study], few: int) -> Figures:
    """Everything about completions, all categories counted alike."""
    return {
        "fractions": {name: trial_figures([study.tables[name] for study in studies]) for name in FRACTIONS},
        "compared": {name: comparison(studies, name, few) for name in COMPARED},
        "variety": variety_figures(studies),
        "frechet": frechet_figures(studies),
        "categories": {study.category: category_figures(study) for study in studies},
    }


def trial_figures(tables: Sequence[Floats]) -> Figures:
    """Of tables of the sketches of each category."""
    columns = {name: bootstrap_of_means([table[:, i] for table in tables]) for i, name in enumerate(COLUMNS[:LENGTH])}
    lengths = bootstrap([table[:, LENGTH] for table in tables], _mean_of_medians)
    return {**columns, COLUMNS[LENGTH]: lengths, "gap_closed": bootstrap_of_means(tables, gap_closed)}


def _mean_of_medians(samples: Sequence[Floats]) -> float:
    return float(np.mean([np.median(sample) for sample in samples]))


def comparison(studies: Sequence[Study], name: str, few: int) -> Figures:
    """A trial, and the usual one of the same fraction on the same sketches."""
    usual = f"{TRIALS[name].fraction:.0%}"
    tables = [study.tables[name] for study in studies]
    alike = [study.tables[usual][: len(table)] for study, table in zip(studies, tables, strict=True)]
    pairs = [np.column_stack([a[:, COMPLETED], b[:, COMPLETED]]) for a, b in zip(tables, alike, strict=True)]
    more = bootstrap_of_means(pairs, lambda means: (means[..., 0] - means[..., 1]).mean(axis=-1))
    return {**trial_figures(tables), "usual": usual, "more_recognised": more, "few": few}


def category_figures(study: Study) -> Figures:
    """Of one category, at each fraction."""
    return {name: {**trial_figures([study.tables[name]]), "gap": _gap(study.tables[name])} for name in FRACTIONS}


def _gap(table: Floats) -> float | None:
    """How much of the gap was closed, where there is one."""
    means = table.mean(axis=0)
    return float(gap_closed(means[None])) if means[TRUE] - means[PREFIX] >= LEAST_GAP else None


def variety_figures(studies: Sequence[Study]) -> Figures:
    """Of several completions of one prefix."""
    names = ("mean", "best", "spread", "kinds")
    return {name: bootstrap_of_means([getattr(study.variety, name) for study in studies]) for name in names}


def frechet_figures(studies: Sequence[Study]) -> Figures:
    """Of completions and of true sketches, both to other true sketches; by category, and of all together.

    The interval is of the mean over categories, by drawing categories anew: sets of sketches that were drawn anew hold
    some of them twice, and their distances are too large. Completions were drawn several times; their distance is the
    mean of those of each time, since that of all of them in one set would be smaller for their number alone.
    """
    sets = [study.features for study in studies]
    completed = np.array([np.mean([frechet(some, each.others) for some in each.completed]) for each in sets])
    true = np.array([frechet(each.true, each.others) for each in sets])
    others, trues = (np.concatenate([getattr(each, name) for each in sets]) for name in ("others", "true"))
    drawn = [np.concatenate(some) for some in zip(*(each.completed for each in sets), strict=True)]
    return {
        "completed": bootstrap_of_means([completed]),
        "true": bootstrap_of_means([true]),
        "ratio": bootstrap_of_means([np.column_stack([completed, true])], lambda m: m[..., 0, 0] / m[..., 0, 1]),
        "counts": [len(each.true) for each in sets],
        "together": {
            "completed": float(np.mean([frechet(some, others) for some in drawn])),
            "true": frechet(trues, others),
            "count": len(others),
        },
        "categories": {s.category: [c, t] for s, c, t in zip(studies, completed.tolist(), true.tolist(), strict=True)},
    }


def worst_gap(categories: Mapping[str, Figures], fraction: str = USUAL) -> tuple[float, str, float, int]:
    """Mean over the categories that have a gap, the worst of them, its share closed, and how many they are."""
    gaps = {name: each[fraction]["gap"] for name, each in categories.items() if each[fraction]["gap"] is not None}
    if not gaps:
        return float("nan"), "none", float("nan"), 0
    worst = min(gaps, key=lambda name: gaps[name])
    return float(np.mean(list(gaps.values()))), worst, gaps[worst], len(gaps)


def plain(value: Any) -> Any:
    """As JSON holds it, with no more digits than mean anything."""
    if isinstance(value, Estimate) or is_dataclass(value):
        return plain(asdict(value))  # type: ignore[arg-type]
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def save_figures(path: Path, figures: Figures) -> None:
    """Write the JSON, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(plain(figures), indent=1) + "\n")
