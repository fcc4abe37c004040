"""``python -m benchmarks.quality.unseen``: how well a router refuses categories that it never saw.

A bundle of every category has none left to be refused, so this is measured on an *evaluation router*: one that was
trained by the same commands on a store without some categories. ``--names`` prints those to leave out. It is calibrated
on split ``valid`` of its store, as bundling does, and asked about split ``test``.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks import FIGURES
from benchmarks.commands import Command
from benchmarks.quality.choices import held_out_categories
from benchmarks.quality.figures import Figures, save_figures
from benchmarks.quality.tables import write_pages
from codes.building.bundle_builder import BundlePlan, calibrate_run
from codes.checkpoints.part import sha256
from codes.data.quickdraw import NONE_OF_THESE
from codes.data.store import Store, read_labelled
from codes.errors import BadOption
from codes.evaluation.prefixes import all_cuts, select_categories
from codes.evaluation.recognition import RouterTest
from codes.training.run_folder import RunFolder


def _print_names(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo("\n".join(held_out_categories()))
        ctx.exit()


@click.command(cls=Command)
@click.argument("router", type=click.Path(path_type=Path))
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=FIGURES / "unseen.json", help="The figures.")
@click.option("--write", is_flag=True, help="Put the table into docs/results.md.")
@click.option(
    "--names",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_names,
    help="Print the categories that an evaluation router is trained without, one a line, and do nothing else.",
)
def main(router: Path, store: Path, data: Path, out: Path, write: bool) -> None:
    """Measure how well ROUTER, a run of train predict on STORE, refuses the categories of DATA that are not in STORE.

    DATA is a packed store or a folder of .npz files. It may hold what the router knows as well.

    \b
    Examples:
      python -m benchmarks.quality.unseen --names
      python -m benchmarks.quality.unseen runs/evaluation datasets/seen datasets/all --write
    """
    figures = unseen_figures(RunFolder(router), Store(store), data)
    save_figures(out, figures)
    if write:
        write_pages(FIGURES)
    click.echo(f"{out}: {figures['known']} categories known, {len(figures['unseen'])} never seen")


def unseen_figures(run: RunFolder, store: Store, data: Path) -> Figures:
    """Tell the test sketches of a router's own categories from those of every other category in ``data``, at every cut.

    Raises:
        BadFile: the run, the store or the data cannot be read.
        BadOption: the store is not the router's, or the data has no category that it never saw.
    """
    own = [name for name in store.categories if name != NONE_OF_THESE]
    router = RouterTest(*calibrate_run(run, store, own, BundlePlan.precision), own)
    unseen = {name: rows for name, rows in read_labelled(data, "test").items() if rows and name not in store.categories}
    if not unseen:
        raise BadOption(f"{data} has no test sketches of a category that is not in {store.folder}")
    known = select_categories(read_labelled(store.folder, "test"), own)
    answers = {name: router.predict(known, cut) for name, cut in all_cuts().items()}
    return {
        "router": sha256(run.best),
        "known": len(own),
        "unseen": list(unseen),
        "refusal": router.refusal(answers, [rows for some in unseen.values() for rows in some]),
    }


if __name__ == "__main__":
    main()
