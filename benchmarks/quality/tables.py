"""``python -m benchmarks.docs tables``: makes the tables that tell of quality from the figures in docs/figures.

Each table stands between a pair of marks that names it; the text around the marks is left alone. A table whose figures
have not been measured stays as it is. Values in brackets are 95 % intervals.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import FIGURES, ROOT
from benchmarks.commands import Command
from benchmarks.quality.choices import CORE, EARLIER_FIVE, FIVE
from benchmarks.quality.distances import MIN_GAP
from benchmarks.quality.figures import Figures, read_figures, worst_gap
from benchmarks.quality.headline import WORST_RULE, worst_categories
from benchmarks.quality.routing import NEVER_SEEN
from benchmarks.quality.trials import HEADLINE, ROUTED, USUAL
from codes.vocabulary import FEW_CATEGORIES

PAGES = (
    ROOT / "docs" / "results.md",
    ROOT / "README.md",
    ROOT / "examples" / "models" / "starter" / "README.md",
)
PUBLISHED = ("bicycle", "ant", "ambulance", "monkey")  # Magenta has published decoders of these
WIDTH = 120  # columns of a page
CUTS = ("U50", "10%", "25%", "50%", "75%", "100%", "10% of strokes", "30% of strokes", "50% of strokes")

JOIN_WORDS = {
    "begins": "begin on ink (within 6 of 255 px)",
    "ends": "end on ink",
    "closes": "close (their two ends within 6 px)",
}
CLASSIFIER_WORDS = {
    "pictures": "told from people's by a raster network, AUROC",
    "lines": "told from people's by trees over lines, AUROC",
}
ROW_WORDS = {
    "moved": "pixel nats a point, what moves",
    "jumps": "of offsets after a pen-up",
    "stroke_ends": "of offsets that end a stroke",
}
CHOICE_WORDS = {
    "core": f"the {len(CORE)} categories of the first bundle alone",
    "five": f"{', '.join(FIVE)} alone",
    "earlier five": f"{', '.join(EARLIER_FIVE)} alone, the five of an earlier system",
    "everything": "all it learned, with or without a decoder",
}
HEADLINE_WORDS = {
    "50%": "24 candidates, given",
    "canvas": "canvas, given",
    "best of 1": "one, given",
    "50%, routed": "24, routed",
    "50%, routed, canvas": "canvas, routed",
    "50%, routed, best of 1": "one, routed",
}

# The files of figures, and under which key a table finds each; those of the bundle stand side by side.
FILES = {"quality.json": "", "taught.json": "taught", "judge.json": "judge training", "unseen.json": "unseen"}

Section = Callable[[Figures], str]


@click.command(cls=Command)
@click.option("--figures", type=click.Path(path_type=Path), default=FIGURES, help="Folder of the JSON.")
@click.option("--page", "pages", type=click.Path(path_type=Path), multiple=True, help="What to write them into.")
def main(figures: Path, pages: tuple[Path, ...]) -> None:
    """Make the tables of the pages again from the figures; by default of all pages that have some."""
    write_pages(figures, pages or PAGES)
    click.echo(f"{', '.join(str(page) for page in pages or PAGES)}: {len(sections(figures))} tables")


def write_pages(figures: Path, pages: Iterable[Path] = PAGES) -> None:
    """Put every table that the folder has figures for between its marks on the pages that have these marks."""
    for page in pages:
        page.write_text(fill_page(page.read_text(), sections(figures)))


def fill_page(text: str, tables: dict[str, str]) -> str:
    """Replace what stands between the marks of these tables; a table without marks is left out."""
    for name, made in tables.items():
        before, mark, rest = text.partition(begin(name))
        _, last, after = rest.partition(end(name))
        text = f"{before}{mark}\n{wrap(made)}\n{last}{after}" if last else text
    return text


def wrap(text: str) -> str:
    """Return a text with its paragraphs wrapped at the width of the docs; rows of tables stay lines."""
    lines = (
        line if line.startswith("|") else textwrap.fill(line, WIDTH, break_on_hyphens=False, break_long_words=False)
        for line in text.split("\n")
    )
    return "\n".join(lines)


def begin(name: str) -> str:
    """Return the mark above a table."""
    return f"<!-- measured: {name} -->"


def end(name: str) -> str:
    """Return the mark below a table."""
    return f"<!-- end: {name} -->"


def sections(folder: Path) -> dict[str, str]:
    """Make every table that the figures in this folder are enough for.

    Raises:
        BadFile: a file there holds no figures.
    """
    figures: Figures = {}
    for file, key in FILES.items():
        if (folder / file).exists():
            read = read_figures(folder / file)
            figures |= {key: read} if key else read
    return {
        name: section(figures)
        for name, (section, needs) in SECTIONS.items()
        if all(_has(figures, need) for need in needs)
    }


def _has(figures: Figures, path: str) -> bool:
    """Return true if a path of keys, with slashes between, leads to figures."""
    first, _, rest = path.partition("/")
    return first in figures and (not rest or _has(figures[first], rest))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def share(figure: Any) -> str:
    """Return a share and its interval, in per cent."""
    return f"{figure['value']:.1%} ({100 * figure['low']:.1f}-{100 * figure['high']:.1f})"


def number(figure: Any, digits: int = 2) -> str:
    """Return a number and its interval."""
    return f"{figure['value']:.{digits}f} ({figure['low']:.{digits}f}-{figure['high']:.{digits}f})"


def pair(value: float, interval: Sequence[float]) -> str:
    """Return a share whose interval is kept beside it."""
    return share({"value": value, "low": interval[0], "high": interval[1]})


def measured(figures: Figures) -> str:
    """Return a sentence about what the tables were measured on."""
    counts, names = figures["counts"], list(figures["nats"])
    listed = f" ({', '.join(names)})" if len(names) <= FEW_CATEGORIES else ""
    return (
        f"{len(names)} categories{listed}, seed {figures['seed']}; of each at most {counts['many']} test sketches "
        f"half seen, {counts['few']} in every other way, {counts['varied']} in {counts['variations']} variations. "
        f"{_identity(figures)}"
    )


def _identity(figures: Figures) -> str:
    """Return which bundle and judge were measured, and whether roughly."""
    bundle, judge = figures["bundle"][:12], figures["judge"]["sha256"][:12]
    hashes = "SHA-256 of `bundle.json` and of the judge's weights"
    return f"Bundle `{bundle}`, judge `{judge}` ({hashes}).{_rough(figures)}"


def _bundle(figures: Figures) -> str:
    """Return which bundle was measured without a judge, and whether roughly."""
    return f"Bundle `{figures['bundle'][:12]}` (SHA-256 of `bundle.json`).{_rough(figures)}"


def _rough(figures: Figures) -> str:
    return " **Few sketches (`--quick`): rough figures.**" if figures["quick"] else ""


def headline(figures: Figures) -> str:
    """Return the first figures that a reader wants to know."""
    routing = figures["routing"]
    own = routing["own"]
    rows = [["right category, U50 (a uniform 0 to 50 % of the points cut off), macro", _macro(own, "U50")]]
    for name in ("five", "core"):
        if name in routing:
            rows.append([f"the same, asked about {CHOICE_WORDS[name]}", _macro(routing[name], "U50")])
    rows.append(["right category at 25 / 50 / 75 / 100 % of points, macro", _macro(own, "25%", "50%", "75%", "100%")])
    if "macro_top3" in own["50%"]:
        seen = [f"{own[cut]['macro_top3']:.1%}" for cut in ("25%", "50%", "75%", "100%")]
        rows.append(["right category among the first three, the same", " / ".join(seen)])
    if NEVER_SEEN in routing["refusal"]:
        rows.append(["told from categories never seen, AUROC at 50 / 100 %", _auroc(routing["refusal"][NEVER_SEEN])])
    if "unseen" in figures:
        one = figures["unseen"]
        words = (
            f"{len(one['unseen'])} categories told from others by a router trained without them, AUROC at 50 / 100 %"
        )
        rows.append([words, _auroc(one["refusal"])])
    return f"{table(['', ''], rows)}\n\n{recognised(figures)}"


def _macro(recognised: Figures, *cuts: str) -> str:
    return " / ".join(f"{recognised[cut]['macro']:.1%}" for cut in cuts)


def _auroc(refusal: Figures) -> str:
    return " / ".join(f"{refusal[cut]['auroc']:.3f}" for cut in ("50%", "100%"))


def recognised(figures: Figures) -> str:
    """Return what the judge recognises: the category given and as routed, of 24 candidates and of one."""
    one = figures["headline"]
    rows = [
        ["half sketches, nothing added", share(one["prefix"]), share(one["prefix"])],
        ["completed, the category given", share(one["50%"]), share(one["best of 1"])],
        ["completed, the category as routed", share(one["50%, routed"]), share(one["50%, routed, best of 1"])],
        ["true sketches", share(one["true"]), share(one["true"])],
    ]
    head = ["recognised by an independent judge", "the best of up to 24 candidates", "one candidate"]
    return (
        f"{table(head, rows)}\n\n{endings(one)}\n\n"
        f"{one['true']['count']} test sketches of {len(one['categories'])} categories, half of the points seen, macro. "
        f"As routed means as the likeliest category, also where the router would refuse. The live page draws the first "
        f"stroke once and the rest eight times, and keeps the best: it lies between the two columns. {_identity(one)}"
    )


def endings(headline: Figures) -> str:
    """Return what tells completions from people's endings of the same prefixes, and drawings from nothing."""
    rows, trials = [], [name for name in HEADLINE if name in headline]
    for name, one in headline["joins"].items():
        rows.append([JOIN_WORDS[name], *(f"{one[who]['value']:.1%}" for who in ("people", *trials))])
        values = [one["chance"], *(one["difference"][trial] for trial in trials)]
        rows.append(["- difference to people, mean of absolutes by category", *(f"{value:.3f}" for value in values)])
        gaps = [one["wasserstein"][trial] for trial in trials]
        cells = ["-" if gap is None else f"{gap:.1f}" for gap in gaps]
        rows.append(["- Wasserstein distance of the gaps by category, mean, px", "", *cells])
    for name, each in headline["told_apart"].items():
        rows.append([CLASSIFIER_WORDS[name], "", *(number(each[trial]["all"]) for trial in trials)])
    lengths = headline["length_ratio"]
    rows.append(["points added over people's, median", "", *(number(lengths[trial]) for trial in trials)])
    head = [
        "endings of the same prefixes",
        "people (a difference: by chance)",
        *(HEADLINE_WORDS[trial] for trial in trials),
    ]
    return "\n\n".join([table(head, rows), *of_categories(headline), *from_nothing(headline)])


