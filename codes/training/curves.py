"""A run's log as a picture."""

from __future__ import annotations

from typing import Any

from codes.formats.atomic import atomic_path
from codes.training.runfolder import RunFolder


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
