"""``python -m benchmarks.docs categories``: makes docs/categories.html, a page of every category that can be sorted.

It is made of the figures in docs/figures, holds everything that it shows, and loads nothing. The text around the table,
its style and its script are in ``category_page.html``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import click

from benchmarks import FIGURES, ROOT
from benchmarks.commands import Command
from benchmarks.quality.examples import SIDE
from benchmarks.quality.figures import Figures, read_figures
from benchmarks.quality.headline import WORST_RULE, worst_categories
from benchmarks.quality.joins import JOINS
from benchmarks.quality.trials import HEADLINE, ONE, ROUTED, USUAL
from codes.errors import BadOption
from codes.formats.files import atomic_path
from codes.strokes.layout import ADDED_COLOUR, OWN_COLOUR

PAGE = ROOT / "docs" / "categories.html"
TEMPLATE = Path(__file__).with_name("category_page.html")
GROUPS = {
    "Router right, %": ("25", "50", "75", "100", "50, first 3"),
    "Recognised by the judge, %": ("half", "one", "given", "routed", "true"),
    "Gap, %": ("closed",),
    "On ink, people / ours, %": ("begin", "end", "close"),
    "Over people's": ("points", "from nothing"),
}
NAMES = ("best", "median", "worst")


@dataclass(frozen=True)
class Value:
    """Hold what a cell shows, and the number by which its column is sorted; None is sorted last."""

    text: str
    number: float | None


@click.command(cls=Command)
@click.option("--figures", type=click.Path(path_type=Path), default=FIGURES, help="Folder of the JSON.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=PAGE, help="The page.")
def main(figures: Path, out: Path) -> None:
    """Make the page of all categories again from the figures."""
    if not write_category_page(figures, out):
        raise BadOption(f"{figures} has no figures of headline and router, which python -m benchmarks.quality measures")
    click.echo(f"{out}: {out.stat().st_size / 1000:.0f} kB")


def write_category_page(folder: Path, page: Path = PAGE) -> bool:
    """Write the page, whole or not at all; return false if the folder has not all figures that it needs."""
    if not all((folder / name).exists() for name in ("quality.json", "pictures.json")):
        return False
    figures, pictures = read_figures(folder / "quality.json"), read_figures(folder / "pictures.json")
    if "by_category" not in figures.get("headline", {}) or "routing" not in figures:
        return False
    with atomic_path(page) as temporary:
        temporary.write_text(category_page(figures, pictures), encoding="utf-8")
    return True


def category_page(figures: Figures, pictures: Figures) -> str:
    """Return the page as HTML."""
    headline = figures["headline"]
    rows = sorted(zip(headline["categories"], category_values(figures), strict=True), key=lambda row: row[0].lower())
    parts = {
        "own colour": OWN_COLOUR,
        "added colour": ADDED_COLOUR,
        "facts": (
            f"{len(headline['categories'])} categories, of each at most {headline['counts']['many']} half sketches of "
            f"split test. Bundle {headline['bundle'][:12]}, judge {headline['judge']['sha256'][:12]}"
            f"{', few sketches: rough figures' if headline['quick'] else ''}."
        ),
        "rule": WORST_RULE,
        "worst": "".join(_worst(headline, i) for i in worst_categories(headline)),
        "groups": "".join(f'<th colspan="{len(names)}" scope="colgroup">{name}</th>' for name, names in GROUPS.items()),
        "columns": "".join(_head(name) for names in GROUPS.values() for name in names),
        "rows": "\n".join(_row(name, values, pictures.get(name, [])) for name, values in rows),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"/* {name} */", part).replace(f"<!-- {name} -->", part)
    return text


def category_values(figures: Figures) -> list[list[Value]]:
    """Return for each category of the headline its values, one for each column of :data:`GROUPS`."""
    headline, recognised = figures["headline"], figures["routing"]["own"]
    each, trials = headline["by_category"], [name for name in HEADLINE if name in headline]
    ours = 1 + trials.index(USUAL)
    ratios = headline.get("from_nothing", {}).get("by_category", [None] * len(headline["categories"]))
    return [
        [
            *(_percent(recognised[cut]["by_category"].get(name)) for cut in ("25%", "50%", "75%", "100%")),
            _percent(recognised["50%"]["by_category_top3"].get(name)),
            *(_percent(each[column][i]) for column in ("prefix", ONE, USUAL, ROUTED, "true")),
            _percent(each["gap_closed"][i]),
            *(_pair(headline["joins"][join]["by_category"][i][0], headline["joins"][join]["by_category"][i][ours])
              for join in JOINS),
            _ratio(each["length_ratio"][i]),
            _ratio(ratios[i]),
        ]
        for i, name in enumerate(headline["categories"])
    ]  # fmt: skip


def _percent(share: float | None) -> Value:
    return Value("–" if share is None else f"{100 * share:.0f}", share)


def _ratio(ratio: float | None) -> Value:
    return Value("–" if ratio is None else f"{ratio:.2f}", ratio)


def _pair(people: float, ours: float) -> Value:
    """Return two shares; what counts is how far they are from each other."""
    return Value(f"{100 * people:.0f} / {100 * ours:.0f}", abs(ours - people))


def _worst(headline: Figures, number: int) -> str:
    name, each = headline["categories"][number], headline["by_category"]
    shares = [f"{100 * each[column][number]:.0f}" for column in (ROUTED, USUAL, "true")]
    return f'<li><a href="#{_anchor(name)}">{escape(name)}</a> {" / ".join(shares)}</li>'


def _anchor(name: str) -> str:
    return escape(name.replace(" ", "-"))


def _head(name: str) -> str:
    return f'<th scope="col"><button type="button">{name}</button></th>'


def _row(name: str, values: Sequence[Value], drawings: Sequence[Figures]) -> str:
    cells = "".join(
        f"<td>{each.text}</td>" if each.number is None else f'<td data-value="{each.number:.4g}">{each.text}</td>'
        for each in values
    )
    shown = "".join(_drawing(each, word) for each, word in zip(drawings, NAMES, strict=False))
    return f'<tr id="{_anchor(name)}"><th scope="row">{escape(name)}</th><td>{shown}</td>{cells}</tr>'


def _drawing(drawing: Figures, word: str) -> str:
    label = f"{word}, {100 * drawing['probability']:.0f} %"
    return (
        f'<svg viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{label}"><title>{label}</title>'
        f'<path d="{drawing["own"]}"/><path class="added" d="{drawing["added"]}"/></svg>'
    )