def of_categories(headline: Figures) -> list[str]:
    """Return sentences about how categories differ, if their figures were kept."""
    if "by_category" not in headline:
        return []
    each = headline["by_category"]
    gaps = sorted(gap for gap in each["gap_closed"] if gap is not None)
    length = np.median(each["length_ratio"])
    sentences = [f"With 24 candidates, the category given, the median category adds {length:.2f} of people's points."]
    tenth = f", and {gaps[9]:.0%} in the tenth worst category" if len(gaps) >= 10 else ""
    if gaps:
        sentences.append(
            f"In {len(gaps)} categories true sketches are recognised at least {100 * MIN_GAP:.0f} points more often "
            f"than prefixes; of this gap completions close {np.mean(gaps):.0%} on the mean{tenth}."
        )
    return [" ".join(sentences)]


def from_nothing(headline: Figures) -> list[str]:
    """Return a sentence about drawings without a prefix, if some were made."""
    if "from_nothing" not in headline:
        return []
    one = headline["from_nothing"]
    by_category = dict(zip(headline["categories"], one["by_category"], strict=True))
    worst = min(by_category, key=lambda name: by_category[name])
    return [
        f"Drawn from nothing, {share(one['drawn'])} are recognised, and {share(one['true'])} of true sketches by the "
        f"same judge; the mean of their ratios by category is {one['ratio']:.2f}, the "
        f"lowest {by_category[worst]:.2f} ({worst})."
    ]


