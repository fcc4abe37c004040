"""``train_or_test.py train``: the flags of training, turned into runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from codes.cli.common import STORE, Command, ErrorHandlingGroup, options_from, options_of
from codes.errors import BadOption
from codes.evaluation.plots import draw_run
from codes.model.config import DecoderConfig, EncoderConfig, ImageConfig, RouterConfig, VAEConfig
from codes.training.config import TrainConfig
from codes.training.jobs import TrainingRequest, train_decoders, train_router


@click.group(cls=ErrorHandlingGroup)
def train() -> None:
    """Train the parts: a decoder for each category, and the router that chooses among them."""


def training_options(command: Command) -> Command:
    """What both kinds of training can be told."""
    shared: list[Callable[[Any], Any]] = [
        click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the run or runs."),
        click.option("--start", type=click.Path(path_type=Path), help="Begin from the best weights of this run."),
        click.option("--resume", is_flag=True, help="Go on where the run in the folder stopped."),
        click.option("--encoder-size", type=int, default=EncoderConfig.size, show_default=True,
                     help="Hidden units of each direction of the encoder."),
        click.option("--encoder-dropout", type=float, default=EncoderConfig.dropout, show_default=True,
                     help="Share of its recurrent weights dropped in a step."),
        click.option("--threads", type=int, help="Processor threads to use; all by default."),
        click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True,
                     help="Processes that make batches ahead of the steps; a GPU wants some."),
        click.option("--device", help="cpu or cuda; cuda where there is one by default."),
    ]  # fmt: skip
    command = options_of(TrainConfig)(command)
    for option in reversed(shared):
        command = option(command)
    return STORE(command)


@train.command()
@training_options
@options_of(DecoderConfig)
@click.option("-c", "--category", "categories", multiple=True, help="Train these only; repeat for several.")
@click.option("--together", is_flag=True, help="One model for all categories of the store, to start others from.")
def draw(store: Path, out: Path, categories: tuple[str, ...], together: bool, **options: Any) -> None:
    """Train a drawing model (a Sketch-RNN VAE) for each category of STORE, each in its own folder under --out.

    Finished ones are skipped. --together trains one model on all of them instead; with --start each category
    then begins from its weights.

    \b
    Examples:
      train_or_test.py train draw datasets/five -o runs/draw -c cat -c sun --size 256 --steps 2000
      train_or_test.py train draw datasets/all -o runs/all --together
      train_or_test.py train draw datasets/all -o runs/draw -c crab --start runs/all --steps 800
    """
    sizes = VAEConfig(encoder=_encoder(options, EncoderConfig()), decoder=options_from(DecoderConfig, options))
    request = TrainingRequest(store, out, sizes, options_from(TrainConfig, options), watch=draw_run, **options)
    if together and categories:
        raise BadOption("--together trains on every category of the store; leave --category out")
    for line in train_decoders(request, categories, together):
        click.echo(line)


@train.command()
@training_options
@options_of(ImageConfig)
@click.option("--hidden", type=int, default=RouterConfig.hidden, show_default=True, help="Units of the classifier.")
@click.option(
    "--dropout", type=float, default=RouterConfig.dropout, show_default=True, help="Share of features dropped."
)
def predict(store: Path, out: Path, hidden: int, dropout: float, **options: Any) -> None:
    """Train the router: the shared encoder and its classifier, on incomplete sketches of all categories of STORE.

    \b
    Example:
      train_or_test.py train predict datasets/five -o runs/router --steps 4000
    """
    encoder, raster = _encoder(options, RouterConfig().encoder), options_from(ImageConfig, options)
    config = options_from(TrainConfig, options)
    sizes = RouterConfig(encoder, raster, hidden=hidden, dropout=dropout)
    for line in train_router(TrainingRequest(store, out, sizes, config, watch=draw_run, **options)):
        click.echo(line)


def _encoder(options: dict[str, Any], default: EncoderConfig) -> EncoderConfig:
    size, dropout = options.pop("encoder_size"), options.pop("encoder_dropout")
    return EncoderConfig(size=size, positions=default.positions, pooled=default.pooled, dropout=dropout)
