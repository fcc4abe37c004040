"""``train_or_test.py data``: import, export, look at, download and make sketches.

Knows files, tables and the official form; what a store is and how sketches are divided is :mod:`codes.data`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from codes.cli.common import AS_JSON, PATH, STORE, ErrorHandlingGroup, option, print_json, refuse
from codes.cli.next_steps import after_import, say_next
from codes.cli.output import check_overwritten
from codes.data.download import OFFICIAL, DownloadKind, DownloadResult, RemoteFile, download
from codes.data.importing import ImportRules, find_refusal_sources, find_sources, import_sketches
from codes.data.inspect import (
    CategorySummary,
    SplitsByName,
    chosen_split,
    open_splits,
    rows_per_sketch,
    sample_sketches,
    summarise,
    write_histogram,
)
from codes.data.negatives import synthetic_negatives
from codes.data.quickdraw import ATTRIBUTION, NONE_OF_THESE, categories
from codes.data.store import Store
from codes.data.store_writer import check_destination
from codes.errors import BadOption
from codes.formats.npz import SPLITS, write_splits
from codes.formats.registry import write_sheet
from codes.strokes.sheet import contact_sheet
from codes.vocabulary import resolve, same_name

SEED = option("--seed", type=int, default=0, show_default=True, section="Data", help="Same seed, same result.")
OUT_NPZ = option("-o", "--out", type=PATH, required=True, section="Output", help="The .npz file to write.")


@click.group(cls=ErrorHandlingGroup)
def data() -> None:
    """Get sketches, make packed stores of them, and see what is in them."""


@data.command("import")
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE_OR_FOLDER...")
@option("--category", section="Data", help="What all sketches show; by default each file says so itself.")
@option("--other", type=PATH, metavar="FOLDER", section="Data",
        help=f'Files for the extra category "{NONE_OF_THESE}"; see above.')  # fmt: skip
@option("--split", "shares", type=float, nargs=3, default=(0.8, 0.1, 0.1), show_default=True, section="Data",
        help="Shares of train, valid and test, for sketches without a split of their own.")  # fmt: skip
@option("--longest", type=int, section="Data", help="Leave out sketches of more rows than this.")
@SEED
@option("-o", "--out", "folder", type=PATH, required=True, section="Output", help="Folder of the new store.")
@option("--force", is_flag=True, section="Output", help="Replace a store of that name.")
@AS_JSON
@click.pass_context
def import_(ctx: click.Context, /, files: tuple[Path, ...], folder: Path, as_json: bool, **options: Any) -> None:
    """Make a packed store, which training reads, of FILES: .npz, .ndjson, .svg, .json, or folders of them.

    An official .npz keeps its own train, valid and test, and its category is its name. An .ndjson says its category in
    each line; .svg and .json without one show what their folder is called. Freehand sketches in
    these are simplified as Quick, Draw! does; all are divided by --split and --seed.

    --other teaches a router to refuse: sketches of FOLDER become one more category, "none of these". It takes a file
    only if the SHA-256 of its category's name is even as a number, and never "hand" or "spider". The other half of the
    names only ever tests refusal, so that refusal is measured on categories that no model has seen.

    \b
    Examples:
      train_or_test.py data import datasets/quickdraw/{cat,sun,crab}.npz -o datasets/three
      train_or_test.py data import datasets/quickdraw --other datasets/rare -o datasets/all
      train_or_test.py data import drawings/snail -o datasets/snail --category snail --split 0.7 0.2 0.1
    """
    rules = ImportRules(options["shares"], options["seed"], options["longest"])
    check_destination(folder, replace=options["force"])
    sources = find_sources(files, options["category"])
    if options["other"] is not None:
        sources += find_refusal_sources(options["other"], excluded=[source.category for source in sources])
    if all(source.path.suffix.lower() == ".npz" for source in sources):
        refuse(ctx, ("shares", "seed"), "for .npz files, which have splits of their own")
    imported = import_sketches(folder, sources, rules, replace=options["force"])
    if as_json:
        print_json({"store": str(folder), "counts": imported.counts, "left_out": imported.left_out})
        return
    click.echo(f"{folder}: {_import_line(imported.counts)}.")
    if imported.left_out:
        click.echo(f"Left out as longer than {rules.longest} rows: {imported.left_out}.")
    for name in ("train", "valid"):
        if empty := [category for category, counts in imported.counts.items() if not counts[name]]:
            click.echo(f"Cannot be trained, as there are none in {name}: {', '.join(empty)}.")
    say_next(after_import(folder, files, list(imported.counts)))


def _import_line(counts: dict[str, dict[str, int]]) -> str:
    names = f"{len(counts)} categories" if len(counts) > 1 else next(iter(counts))
    totals = [f"{sum(each[split] for each in counts.values())} {split}" for split in SPLITS]
    return f"{names}; {', '.join(totals)}"


@data.command()
@STORE
@option("--category", required=True, section="Data", help="Which category of the store.")
@OUT_NPZ
def export(store: Path, out: Path, category: str) -> None:
    """Write one category of STORE in the official form: an .npz of train, valid and test.

    \b
    Example:
      train_or_test.py data export datasets/three --category cat -o cat.npz
    """
    _check_npz(out)
    opened = Store(store)
    category = resolve(category, opened.categories)
    splits = {name: list(opened.split(name).only(category).sketches()) for name in opened.splits}
    write_splits(out, {name: splits.get(name, []) for name in SPLITS})
    click.echo(f"{out}: {', '.join(f'{len(sketches)} {name}' for name, sketches in splits.items())}.")


def _check_npz(out: Path) -> None:
    if out.suffix.lower() != ".npz":
        raise BadOption(f"{out}: the official form is an .npz file, so its name ends in .npz")


@data.command("nonsense")
@option("-n", "--count", type=click.IntRange(10), default=2400, show_default=True, section="Data",
        help="Drawings in all.")  # fmt: skip
@SEED
@OUT_NPZ
def negatives(out: Path, count: int, seed: int) -> None:
    """Make drawings of nothing: scribbles, dots, letters, tangles, figures. They teach a router what to refuse.

    Put the file into the folder that "data import --other" reads, under a name that may teach refusal; "nonsense" may.

    \b
    Example:
      train_or_test.py data nonsense -o datasets/rare/nonsense.npz
    """
    _check_npz(out)
    drawn = synthetic_negatives(count, seed)
    tenth = count // 10
    write_splits(out, {"train": drawn[2 * tenth :], "valid": drawn[:tenth], "test": drawn[tenth : 2 * tenth]})
    click.echo(f"{out}: {count - 2 * tenth} train, {tenth} valid, {tenth} test.")


@data.command()
@click.argument("source", type=PATH, metavar="STORE_OR_FILE")
@option("--split", section="Data",
        help="Train, valid or test; by default all in the table, the first one in pictures.")  # fmt: skip
@option("--category", section="Data", help="This category only.")
@option("-o", "--out", type=PATH, section="Pictures", help="Draw sketches picked at random on a sheet: .png or .svg.")
@option("-n", "--count", type=int, default=64, show_default=True, section="Pictures", help="Sketches on the sheet.")
@option("--seed", type=int, default=0, show_default=True, section="Pictures", help="Same seed, same sketches.")
@option("--lengths", type=PATH, section="Pictures", help="Draw a histogram of rows per sketch: .png, .svg or .pdf.")
@AS_JSON
@click.pass_context
def look(ctx: click.Context, /, source: Path, split: str | None, category: str | None, **options: Any) -> None:
    """See what is in a store or in a file: a table, a sheet of sketches, or a histogram of their lengths.

    \b
    Examples:
      train_or_test.py data look datasets/three
      train_or_test.py data look datasets/three --category cat -n 100 -o cats.png
      train_or_test.py data look datasets/quickdraw/cat.npz --split test --lengths lengths.png
    """
    if options["out"] is None:
        refuse(ctx, ("count", "seed"), "without --out, which draws a sheet")
    for path in (options["out"], options["lengths"]):
        if path is not None:
            check_overwritten(path, [source])
    splits = open_splits(source, category)
    if split is not None:
        splits = dict([chosen_split(splits, split, source)])
    written = _write_pictures(source, splits, category, options)
    lines = summarise(splits) if options["as_json"] or not written else []
    if options["as_json"]:
        print_json({"categories": [line.to_dict() for line in lines], "files": [str(path) for path in written]})
        return
    for line in [*map(str, written), *(_table(lines) if lines else [])]:
        click.echo(line)


def _write_pictures(source: Path, splits: SplitsByName, category: str | None, options: dict[str, Any]) -> list[Path]:
    """Write the sheet and the histogram that were asked for, and return their files."""
    sheet, histogram = options["out"], options["lengths"]
    if sheet is not None and sheet.suffix.lower() not in (".png", ".svg"):
        raise BadOption(f"{sheet}: a sheet is a .png or .svg file")
    if sheet is not None or histogram is not None:
        name, split = chosen_split(splits, None, source)
        title = f"{category or source.name}, {name}"
    if sheet is not None:
        write_sheet(sheet, contact_sheet(sample_sketches(split, options["count"], options["seed"]), title))
    if histogram is not None:
        write_histogram(histogram, rows_per_sketch(split), title)
    return [path for path in (sheet, histogram) if path is not None]


def _table(lines: list[CategorySummary]) -> list[str]:
    """Return the table as lines of text, each column as wide as it needs to be."""
    counted = list(lines[0].counts)
    heads = ["category", *counted, "mean rows", "median", "95 %", "longest"]
    rows = [heads]
    for line in lines:
        numbers = [line.counts[name] for name in counted]
        lengths = [f"{line.mean:.1f}", f"{line.median:g}", f"{line.most:g}", str(line.longest)]
        rows.append([line.category, *map(str, numbers), *lengths])
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]) for row in rows]


@data.command("download")
@click.argument("names", nargs=-1, metavar="CATEGORY...")
@option("--all", "everything", is_flag=True, section="Data", help="All 345 categories, some 10 GB.")
@option("--kind", type=click.Choice(get_args(DownloadKind)), default=RemoteFile.kind, show_default=True, section="Data",
        help="An .npz file of at most 75 000 sketches, or an .ndjson file of all (simplified).")  # fmt: skip
@option("--full", is_flag=True, section="Data", help="All sketches, as .full.npz.")
@option("--base-url", default=OFFICIAL, hidden=True, help="Another place that has these files.")
@option("-o", "--out", "folder", type=PATH, default=Path("datasets/quickdraw"), show_default=True, section="Output",
        help="Folder of the files.")  # fmt: skip
@AS_JSON
def download_(names: tuple[str, ...], everything: bool, folder: Path, as_json: bool, **options: Any) -> None:
    """Fetch the official files of each CATEGORY of Quick, Draw! from Google.

    Files that are there already are skipped, and one that was interrupted goes on where it stopped. The drawings are
    Google's, under CC BY 4.0: if you pass them on, or anything made of them, say so.

    \b
    Examples:
      train_or_test.py data download cat sun "alarm clock"
      train_or_test.py data download cat --kind simplified -o datasets/simplified
      train_or_test.py data download --all
    """
    if bool(names) == everything:
        raise BadOption("name the categories to download, or give --all")
    kind = (options["kind"], options["full"], options["base_url"])
    remotes = [RemoteFile(name, *kind) for name in (categories() if everything else map(_official, names))]
    results = []
    for remote in remotes:
        results.append(download(remote, folder))
        if not as_json:
            click.echo(_download_line(results[-1]))
    if as_json:
        print_json({"files": [_download_record(result) for result in results], "attribution": ATTRIBUTION})
    else:
        click.echo(ATTRIBUTION)


def _official(name: str) -> str:
    """Return the official spelling of a category, or the name itself if there is none."""
    return same_name(name, categories()) or name


def _download_line(result: DownloadResult) -> str:
    return f"{result.path}: {result.size / 1e6:.1f} MB{'' if result.fetched else ', there already'}"


def _download_record(result: DownloadResult) -> dict[str, Any]:
    return {"path": str(result.path), "bytes": result.size, "fetched": result.fetched}