def worst(figures: Figures) -> str:
    """Return the worst categories, and where all are."""
    headline = figures["headline"]
    each, names = headline["by_category"], headline["categories"]
    found = worst_categories(headline)
    rows = [[names[i], *(f"{each[column][i]:.0%}" for column in (ROUTED, USUAL, "true"))] for i in found]
    head = ["recognised by the judge", "completed, as routed", "completed, the category given", "true sketches"]
    return (
        f"[categories.html](categories.html) has all {len(names)} categories, with the best, the median and the worst "
        f"completion of each as pictures; in a browser it can be sorted. The worst {len(found)} are below. "
        f"{WORST_RULE}\n\n"
        f"{table(head, rows)}"
    )


def row_nats(figures: Figures) -> str:
    """Return what the rows after half a sketch cost the decoder."""
    rows = [[ROW_WORDS[name], number(one["macro"])] for name, one in figures["headline"]["row_nats"].items()]
    return table(["rows after half a sketch, the category given", "mean over categories"], rows)


def limits(figures: Figures) -> str:
    """Return what the router cannot do."""
    own, refusal = figures["routing"]["own"], figures["routing"]["refusal"]
    items = [
        f"- Many categories' sketches look alike at the beginning: at 25 % of the points it is right "
        f"{own['25%']['macro']:.0%} of the time, at 10 % {own['10%']['macro']:.0%}."
    ]
    if NEVER_SEEN in refusal:
        accepted = refusal[NEVER_SEEN]["100%"]["accepted_unknown"]
        items.append(f"- Of whole sketches of categories it never saw it accepts {accepted:.0%} as something it knows.")
    if "unseen" in figures:
        alarms = figures["unseen"]["refusal"]["100%"]["false_alarms"]
        items.append(
            f"- A router trained without some categories accepts {alarms:.0%} of their whole sketches where it accepts "
            f"95 % of those that it knows."
        )
    return "\n".join(items)


