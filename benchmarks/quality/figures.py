"""Make figures of what was measured: averages over categories with their intervals, kept as JSON in docs/figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.distances import category_gap, frechet_distance, gap_closed
from benchmarks.quality.headline import Figures, mean_of_medians
from benchmarks.quality.trials import (
    COLUMNS,
    COMPLETED,
    FRACTIONS,
    LENGTH,
    TRIALS,
    USUAL,
    CategoryQuality,
    CategoryTrials,
    QualityPlan,
)
from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import sha256
from codes.errors import BadFile
from codes.evaluation.bootstrap import Estimate, bootstrap, bootstrap_of_means
from codes.formats.files import atomic_path
from codes.strokes.stroke3 import Floats

COMPARED = [name for name in TRIALS if name not in FRACTIONS]
COUNTS = ("many", "few", "varied", "variations", "drawn", "from_nothing")  # of the plan that is measured by
DIGITS = 5


def run_facts(plan: QualityPlan, quick: bool) -> Figures:
    """Return what was measured, and with what."""
    bundle = Bundle.open(plan.model)
    return {
        "quick": quick,
        "seed": plan.seed,
        "counts": {name: getattr(plan, name) for name in COUNTS},
        "bundle": sha256(bundle.folder / "bundle.json"),
        "judge": {"sha256": sha256(plan.judge)},
    }


def trials_figures(measured: Sequence[CategoryQuality]) -> Figures:
    """Return the figures of all trials but the headline's, and of the decoders and the judge on these categories."""
    trials = [each.trials for each in measured]
    return {
        "completions": completion_figures(trials),
        "judged": {
            "macro": bootstrap_of_means([each.recognised for each in measured]),
            "categories": {each.trials.category: bootstrap_of_means([each.recognised]) for each in measured},
        },
        "nats": {each.trials.category: each.nats for each in measured},
    }


def completion_figures(studied: Sequence[CategoryTrials]) -> Figures:
    """Return everything about completions; all categories count alike."""
    return {
        "fractions": {name: trial_figures([each.tables[name] for each in studied]) for name in FRACTIONS},
        "compared": {name: comparison(studied, name) for name in COMPARED},
        "variety": variety_figures(studied),
        "frechet": frechet_figures(studied),
        "categories": {each.category: category_figures(each) for each in studied},
    }


def trial_figures(tables: Sequence[Floats]) -> Figures:
    """Return the figures of one trial from the table of each category."""
    columns = {name: bootstrap_of_means([table[:, i] for table in tables]) for i, name in enumerate(COLUMNS[:LENGTH])}
    lengths = bootstrap([table[:, LENGTH] for table in tables], mean_of_medians)
    return {**columns, COLUMNS[LENGTH]: lengths, "gap_closed": bootstrap_of_means(tables, gap_closed)}


def comparison(studied: Sequence[CategoryTrials], name: str) -> Figures:
    """Return the figures of a trial beside the usual one of the same fraction, on the same sketches."""
    usual = f"{TRIALS[name].fraction:.0%}"
    tables = [each.tables[name] for each in studied]
    same_sketches = [each.tables[usual][: len(table)] for each, table in zip(studied, tables, strict=True)]
    pairs = [np.column_stack([a[:, COMPLETED], b[:, COMPLETED]]) for a, b in zip(tables, same_sketches, strict=True)]
    more = bootstrap_of_means(pairs, lambda means: (means[..., 0] - means[..., 1]).mean(axis=-1))
    return {**trial_figures(tables), "usual": usual, "more_recognised": more}


def category_figures(studied: CategoryTrials) -> Figures:
    """Return the figures of one category at each fraction."""
    return {
        name: {**trial_figures([studied.tables[name]]), "gap": category_gap(studied.tables[name])} for name in FRACTIONS
    }


def variety_figures(studied: Sequence[CategoryTrials]) -> Figures:
    """Return the figures of several completions of one prefix."""
    names = ("mean", "best", "spread", "kinds")
    return {name: bootstrap_of_means([getattr(each.variety, name) for each in studied]) for name in names}


def frechet_figures(studied: Sequence[CategoryTrials]) -> Figures:
    """Return the distances of completions and of true sketches to other true sketches, by category and together.

    The interval is of the mean over categories, by resampling categories: a resampled set of sketches would hold some
    of them twice, and its distance would be too large. Completions were drawn several times; their distance is the
    mean over the drawings, since all of them in one set would lie nearer for their number alone.
    """
    sets = [each.features for each in studied]
    completed = np.array([np.mean([frechet_distance(some, each.others) for some in each.completed]) for each in sets])
    true = np.array([frechet_distance(each.true, each.others) for each in sets])
    all_others, all_true = (np.concatenate([getattr(each, name) for each in sets]) for name in ("others", "true"))
    drawn = [np.concatenate(some) for some in zip(*(each.completed for each in sets), strict=True)]
    return {
        "completed": bootstrap_of_means([completed]),
        "true": bootstrap_of_means([true]),
        "ratio": bootstrap_of_means([np.column_stack([completed, true])], lambda m: m[..., 0, 0] / m[..., 0, 1]),
        "counts": [len(each.true) for each in sets],
        "together": {
            "completed": float(np.mean([frechet_distance(some, all_others) for some in drawn])),
            "true": frechet_distance(all_true, all_others),
            "count": len(all_others),
        },
        "categories": {s.category: [c, t] for s, c, t in zip(studied, completed.tolist(), true.tolist(), strict=True)},
    }


def worst_gap(categories: Mapping[str, Figures], fraction: str = USUAL) -> tuple[float, str, float, int]:
    """Return the mean gap closed of categories that have a gap, the worst of them, its share, and their number."""
    gaps = {name: each[fraction]["gap"] for name, each in categories.items() if each[fraction]["gap"] is not None}
    if not gaps:
        return float("nan"), "none", float("nan"), 0
    worst = min(gaps, key=lambda name: gaps[name])
    return float(np.mean(list(gaps.values()))), worst, gaps[worst], len(gaps)


def plain(value: Any) -> Any:
    """Return a value as JSON holds it, with no more digits than mean anything."""
    if isinstance(value, Estimate) or is_dataclass(value):
        return plain(asdict(value))  # type: ignore[arg-type]
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def read_figures(path: Path) -> Figures:
    """Read what :func:`save_figures` wrote.

    Raises:
        BadFile: it is something else.
    """
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BadFile(path, "no figures that were measured before") from error


def save_figures(path: Path, figures: Figures) -> None:
    """Write the JSON, whole or not at all; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(plain(figures), indent=1) + "\n")
