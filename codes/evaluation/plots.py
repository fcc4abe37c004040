"""Tables and curves as pictures.

A run's log as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codes.evaluation.bootstrap import RiskCurve
from codes.formats.files import atomic_path
from codes.training.run_folder import RunFolder


@contextmanager
def _axes(path: Path, size: tuple[float, float]) -> Iterator[Any]:
    """Empty axes, written as PNG when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure.subplots()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)


def draw_confusion(path: Path, table: NDArray[np.int64], categories: Sequence[str]) -> None:
    """Shares of each row's sketches as shades, with their percentages; written as PNG."""
    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    side = 2.5 + 0.42 * len(categories)
    with _axes(path, (side, side)) as axes:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(categories)), categories, rotation=90)
        axes.set_yticks(range(len(categories)), categories)
        axes.set_xlabel("taken for")
        axes.set_ylabel("is")
        for i, j in zip(*np.nonzero(shares >= 0.01), strict=True):
            colour = "white" if shares[i, j] > 0.5 else "#1f2933"
            axes.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", color=colour, fontsize=8)


def draw_risk(path: Path, curves: Mapping[str, RiskCurve]) -> None:
    """Share of wrong answers by the share of sketches answered, the surest first; written as PNG."""
    with _axes(path, (7.6, 4.2)) as axes:
        for name, curve in curves.items():
            axes.plot(curve.coverage, curve.risk, label=f"{name} seen, area {curve.area:.3f}")
        axes.set_xlabel("share of sketches answered, the surest first")
        axes.set_ylabel("share of answers that are wrong")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, None)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def draw_curves(run: RunFolder) -> None:
    """Write ``curves.png``: a panel for each measure, training and validation over the steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = run.log()
    names = sorted({name.partition("/")[2] for row in rows for name in row if "/" in name})
    if not names:
        return
    figure = Figure(figsize=(3.6 * len(names), 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for part, colour in (("train", "#9aa5b1"), ("valid", "#0b69a3")):
            axes.plot(*_series(rows, f"{part}/{name}"), color=colour, label=part, marker=".")
        axes.set_title(name)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False)
    with atomic_path(run.path / "curves.png") as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _series(rows: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    found = [row for row in rows if name in row]
    return [row["step"] for row in found], [row[name] for row in found]