def recognition(figures: Figures) -> str:
    """Return the router's figures by how much was seen."""
    routing = figures["routing"]
    made = recognition_table(routing["own"])
    return f"{made}\n\n{_bundle(routing)}" if "bundle" in routing else made


def other_choices(figures: Figures) -> str:
    """Return the same router's figures among fewer or more categories than the bundle draws."""
    routing = figures["routing"]
    parts = [
        f"Asked about {words} ({_count(routing[name])} sketches):\n\n{recognition_table(routing[name])}"
        for name, words in CHOICE_WORDS.items()
        if name in routing
    ]
    return "\n\n".join(parts) or "The bundle knows none of the other sets of categories."


def _count(recognised: Figures) -> int:
    return int(recognised["U50"]["count"])


def recognition_table(recognised: Figures) -> str:
    """Return accuracy and the rest, a column for each way of cutting sketches that was measured."""
    cuts = [name for name in CUTS if name in recognised]
    each = [recognised[name] for name in cuts]
    top3 = [pair(one["macro_top3"], one["macro_top3_95"]) for one in each if "macro_top3" in one]
    rows = [
        ["accuracy, macro", *(pair(one["macro"], one["macro_95"]) for one in each)],
        *([["among the first three, macro", *top3]] if top3 else []),
        ["accuracy, micro", *(pair(one["micro"], one["micro_95"]) for one in each)],
        ["expected calibration error", *(f"{one['calibration_error']:.3f}" for one in each)],
        ["accepted as known or unsure", *(f"{one['accepted']:.1%}" for one in each)],
        ["wrong, area over coverage", *(f"{one['risk_area']:.3f}" for one in each)],
        ["wrong among the surest 80 %", *(f"{one['risk_at_80']:.1%}" for one in each)],
    ]
    return table([f"seen ({_count(recognised)} sketches)", *cuts], rows)


def refusal(figures: Figures) -> str:
    """Return how well the known are told from each kind of unknown."""
    return refusal_table(figures["routing"]["refusal"])


def unseen(figures: Figures) -> str:
    """Return how well an evaluation router refuses categories that it never saw."""
    one = figures["unseen"]
    kinds = {f"{len(one['unseen'])} categories never seen": one["refusal"]}
    return (
        f"A router of {one['known']} categories, trained and calibrated without {_names(one['unseen'])}:\n\n"
        f"{refusal_table(kinds)}"
    )


