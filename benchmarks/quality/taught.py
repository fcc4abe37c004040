"""``python -m benchmarks.quality.taught``: teaches a bundle categories it never saw, and has them judged.

Each is taught by ``train_or_test.py teach`` itself, from split ``train`` of its file; the judge learned from the same
split. What is measured is measured on ``valid`` and ``test``, which neither saw.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from benchmarks import FIGURES
from benchmarks.quality.bundle import facts
from benchmarks.quality.distances import gap_closed
from benchmarks.quality.figures import Figures, save_figures
from benchmarks.quality.judge import SHIPPED, Judge
from benchmarks.quality.tables import write_pages
from benchmarks.quality.trials import Floats, StudyPlan, Trial, cut
from codes.checkpoints.bundle import Bundle
from codes.cli.build import teach
from codes.data.store import read_labelled
from codes.evaluation.bootstrap import Estimate, bootstrap_of_means
from codes.evaluation.prefixes import all_cuts
from codes.evaluation.recognition import RouterTest
from codes.inference.completer import Completer
from codes.sketch.stroke3 import AnyStroke3

SEEN = ("50%", "100%")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Store of what the router knows already.")
@click.option("-m", "--model", default="starter", show_default=True)
@click.option("--judge", type=click.Path(path_type=Path), default=SHIPPED, help="Its weights.")
@click.option("--quick", is_flag=True, help="A few steps of teaching: figures of nothing.")
@click.option("--seed", default=0, show_default=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=FIGURES / "taught.json", help="The figures.")
@click.option("--write", is_flag=True, help="Put the table into docs/results.md, the README and the model card.")
def main(files: tuple[Path, ...], data: Path, model: str, judge: Path, quick: bool, **asked: Any) -> None:
    """Teach a bundle the category of each of FILES (.npz with splits), one at a time.

    \b
    Example:
      python -m benchmarks.quality.taught rare/hand.npz rare/spider.npz --data datasets/router --write
    """
    plan = StudyPlan(model, judge, seed=asked["seed"])
    figures: Figures = {**facts(plan, quick), "taught": {}}
    for file in files:
        figures["taught"][file.stem] = taught(file, data, plan, quick)
    asked["out"].parent.mkdir(parents=True, exist_ok=True)
    save_figures(asked["out"], figures)
    if asked["write"]:
        write_pages(FIGURES)
    click.echo(f"{asked['out']}: {', '.join(figures['taught'])}")


def taught(file: Path, data: Path, plan: StudyPlan, quick: bool) -> Figures:
    """Teach one category, and measure it and what was known before."""
    name = file.stem
    whole = [rows for split in ("valid", "test") for rows in read_labelled(file, split)[name]]
    known = {each: rows for each, rows in read_labelled(data, "test").items() if rows}
    with TemporaryDirectory(prefix="halfdrawn-taught-") as folder:
        start = time.perf_counter()
        made = _teach(file, data, plan, Path(folder) / "taught", quick)
        seconds = time.perf_counter() - start
        before = Bundle.open(plan.model)
        return {
            "drawings": len(read_labelled(file, "train")[name]),
            "seconds": seconds,
            "judged": judged(Completer(made), Judge.open(plan.judge), Lot(name, whole), plan),
            "routed": {seen: _accuracy(made, {name: whole}, seen) for seen in SEEN},
            "others": {seen: _accuracy(made, _own(before, known), seen) for seen in SEEN},
            "others_before": {seen: _accuracy(before, _own(before, known), seen) for seen in SEEN},
        }


def _teach(file: Path, data: Path, plan: StudyPlan, out: Path, quick: bool) -> Bundle:
    """As a person does."""
    words = [file.stem, file, "-m", plan.model, "--data", data, "--seed", plan.seed, "-o", out]
    words += ["--steps", 2] if quick else []
    teach.main([str(word) for word in words], standalone_mode=False)
    return Bundle.open(out)


@dataclass(frozen=True)
class Lot:
    """Sketches of a category."""

    category: str
    whole: Sequence[AnyStroke3]


def judged(completer: Completer, judge: Judge, lot: Lot, plan: StudyPlan) -> Figures:
    """How many prefixes, completions and true sketches the judge recognises; half of the points, several variations."""
    prefixes = cut(lot.whole, Trial().fraction)
    options = Trial().options(lot.category, plan.seed, plan.variations)
    made = completer.complete_many(prefixes, options)
    completed = [judge.opinion([each.sketch.points for each in some]).recognised(lot.category).mean() for some in made]
    prefix = judge.opinion([each.points for each in prefixes]).recognised(lot.category)
    true = judge.opinion(lot.whole).recognised(lot.category)
    table = np.column_stack([prefix, completed, true])
    columns = {word: bootstrap_of_means([table[:, i]]) for i, word in enumerate(("prefix", "completed", "true"))}
    return {
        **columns,
        "share": bootstrap_of_means([table], _share),
        "gap_closed": bootstrap_of_means([table], gap_closed),
    }


def _share(means: Floats) -> Floats:
    """Completions recognised over true sketches recognised."""
    shares: Floats = means[..., 0, 1] / np.maximum(means[..., 0, 2], 1e-9)
    return shares


def _own(bundle: Bundle, sketches: dict[str, list[AnyStroke3]]) -> dict[str, list[AnyStroke3]]:
    return {name: sketches[name] for name in bundle.categories if name in sketches}


def _accuracy(bundle: Bundle, sketches: dict[str, list[AnyStroke3]], seen: str) -> Estimate:
    """Of the router, among all that the bundle draws; macro over these categories."""
    router = RouterTest(*bundle.router(), bundle.categories)
    hits = []
    for name, rows in sketches.items():
        logits = router.logits(all_cuts()[seen](rows))[:, router.offered_labels].numpy()
        hits.append((logits.argmax(axis=1) == router.categories.index(name)).astype(np.float64))
    return bootstrap_of_means(hits)


if __name__ == "__main__":
    main()
