"""A confusion table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codes.formats.atomic import atomic_path


def draw_confusion(path: Path, table: NDArray[np.int64], categories: Sequence[str]) -> None:
    """Shares of each row's sketches as shades, with their percentages; written as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    side = 2.5 + 0.42 * len(categories)
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(categories)), categories, rotation=90)
    axes.set_yticks(range(len(categories)), categories)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    for i, j in zip(*np.nonzero(shares >= 0.01), strict=True):
        colour = "white" if shares[i, j] > 0.5 else "#1f2933"
        axes.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", color=colour, fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