def _names(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def refusal_table(kinds: Figures) -> str:
    """Return a table a measure, with a row for each kind of unknown sketches and a column for each cut."""
    cuts = [name for name in CUTS if any(name in by_cut for by_cut in kinds.values())]
    measures: dict[str, Callable[[Figures], str]] = {
        "AUROC": lambda one: number(_interval(one, "auroc"), 3),
        "false alarms where 95 % of the known are accepted": lambda one: share(_interval(one, "false_alarms")),
        "accepted at the bundle's own threshold": lambda one: f"{one['accepted_unknown']:.1%}",
    }
    parts = []
    for words, shown in measures.items():
        rows = [
            [f"{kind} ({one['unknown']})", *(shown(by_cut[cut]) if cut in by_cut else "" for cut in cuts)]
            for kind, by_cut in kinds.items()
            for one in [next(iter(by_cut.values()))]
        ]
        parts.append(table([words, *cuts], rows))
    return "\n\n".join(parts)


def _interval(figures: Figures, name: str) -> Figures:
    low, high = figures[f"{name}_95"]
    return {"value": figures[name], "low": low, "high": high}


def judge_said(figures: Figures) -> str:
    """Return how many true sketches the judge recognises."""
    macro = figures["judged"]["macro"]
    values = {name: one["value"] for name, one in figures["judged"]["categories"].items()}
    worst = min(values, key=lambda name: values[name])
    return (
        f"Of {len(values)} categories that the bundle draws it recognises {share(macro)} of {macro['count']} true test "
        f"sketches (macro, among all that it learned); fewest of {worst}, {values[worst]:.1%}."
    )


def judge_itself(figures: Figures) -> str:
    """Return how good the judge is at all that it learned."""
    figures = figures["judge training"]
    macro, each = figures["macro"], figures["categories"]
    worst = sorted(each, key=lambda name: float(each[name]["value"]))[:5]
    told = [f"{name} {each[name]['value']:.0%}" for name in worst]
    return (
        f"Trained for {figures['steps']} steps, seed {figures['seed']}: {share(macro)} of {macro['count']} whole test "
        f"sketches of {len(each)} categories, macro. It is worst at "
        f"{', '.join(told)}."
    )


def completions(figures: Figures) -> str:
    """Return how many completions the judge recognises, by how much was seen."""
    done = figures["completions"]
    rows = []
    for name, one in done["fractions"].items():
        mean, worst, least, count = worst_gap(done["categories"], name)
        gaps = [f"{mean:.1%} of {count}", f"{worst} {least:.0%}"] if count else ["-", "-"]
        rows.append([name, *(share(one[key]) for key in ("prefix", "completed", "true", "gap_closed")), *gaps])
    head = ["seen", "prefixes recognised", "completions", "true sketches", "gap closed"]
    lengths = table(
        ["seen", "points added over the person's own, median", "never ended", "added nothing", "sketches"],
        [
            [name, number(one["length_ratio"]), share(one["never_ended"]), share(one["added_nothing"]),
             str(one["prefix"]["count"])]
            for name, one in done["fractions"].items()
        ],
    )  # fmt: skip
    return table([*head, "mean over categories with a gap", "worst category"], rows) + "\n\n" + lengths


def compared(figures: Figures) -> str:
    """Return other ways of completing, each beside the usual one on the same sketches."""
    rows = [
        [
            name,
            *(share(one[key]) for key in ("completed", "gap_closed")),
            f"{100 * one['more_recognised']['value']:+.1f} "
            f"({100 * one['more_recognised']['low']:+.1f} to {100 * one['more_recognised']['high']:+.1f})",
            number(one["length_ratio"]),
            share(one["never_ended"]),
            str(one["completed"]["count"]),
        ]
        for name, one in figures["completions"]["compared"].items()
    ]
    head = ["way", "completions recognised", "gap closed", "points more than the usual way"]
    return table([*head, "length ratio", "never ended", "sketches"], rows)


def variety(figures: Figures) -> str:
    """Return how near to the person's own and how different several completions of a prefix are."""
    one, counts = figures["completions"]["variety"], figures["counts"]
    rows = [
        ["Chamfer distance to what the person drew, mean, pixels", number(one["mean"], 1)],
        [f"the same, best of {counts['variations']}", number(one["best"], 1)],
        ["distance between variations over that between true sketches, in the judge's features", number(one["spread"])],
        [f"categories that the judge sees in {counts['variations']} variations", number(one["kinds"])],
    ]
    return table([f"{one['mean']['count']} prefixes", ""], rows)


def frechet(figures: Figures) -> str:
    """Return Fréchet distances between sets of sketches."""
    one = figures["completions"]["frechet"]
    together, counts = one["together"], one["counts"]
    rows = [
        [f"mean over categories, {min(counts)} to {max(counts)} sketches each", number(one["completed"], 1),
         number(one["true"], 1), number(one["ratio"])],
        [f"all categories together, {together['count']} sketches", f"{together['completed']:.2f}",
         f"{together['true']:.2f}", f"{together['completed'] / together['true']:.2f}"],
    ]  # fmt: skip
    names = [name for name in PUBLISHED if name in one["categories"]]
    if names:
        pairs = zip(*(one["categories"][name] for name in names), strict=True)
        completed, true = (sum(column) / len(names) for column in pairs)
        rows.append([f"mean of {', '.join(names)}", f"{completed:.1f}", f"{true:.1f}", f"{completed / true:.2f}"])
    return table(["Fréchet distance to other true sketches", "completions", "true sketches", "ratio"], rows)


def nats(figures: Figures) -> str:
    """Return nats per point, means over categories."""
    each = list(figures["nats"].values())

    def mean(*keys: str) -> float:
        return float(np.mean([reduce(lambda found, key: found[key], keys, one) for one in each]))

    offset, pen = mean("continuation", "offset"), mean("continuation", "pen")
    rows = [
        ["whole, z from itself", f"{mean('whole', 'total'):.3f}"],
        ["what that z costs (KL divergence)", f"{mean('kl'):.3f}"],
        ["whole, z = 0", f"{mean('without_latent', 'total'):.3f}"],
        ["rest after 50 %, z from the prefix", f"{mean('continuation', 'total'):.3f}"],
        ["- of its offsets / of its pen states", f"{offset:.3f} / {pen:.3f}"],
        ["- in pixel nats", f"{mean('continuation', 'offset_pixels') + pen:.2f}"],
        ["rest after 50 %, z = 0", f"{mean('continuation_zero', 'total'):.3f}"],
    ]
    return table(["nats per point", f"mean over {len(each)} categories"], rows)


def taught(figures: Figures) -> str:
    """Return what became of categories that were taught from a few drawings."""
    rows = []
    for name, one in figures["taught"]["taught"].items():
        said = one["judged"]
        shares = [share(said[key]) for key in ("prefix", "completed", "true", "share")]
        routed = " / ".join(f"{one['routed'][seen]['value']:.0%}" for seen in ("50%", "100%"))
        kept = [f"{one['others'][s]['value']:.1%} ({one['others_before'][s]['value']:.1%})" for s in ("50%", "100%")]
        counts = f"{one['drawings']} / {said['true']['count']}"
        rows.append([name, counts, *shares, routed, *kept, f"{one['seconds']:.0f}"])
    head = [
        "taught",
        "drawings / tested on",
        "judge: prefixes",
        "completions",
        "true sketches",
        "completions over true",
    ]
    kept = ["others, half seen (before)", "others, whole (before)"]
    return table([*head, "router: half / whole", *kept, "seconds"], rows)


# Each table by the name of its marks, and the figures that it needs: paths of keys.
SECTIONS: dict[str, tuple[Section, set[str]]] = {
    "what": (measured, {"completions"}),
    "headline": (headline, {"headline", "routing"}),
    "recognised": (recognised, {"headline"}),
    "by category": (worst, {"headline/by_category"}),
    "row nats": (row_nats, {"headline"}),
    "recognition": (recognition, {"routing"}),
    "choices": (other_choices, {"routing"}),
    "refusal": (refusal, {"routing"}),
    "unseen": (unseen, {"unseen"}),
    "limits": (limits, {"routing"}),
    "judge": (judge_said, {"completions"}),
    "completions": (completions, {"completions"}),
    "compared": (compared, {"completions"}),
    "variety": (variety, {"completions"}),
    "frechet": (frechet, {"completions"}),
    "nats": (nats, {"completions"}),
    "taught": (taught, {"taught"}),
    "judge itself": (judge_itself, {"judge training"}),
}
