"""The command lines by name: three scripts in a checkout, and ``halfdrawn`` wherever the package is installed.

Knows where each command lives and what it does in a sentence; imports a command when it is called.
"""

from __future__ import annotations

import click

import codes
from codes.cli.common import LazyCommand, LazyGroup

IMPORTS = LazyCommand("codes.cli.data:data", "Get sketches, make packed stores of them, and see what is in them.")
CLASSIFY = LazyCommand("codes.cli.predict:classify", "Say what each of FILES shows, and draw nothing.")
COMPLETE = LazyCommand("codes.cli.predict:complete", "Say what each of FILES shows and finish it.")
DATA_SET = LazyCommand(
    "codes.cli.predict:data", "Cut every sketch of FILE short, classify what is left, and finish it."
)
LIVE = LazyCommand("codes.cli.live:live", "Draw in the browser: what you begin is recognised and finished as you draw.")
MAKING = {
    "train": LazyCommand("codes.cli.train:train", "Train the parts: a decoder for each category, and the router."),
    "test": LazyCommand("codes.cli.test:test", "Measure a bundle on sketches that it never saw."),
    "bundle": LazyCommand("codes.cli.build:bundle", "Put a router and the decoders it routes to into one bundle."),
    "teach": LazyCommand("codes.cli.build:teach", "Teach a bundle one more category from a few drawings."),
    "catalogue": LazyCommand("codes.cli.build:catalogue", "Let each category of a bundle draw itself."),
}


def print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Print the version and end, if that was asked."""
    if value:
        click.echo(f"halfdrawn {codes.__version__}")
        ctx.exit()


train_or_test = LazyGroup(
    "train_or_test.py",
    help="Import data, train decoders and the router, test them, bundle them for use, and teach a bundle more.",
    lazy_commands={"data": IMPORTS, **MAKING},
)

draw_client = LazyGroup(
    "draw_client.py",
    help="Let a category's model draw by itself.",
    lazy_commands={
        "list": LazyCommand("codes.cli.draw:list_categories", "Show what the model can draw, or a drawing of each."),
        "sample": LazyCommand("codes.cli.draw:sample", "Draw new sketches of CATEGORY from nothing."),
        "temperatures": LazyCommand("codes.cli.draw:temperatures", "Draw CATEGORY at rising temperatures, a row each."),
        "reconstruct": LazyCommand(
            "codes.cli.draw:reconstruct", "Encode a whole sketch and draw it again from its latent code alone."
        ),
        "interpolate": LazyCommand(
            "codes.cli.draw:interpolate", "Draw what lies between two sketches, by way of their latent codes."
        ),
    },
)

predict_client = LazyGroup(
    "predict_client.py",
    help="Recognise sketches that are not finished, and finish them.",
    lazy_commands={"classify": CLASSIFY, "complete": COMPLETE, "data": DATA_SET, "live": LIVE},
)

halfdrawn = LazyGroup(
    "halfdrawn",
    help="""Draw half a sketch; it recognises what you are drawing and finishes it.

    The commands are those of the scripts in a checkout: classify, complete, live and complete-data of
    predict_client.py, where the last is called data; draw has those of draw_client.py; data, train, test, bundle, teach
    and catalogue are those of train_or_test.py.
    """,
    params=[click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=print_version,
                         help="Show the version and end.")],
    lazy_commands={
        "classify": CLASSIFY,
        "complete": COMPLETE,
        "live": LIVE,
        "draw": LazyCommand("codes.cli.main:draw_client", "Let a category's model draw by itself."),
        "complete-data": DATA_SET,
        "data": IMPORTS,
        **MAKING,
    },
)  # fmt: skip
