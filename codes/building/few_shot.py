"""A category from a few drawings: a decoder begun from those there are, a label more for the router, a new bundle.

One more category for a router that is trained: a row more in its last layer, and nothing else is changed.

The logits of all that it knew stay what they were, so among the old categories it decides as before; a sketch is lost
to the new one only where the new row outweighs them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from codes.checkpoints.bundle import CRITIC, Bundle, part_folder, publish_bundle
from codes.checkpoints.part import PartConfig, write_part
from codes.checkpoints.tensors import Precision, load_tensors, save_tensors
from codes.data.batches import Batch, BatchSource
from codes.data.store_writer import pack
from codes.errors import BadOption
from codes.evaluation.likelihood import decoder_quality
from codes.model.config import VAEConfig
from codes.model.router import RouterNet
from codes.sketch.stroke3 import AnyStroke3
from codes.training.config import TrainConfig
from codes.training.jobs import Splits, decoder_job
from codes.training.loop import Trainer
from codes.training.objectives import cut_lengths
from codes.training.run_folder import RunFolder

FEWEST = 10  # drawings
HELD_BACK = 5  # every fifth drawing is not trained on, but used to choose the best weights
SHOWN = 20  # sketches a batch that the router is shown
ROUTER_BATCHES = 20  # of the new category, and as many for each of the others

NEAREST = 5  # decoders, of which the new one begins as the average
DROPOUT = 0.3  # of its recurrent weights; so few drawings are soon known by heart

TEACHING = TrainConfig(
    steps=240, batch=24, learning_rate=5e-4, warmup=20, average=0.98, kl_start=1.0, scale=0.2, drop=0.15, mirror=0.3,
    rotate=15.0, evaluate_every=40, save_every=240, patience=2, balance=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """What is to be learned.

    Attributes:
        name: of the category.
        drawings: of it, stroke-3 in QuickDraw pixels, simplified as Quick, Draw! does.
        others: sketches of what the router knows already, by its labels; from data, or drawn by the bundle itself.
        config: of the decoder's training, and of how sketches are changed and cut for the router.
        precision: how the new weights are stored.
    """

    name: str
    drawings: Sequence[AnyStroke3]
    others: Mapping[str, Sequence[AnyStroke3]]
    config: TrainConfig = TEACHING
    precision: Precision = "int8"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BadOption("a category needs a name")
        if len(self.drawings) < FEWEST:
            raise BadOption(f"{len(self.drawings)} drawings of {self.name} are too few; {FEWEST} or more are needed")
        if not any(self.others.values()):
            raise BadOption("without sketches of something else there is nothing to tell the category from")


def teach(bundle: Bundle, lesson: Lesson, folder: Path, card: str) -> Bundle:
    """A copy of ``bundle`` in ``folder`` that also knows the lesson's category; one that is there is replaced.

    Raises:
        BadOption: the bundle draws this category already, or its name is too like another's.
    """
    part = part_folder(lesson.name)
    if lesson.name in bundle.categories or part in bundle.decoders.values():
        raise BadOption(f"{bundle.folder} draws '{lesson.name}', or something of nearly that name, already")
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        for kept in [*bundle.decoders.values(), *([CRITIC] if bundle.has_critic else [])]:
            shutil.copytree(bundle.folder / kept, building / kept)
        _write_decoder(bundle, lesson, building / part)
        _write_router(bundle, lesson, building / "router")
        return publish_bundle(building, folder, {**bundle.decoders, lesson.name: part}, card)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_decoder(bundle: Bundle, lesson: Lesson, folder: Path) -> None:
    """Train on most drawings, from the decoders that like them best; the rest choose the best weights."""
    kept = [rows for i, rows in enumerate(lesson.drawings) if i % HELD_BACK]
    tensors, config = average_of_nearest(bundle, kept)
    with TemporaryDirectory(prefix="halfdrawn-teach-") as temporary:
        place = Path(temporary)
        save_tensors(place / "start.safetensors", tensors, {"scale": config.scale})
        store = pack(
            place / "store", {"train": {lesson.name: kept}, "valid": {lesson.name: lesson.drawings[::HELD_BACK]}}
        )
        job = decoder_job(Splits.of(store), _with_dropout(config), lesson.config, place / "start.safetensors")
        run = RunFolder(place / "teaching")
        run.path.mkdir()
        Trainer(job, lesson.config, run, torch.device("cpu")).fit()
        best, facts = load_tensors(run.best)
    training = {name: facts[name] for name in ("step", "valid", "counts")}
    write_part(folder, replace(config, categories=[lesson.name], training=training), best, lesson.precision)


def _with_dropout(config: PartConfig) -> VAEConfig:
    sizes = VAEConfig.from_dict(config.model)
    return replace(sizes, decoder=replace(sizes.decoder, dropout=DROPOUT))


def average_of_nearest(bundle: Bundle, drawings: Sequence[AnyStroke3]) -> tuple[dict[str, Tensor], PartConfig]:
    """The mean of the weights of the decoders that find the drawings likeliest, among those like the first one.

    Alike are those of its sizes and scale. Decoders that were begun from one model lie near each other, so their mean
    is a decoder too, and of legs, wheels or faces like those in the drawings it knows more than the mean of all.
    """
    parts = [bundle.vae(category) for category in bundle.categories]
    config = parts[0][1]
    alike = [vae for vae, each in parts if (each.model, each.scale) == (config.model, config.scale)]
    nats = [decoder_quality(vae, config, drawings, 0.5).continuation.total for vae in alike]
    nearest = [alike[i].state_dict() for i in np.argsort(nats, kind="stable")[:NEAREST]]
    return {name: torch.stack([tensors[name] for tensors in nearest]).mean(dim=0) for name in nearest[0]}, config


def _write_router(bundle: Bundle, lesson: Lesson, folder: Path) -> None:
    """One label more, unless it had that label all along."""
    net, config = bundle.router()
    if lesson.name in config.categories:
        shutil.copytree(bundle.folder / "router", folder)
        return
    strange = sorted(lesson.others.keys() - set(config.categories))
    if strange:
        raise BadOption(f"the router never learned {', '.join(strange)}")
    wider = replace(config, categories=[*config.categories, lesson.name])
    shares = ({lesson.name: lesson.drawings}, ROUTER_BATCHES), (lesson.others, ROUTER_BATCHES * len(lesson.others))
    batches = [batch for some, count in shares for batch in _batches(some, count, wider, lesson.config)]
    net = extended(net, examples(net, batches, lesson.config))
    write_part(folder, replace(wider, model=net.config.to_dict()), net.state_dict(), lesson.precision)


def _batches(
    sketches: Mapping[str, Sequence[AnyStroke3]], count: int, router: PartConfig, config: TrainConfig
) -> Iterator[Batch]:
    """Batches of 20, each category alike, labelled as the router's."""
    with TemporaryDirectory(prefix="halfdrawn-teach-") as temporary:
        split = pack(Path(temporary) / "store", {"train": sketches}).split("train")
        labels = torch.tensor([router.categories.index(name) for name in split.categories])
        source = BatchSource(split, router.normaliser, config.augmentation, SHOWN, config.seed, 0.0, config.longest)
        for step in range(count):
            batch = source.at(step)
            yield replace(batch, labels=labels[batch.labels])


