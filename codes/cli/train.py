"""``train_or_test.py train``: the flags of training, turned into runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import click
import torch

from codes.cli.common import (
    PATH,
    STORE,
    Command,
    ErrorHandlingGroup,
    option,
    options_from,
    options_of,
    refuse,
    several,
)
from codes.cli.next_steps import after_common, after_decoders, after_router, say_next
from codes.cli.sampling import resolve_all
from codes.data.store import Store
from codes.errors import BadOption
from codes.evaluation.plots import draw_run
from codes.model.config import DecoderConfig, EncoderConfig, ImageConfig, InkConfig, RouterConfig, VAEConfig
from codes.processes import Processes
from codes.runtime import keep_freed_memory, use_threads
from codes.training.config import DecoderTrainConfig, TrainConfig
from codes.training.jobs import TrainingRequest, train_common, train_decoders, train_router
from codes.training.objectives import DecoderObjective, Objective, RouterObjective


@click.group(cls=ErrorHandlingGroup)
def train() -> None:
    """Train the parts: a decoder for each category, and the router that chooses among them."""


def jobs_option(done: str, section: str) -> Callable[[Command], Command]:
    """Return the option --jobs of a command by which categories are ``done``; :func:`side_by_side` takes it."""
    return option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, section=section,
                  help=f"Categories that are {done} side by side, each with its share of the threads.")  # fmt: skip


def side_by_side(jobs: int) -> Processes:
    """Return processes that share this one's threads among them."""
    return Processes(jobs, partial(_prepare_process, max(1, torch.get_num_threads() // jobs)))


def _prepare_process(threads: int) -> None:
    use_threads(threads)
    keep_freed_memory()


def training_options(config: type[TrainConfig]) -> Callable[[Command], Command]:
    """Return a decorator that adds the options that both kinds of training share, and those of ``config``."""
    return several(
        STORE,
        option("-o", "--out", type=PATH, required=True, section="Run",
               help="The folder to write."),
        option("--start", type=PATH, section="Run",
               help="A run whose best weights to begin from."),
        option("--resume", is_flag=True, section="Run", help="Go on where an unfinished run in the folder stopped."),
        option("--threads", type=click.IntRange(min=1), section="Run",
               help="Processor threads to use; by default all."),
        option("--workers", type=click.IntRange(min=0), default=0, show_default=True, section="Run",
               help="Processes that make batches ahead of the steps; a GPU wants some."),
        option("--device", section="Run", help="The device, cpu or cuda; by default cuda where there is one."),
        option("--encoder-size", type=int, default=EncoderConfig.size, show_default=True, section="Model",
               help="Hidden units of each direction of the stroke encoder."),
        option("--encoder-dropout", type=float, default=EncoderConfig.dropout, show_default=True, section="Model",
               help="Share of the stroke encoder's recurrent weights dropped in a training step."),
        options_of(config),
    )  # fmt: skip


@train.command()
@training_options(DecoderTrainConfig)
@options_of(DecoderConfig, "size", "latent", "mixtures", "positions", "dropout", section="Model")
@option("--ink/--no-ink", default=True, show_default=True, section="Model",
        help="Whether it looks back at earlier points, as Sketch-RNN does not.")  # fmt: skip
@option("-c", "--category", "categories", multiple=True, section="Run",
        help="Train this category only; repeat for several.")  # fmt: skip
@option("--together", is_flag=True, section="Run", help="Train one model on all categories, to start others from.")
@option(
    "--rank",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    section="Run",
    help="Train only a difference of this rank from --start; 0 trains all weights.",
)
@jobs_option("trained", section="Run")
@click.pass_context
def draw(
    ctx: click.Context, /, categories: tuple[str, ...], together: bool, ink: bool, jobs: int, **options: Any
) -> None:
    """Train a drawing model (a Sketch-RNN VAE) for each category of STORE, each in its own folder under --out.

    Finished ones are skipped. --together trains one model on all of them instead; with --start each category
    then begins from its weights, and with --rank it learns only a small difference from them, which takes little room
    in a bundle.

    \b
    Examples:
      train_or_test.py train draw datasets/five -o runs/draw -c cat -c sun --size 256 --steps 2000
      train_or_test.py train draw datasets/all -o runs/all --together
      train_or_test.py train draw datasets/all -o runs/draw --start runs/all --rank 8 --epochs 20 --steps 1000 --jobs 2
    """
    if together and categories:
        raise BadOption("--together trains on every category of the store; leave --category out")
    if together:
        refuse(ctx, ("rank", "jobs"), "with --together: there is one model, and all of it is trained")
    else:
        refuse(ctx, ("balance",), "without --together: each model learns one category")
    if options["rank"] and not options["start"]:
        raise BadOption("--rank is that of a difference from --start; name the run to start from")
    options["ink"] = InkConfig() if ink else None
    sizes = VAEConfig(encoder=_encoder(options, EncoderConfig()), decoder=options_from(DecoderConfig, options))
    request = _request(options, sizes, options_from(DecoderTrainConfig, options))
    known = Store(request.store).categories
    _say_meaning(DecoderObjective)
    names = resolve_all(categories, known)
    for line in train_common(request) if together else train_decoders(request, names, side_by_side(jobs)):
        click.echo(line)
    if together:
        say_next(after_common(request.store, request.out))
    elif len(known) > 1:  # else there is nothing that a router could choose among
        say_next(after_decoders(request.store, request.out))


@train.command()
@training_options(TrainConfig)
@options_of(ImageConfig, section="Model")
@options_of(RouterConfig, "hidden", "dropout", section="Model")
def predict(**options: Any) -> None:
    """Train the router: the shared encoder and its classifier, on incomplete sketches of all categories of STORE.

    \b
    Example:
      train_or_test.py train predict datasets/five -o runs/router --steps 4000
    """
    encoder, image = _encoder(options, RouterConfig().encoder), options_from(ImageConfig, options)
    sizes = RouterConfig(encoder, image, hidden=options.pop("hidden"), dropout=options.pop("dropout"))
    request = _request(options, sizes, options_from(TrainConfig, options))
    _say_meaning(RouterObjective)
    for line in train_router(request):
        click.echo(line)
    say_next(after_router(request.store, request.out))


def _say_meaning(objective: type[Objective]) -> None:
    """Say what the figures beside the bar are, once for all runs."""
    figure = f"valid/{objective.selection_measure}"
    click.echo(f"loss: of the steps, on train; {figure}: {objective.selection_meaning}; lower is better", err=True)


def _encoder(options: dict[str, Any], default: EncoderConfig) -> EncoderConfig:
    return replace(default, size=options.pop("encoder_size"), dropout=options.pop("encoder_dropout"))


def _request(options: dict[str, Any], sizes: VAEConfig | RouterConfig, config: TrainConfig) -> TrainingRequest:
    keep_freed_memory()
    if threads := options.pop("threads"):
        use_threads(threads)
    return TrainingRequest(sizes=sizes, config=config, make_callback=draw_run, **options)
