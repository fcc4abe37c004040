"""``python -m benchmarks.speed``: measures speed and memory, side by side with the usual way, in one run.

A table for people goes to standard error; one JSON object is the last line of standard output.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch

from benchmarks.speed import first_use, memory, sampling, serving, training
from benchmarks.speed.workload import FULL, QUICK, Figures, Workload

Part = Callable[[Workload, Path], Figures]

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

PARTS: dict[str, Part] = {
    "train-vae": training.measure_vae,
    "train-router": training.measure_router,
    "sample": sampling.measure,
    "serve": serving.measure,
    "first-use": first_use.measure,
    "start": serving.measure_startup,
    "exact": training.measure_loss_gap,
    "memory": memory.measure,
}

MEANINGS = {
    "train_vae_ratio": "times as many sketches a second as the usual VAE step",
    "train_vae_sketches_a_second": "sketches a second in a VAE step",
    "train_vae_reference_sketches_a_second": "the same, the usual step",
    "train_vae_peak_share": "of the machine's peak that is useful products of a VAE step",
    "peak_gigaflops": "that peak: a large product of matrices, in 10^9 operations a second",
    "train_router_peak_share": "of that peak that is useful products and convolutions of a router step",
    "train_router_ratio": "times as many sketches a second as the usual router step",
    "train_router_sketches_a_second": "sketches a second in a router step",
    "train_router_reference_sketches_a_second": "the same, the usual step",
    "sample9_ms": "ms for 9 ways to go on for 50 points after 60",
    "sample9_ratio": "times as fast as 9 usual runs",
    "sample_variations_1": "times as long for 1 variation as for 9",
    "sample_variations_100": "times as long for 100 variations as for 9",
    "sample_prefix_120": "times as long after 120 points as after 60",
    "sample_added_100": "times as long for 100 points more as for 50",
    "classify_ms": "ms to classify a sketch of 60 points",
    "first_point_ms": "ms from a sketch of 60 points to the first point drawn",
    "bulk_ratio": "times as many sketches a second completed in one call as one by one",
    "bulk_sketches_a_second": "sketches completed a second in one call",
    "categories_ratio": "times as long for a completion with 345 categories as with 5",
    "open_345_ms": "ms to open a bundle of 345 categories",
    "open_345_first_point_ms": "ms to open it, classify and draw the first point",
    "categories": "categories of the bundle that ships",
    "bundle_mb": "MB on disk, that bundle",
    "open_ms": "ms to open it",
    "first_use_ms": "ms to have a category's decoder ready when it is first used, median of all",
    "first_use_p95_ms": "the same, of 95 in a hundred categories at most",
    "all_used_mb": "MB resident once every category was used",
    "import_ms": "ms to import codes and find codes.load, beyond torch's import",
    "cold_s": "s for a whole command: a sketch completed in 9 ways",
    "loss_gap": "nats a point that training the fast way loses against the plain way, float32",
    "loss_fast": "validation loss after training the fast way",
    "loss_plain": "the same, the plain way",
    "memory_ratio": "times the peak memory on a store of many more sketches",
    "memory_own_ratio": "the same, pages of mapped files left out",
    "memory_few_mb": "MB resident, training on the small store",
    "memory_many_mb": "MB resident, training on the large store",
}


@click.command()
@click.option("--quick", is_flag=True, help="Fewer repeats and smaller stores: a minute or two, rougher figures.")
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="Measure this part only; repeat.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON object and nothing else.")
@click.option("--write", type=click.Path(path_type=Path, exists=True), help="Put the table into this page of the docs.")
def main(quick: bool, parts: tuple[str, ...], as_json: bool, write: Path | None) -> None:
    """Measure speed and memory. Ratios compare two ways in the same run, medians of repeats that take turns.

    \b
    Examples:
      python -m benchmarks.speed
      python -m benchmarks.speed --quick --part sample --part serve
      python -m benchmarks.speed --write docs/performance.md
    """
    workload = QUICK if quick else FULL
    figures: Figures = {}
    for name in parts or PARTS:
        measured = measure(name, workload)
        figures.update(measured)
        if not as_json:
            click.echo(table(name, measured), err=True)
    if write:
        write_figures(write, caption(quick), figures)
    click.echo(json.dumps({**rounded(figures), "quick": quick, "threads": torch.get_num_threads()}))


def caption(quick: bool) -> str:
    """Return how the figures of the docs were made."""
    command = "python -m benchmarks.speed" + (" --quick" if quick else "")
    return f"Made by `{command}`, torch {torch.__version__}, {torch.get_num_threads()} threads."


def measure(name: str, workload: Workload) -> Figures:
    """Measure one part; its files are in a folder that is removed afterwards."""
    with TemporaryDirectory(prefix="halfdrawn-bench-") as folder:
        return PARTS[name](workload, Path(folder))


def table(name: str, figures: Figures) -> str:
    """Return a line for each figure, under the name of its part."""
    return "\n".join([name, *(f"  {_shown(value):>10}  {MEANINGS[each]}" for each, value in figures.items())])


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def rounded(figures: Figures, digits: int = 4) -> Figures:
    """Return the figures with four digits, which are more than any of them is known to."""
    return {name: None if value is None else float(f"{value:.{digits}g}") for name, value in figures.items()}


def write_figures(page: Path, made_by: str, figures: Figures) -> None:
    """Replace the table between the marks of a page that has them; nothing else is touched."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{made_by}\n\n{markdown(figures)}\n{END}{after}")


def markdown(figures: Figures) -> str:
    """Return a table with a line for each figure."""
    head = ["| figure | | what it is |", "|---|---|---|"]
    shown = {name: "not measured" if value is None else f"{value:.3g}" for name, value in figures.items()}
    return "\n".join([*head, *(f"| `{name}` | {shown[name]} | {MEANINGS[name]} |" for name in figures)])


if __name__ == "__main__":
    main()