DECAY = 1e-2  # of the new row's weights
ITERATIONS = 100


@dataclass(frozen=True)
class Examples:
    """What a new row is fitted on: ``hidden [N, H]``, the old ``logits [N, L]``, and ``labels [N]`` of all L + 1."""

    hidden: Tensor
    logits: Tensor
    labels: Tensor


@torch.no_grad()
def examples(net: RouterNet, batches: Iterable[Batch], config: TrainConfig) -> Examples:
    """Sketches as the router is shown them in training: augmented, and a share of them cut short."""
    parts = []
    for number, batch in enumerate(batches):
        seen = cut_lengths(batch.lengths, config, torch.Generator().manual_seed(config.seed + number))
        hidden = net.classifier.hidden(net.features(batch.points, seen))
        parts.append((hidden, net.classifier.outer(hidden), batch.labels))
    return Examples(*(torch.cat(part) for part in zip(*parts, strict=True)))


def extended(net: RouterNet, shown: Examples) -> RouterNet:
    """The router with one label more, fitted on the examples; every label that occurs among them weighs alike."""
    row, bias = _fit_row(shown)
    wider = RouterNet(replace(net.config, labels=net.config.labels + 1))
    tensors = dict(net.state_dict())
    tensors["classifier.outer.weight"] = torch.cat([tensors["classifier.outer.weight"], row.unsqueeze(0)])
    tensors["classifier.outer.bias"] = torch.cat([tensors["classifier.outer.bias"], bias])
    wider.load_state_dict(tensors)
    return wider.requires_grad_(False)


def _fit_row(shown: Examples) -> tuple[Tensor, Tensor]:
    """Logistic regression of one row beside fixed logits, by L-BFGS; convex, so it does not matter where it begins."""
    row = torch.zeros(shown.hidden.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    counts = torch.bincount(shown.labels, minlength=shown.logits.shape[1] + 1).clamp(min=1)
    weights = 1.0 / counts
    optimiser = torch.optim.LBFGS([row, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        logits = torch.cat([shown.logits, (shown.hidden @ row + bias).unsqueeze(1)], dim=1)
        total = F.cross_entropy(logits, shown.labels, weight=weights, reduction="sum") + DECAY * row.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(cost)  # type: ignore[no-untyped-call]
    return row.detach(), bias.detach()
