"""``python -m benchmarks.quality.taught``: teaches a bundle categories it never saw, and has completions judged.

Each category is taught by ``train_or_test.py teach``, from split ``train`` of its file; the judge learned from the same
split. Everything is measured on ``valid`` and ``test``, which neither saw.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from benchmarks import FIGURES, ROOT
from benchmarks.quality.distances import gap_closed
from benchmarks.quality.figures import Figures, run_facts, save_figures
from benchmarks.quality.judge import SHIPPED, Judge
from benchmarks.quality.tables import write_pages
from benchmarks.quality.trials import TRIALS, USUAL, QualityPlan, cut
from codes.checkpoints.bundle import Bundle
from codes.data.store import read_labelled
from codes.evaluation.bootstrap import Estimate, bootstrap_of_means
from codes.evaluation.prefixes import all_cuts
from codes.evaluation.recognition import RouterTest
from codes.inference.completer import Completer
from codes.strokes.stroke3 import AnyStroke3, Floats

SEEN = ("50%", "100%")
QUICK_STEPS = 2


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Store of what the router knows already.")
@click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")
@click.option("--judge", type=click.Path(path_type=Path), default=SHIPPED, help="Weights of the judge.")
@click.option("--quick", is_flag=True, help="A few steps of teaching: figures of nothing.")
@click.option("--seed", default=0, show_default=True, help="Of the teaching and of the completions.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=FIGURES / "taught.json", help="The figures.")
@click.option("--write", is_flag=True, help="Put the table into docs/results.md.")
def main(files: tuple[Path, ...], data: Path, model: str, judge: Path, quick: bool, **asked: Any) -> None:
    """Teach a bundle the category of each of FILES (.npz with splits), one at a time.

    \b
    Example:
      python -m benchmarks.quality.taught rare/hand.npz rare/spider.npz --data datasets/router --write
    """
    plan = QualityPlan(model, judge, seed=asked["seed"])
    figures: Figures = {**run_facts(plan, quick), "taught": {}}
    for file in files:
        figures["taught"][file.stem] = taught_figures(file, data, plan, quick)
    save_figures(asked["out"], figures)
    if asked["write"]:
        write_pages(FIGURES)
    click.echo(f"{asked['out']}: {', '.join(figures['taught'])}")


def taught_figures(file: Path, data: Path, plan: QualityPlan, quick: bool) -> Figures:
    """Teach one category, and measure it and what was known before."""
    name = file.stem
    whole = [rows for split in ("valid", "test") for rows in read_labelled(file, split)[name]]
    known = {each: rows for each, rows in read_labelled(data, "test").items() if rows}
    with TemporaryDirectory(prefix="halfdrawn-taught-") as folder:
        start = time.perf_counter()
        taught = _teach(file, data, plan, Path(folder) / "taught", quick)
        seconds = time.perf_counter() - start
        before = Bundle.open(plan.model)
        others = {each: known[each] for each in before.categories if each in known}
        return {
            "drawings": len(read_labelled(file, "train")[name]),
            "seconds": seconds,
            "judged": judged(Completer(taught), Judge.open(plan.judge), name, whole, plan),
            "routed": {seen: _accuracy(taught, {name: whole}, seen) for seen in SEEN},
            "others": {seen: _accuracy(taught, others, seen) for seen in SEEN},
            "others_before": {seen: _accuracy(before, others, seen) for seen in SEEN},
        }


def _teach(file: Path, data: Path, plan: QualityPlan, out: Path, quick: bool) -> Bundle:
    """Run the command that a person would."""
    words = ["teach", file.stem, file.resolve(), "-m", Bundle.open(plan.model).folder.resolve()]
    words += ["--data", data.resolve(), "--seed", plan.seed, "-o", out]
    words += ["--steps", QUICK_STEPS] if quick else []
    subprocess.run([sys.executable, str(ROOT / "train_or_test.py"), *map(str, words)], check=True)
    return Bundle.open(out)


def judged(
    completer: Completer, judge: Judge, category: str, whole: Sequence[AnyStroke3], plan: QualityPlan
) -> Figures:
    """Return how many prefixes, completions and true sketches the judge recognises; half seen, several variations."""
    usual = TRIALS[USUAL]
    prefixes = cut(whole, usual.fraction)
    made = completer.complete_many(prefixes, usual.options(category, plan.seed, plan.variations))
    completed = [judge.predict([each.sketch.points for each in some]).recognised(category).mean() for some in made]
    prefix = judge.predict([each.points for each in prefixes]).recognised(category)
    true = judge.predict(whole).recognised(category)
    table = np.column_stack([prefix, completed, true])
    columns = {word: bootstrap_of_means([table[:, i]]) for i, word in enumerate(("prefix", "completed", "true"))}
    return {
        **columns,
        "share": bootstrap_of_means([table], _share),
        "gap_closed": bootstrap_of_means([table], gap_closed),
    }


def _share(means: Floats) -> Floats:
    """Return completions recognised over true sketches recognised."""
    shares: Floats = means[..., 0, 1] / np.maximum(means[..., 0, 2], 1e-9)
    return shares


def _accuracy(bundle: Bundle, sketches: dict[str, list[AnyStroke3]], seen: str) -> Estimate:
    """Return the router's accuracy among all that the bundle draws, macro over these categories."""
    router = RouterTest(*bundle.router(), bundle.categories)
    hits = []
    for name, rows in sketches.items():
        logits = router.logits(all_cuts()[seen](rows))[:, router.offered_labels].numpy()
        hits.append((logits.argmax(axis=1) == router.categories.index(name)).astype(np.float64))
    return bootstrap_of_means(hits)


if __name__ == "__main__":
    main()
