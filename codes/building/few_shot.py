"""Few-shot learning: a bundle learns one more category from a few drawings, without forgetting the others.

:func:`teach` trains a decoder, or its difference from the common one, begun as the average of the decoders that find
the drawings likeliest. It gives the router one label more: one row in its last layer, fitted beside the old logits,
which stay what they were. So the router decides among the old categories as before, and loses a sketch to the new one
only where the new row outweighs them. What the new category is to be told from comes from data
(:func:`sketches_from_data`), or is drawn by the bundle itself (:func:`sketches_from_decoders`).
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

from codes.building.catalogue import add_catalogue
from codes.checkpoints.bundle import COMMON, CRITIC, Bundle, check_bundle_folder, part_folder, publish_bundle
from codes.checkpoints.low_rank import difference, read_difference
from codes.checkpoints.part import DECODER_WEIGHTS, PartConfig, copy_part, write_part
from codes.checkpoints.tensors import StoragePrecision, load_tensors, save_tensors
from codes.data.batches import Batch, BatchSource
from codes.data.store import read_labelled
from codes.data.store_writer import pack
from codes.errors import BadFile, BadOption
from codes.evaluation.likelihood import decoder_quality
from codes.formats.registry import read_all
from codes.inference.generate import CategorySampler
from codes.inference.models import LoadedDecoder
from codes.inference.options import SamplingOptions
from codes.inference.router import Router
from codes.model.config import VAEConfig
from codes.model.router import RouterNet
from codes.progress import progress
from codes.strokes.geometry import in_quickdraw_pixels
from codes.strokes.stroke3 import AnyStroke3, Sketch
from codes.training.config import DecoderTrainConfig
from codes.training.jobs import Splits, decoder_job
from codes.training.loop import Trainer
from codes.training.low_rank import begin_at
from codes.training.objectives import cut_lengths
from codes.training.run_folder import RunFolder
from codes.vocabulary import same_name

MIN_DRAWINGS, MAX_DRAWINGS = 10, 50
VALID_EVERY = 5  # every fifth drawing is not trained on, but used to choose the best weights
ASKED_DECODERS = 20  # how likely the drawings are
NEAREST_DECODERS = 5  # of these; the new decoder begins as their average
LOW_RANK_RATE = 8  # times the learning rate, where only a difference is learned
RECURRENT_DROPOUT = 0.3  # more than usual: so few drawings are soon known by heart

MAX_PER_CATEGORY = 200  # sketches from data that the new category is told from
FROM_DECODERS = SamplingOptions(variations=100, latent="prior", temperature=0.6)
ROUTER_BATCHES = 20  # of the new category, and as many for each of the others
ROUTER_BATCH_SIZE = 20
RIDGE = 1e-2  # weight of the new row's squared weights
ITERATIONS = 100

TEACHING = DecoderTrainConfig(
    steps=240, batch=24, learning_rate=5e-4, warmup=20, average=0.98, kl_start=1.0, scale=0.2, drop=0.15, mirror=0.3,
    rotate=15.0, evaluate_every=40, save_every=240, patience=2,
)  # fmt: skip
NOTE = "\n\nTaught `{name}` from {count} drawings with `train_or_test.py teach`.\n"


@dataclass(frozen=True)
class TeachingTask:
    """Say what is to be learned from what.

    Attributes:
        name: of the category.
        drawings: of it, stroke-3 in QuickDraw pixels, simplified as Quick, Draw! does.
        others: sketches of the router's own labels; not needed where the router knows the category already.
        config: of the decoder's training, and of how sketches are augmented and cut for the router.
        precision: how the new weights are stored.

    Raises:
        BadOption: there is no name, or there are too few drawings.
    """

    name: str
    drawings: Sequence[AnyStroke3]
    others: Mapping[str, Sequence[AnyStroke3]]
    config: DecoderTrainConfig = TEACHING
    precision: StoragePrecision = "int8"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BadOption("a category needs a name")
        if len(self.drawings) < MIN_DRAWINGS:
            raise BadOption(
                f"{len(self.drawings)} drawings of {self.name} are too few; {MIN_DRAWINGS} or more are needed"
            )


def teach(bundle: Bundle, task: TeachingTask, folder: Path) -> Bundle:
    """Write a copy of the bundle that also knows the task's category; one that is there already is replaced.

    Where the bundle has a catalogue, the copy has the same drawings and one of the new category.

    Raises:
        BadOption: the bundle draws this category already, or its name is too like another's; or there are no other
            sketches that the router knows.
        BadFile: there is something else than a bundle in the folder.
    """
    check_bundle_folder(folder)
    check_new_category(bundle, task.name)
    _check_others(bundle, task)
    part = part_folder(task.name)
    catalogue = bundle.catalogue()
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        optional = {COMMON: bundle.has_common, CRITIC: bundle.has_critic}
        for kept in [*bundle.decoders.values(), *(part for part, there in optional.items() if there)]:
            copy_part(bundle.folder / kept, building / kept)
        _write_decoder(bundle, task, building / part)
        _write_router(bundle, task, building / "router")
        card = (bundle.folder / "README.md").read_text() + NOTE.format(name=task.name, count=len(task.drawings))
        made = publish_bundle(building, folder, {**bundle.decoders, task.name: part}, card)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return add_catalogue(made, known=catalogue) if catalogue else made


def read_drawings(files: Iterable[Path], max_count: int = MAX_DRAWINGS) -> list[AnyStroke3]:
    """Read up to ``max_count`` drawings as a model is to see them; of an .npz file with splits only the train split."""
    return [rows for file in files for rows in _read_file(file)][:max_count]


def sketches_from_data(bundle: Bundle, data: Path) -> dict[str, list[AnyStroke3]]:
    """Read training sketches of the router's own labels from a store or from files."""
    labels = bundle.router()[1].categories
    found = read_labelled(data, "train")
    return {name: rows[:MAX_PER_CATEGORY] for name, rows in found.items() if name in labels and rows}


def sketches_from_decoders(bundle: Bundle, seed: int) -> dict[str, list[AnyStroke3]]:
    """Let each of the bundle's decoders draw sketches of its own."""
    options = replace(FROM_DECODERS, seed=seed)
    categories = progress(bundle.categories, desc="other categories", unit=" categories")
    samplers = (CategorySampler(LoadedDecoder(*bundle.vae(category), category)) for category in categories)
    return {each.decoder.category: _as_pixels(each.sample(options)) for each in samplers}


def _read_file(file: Path) -> list[AnyStroke3]:
    try:
        sketches = read_all(file, "train")
    except (BadFile, BadOption):  # the file has no splits, or none of that name; anything else is raised again
        sketches = read_all(file)
    return _as_pixels(in_quickdraw_pixels(sketch) for sketch in sketches)


def _as_pixels(sketches: Iterable[Sketch]) -> list[AnyStroke3]:
    return [np.rint(sketch.points).astype(np.int16) for sketch in sketches]


def check_new_category(bundle: Bundle, name: str) -> None:
    """Refuse to teach a bundle what it draws already.

    Raises:
        BadOption: it draws this category, or one whose name is too like it.
    """
    known = same_name(name, bundle.categories)
    if known or part_folder(name) in bundle.decoders.values():
        raise BadOption(f"{bundle.folder} draws '{known or name}', or something of nearly that name, already")


def _check_others(bundle: Bundle, task: TeachingTask) -> None:
    """Refuse what the new category cannot be told from before any time is spent on it."""
    labels = bundle.router()[1].categories
    if task.name in labels:
        return
    if not any(task.others.values()):
        raise BadOption("without sketches of something else there is nothing to tell the category from")
    if unknown := sorted(task.others.keys() - set(labels)):
        raise BadOption(f"the router never learned {', '.join(unknown)}")


def _write_decoder(bundle: Bundle, task: TeachingTask, folder: Path) -> None:
    """Train on most of the drawings; the rest choose the best weights.

    Where the bundle's decoders are stored as differences from a common one, a difference is all that is learned.
    """
    kept = [rows for i, rows in enumerate(task.drawings) if i % VALID_EVERY]
    begun, config = average_of_nearest(bundle, kept)
    common = bundle.common.state_dict() if bundle.common and config.rank else None
    learning = replace(task.config, learning_rate=task.config.learning_rate * (LOW_RANK_RATE if common else 1))
    sizes = VAEConfig.from_dict(config.model)
    sizes = replace(sizes, decoder=replace(sizes.decoder, dropout=RECURRENT_DROPOUT))
    with TemporaryDirectory(prefix="halfdrawn-teach-") as temporary:
        scratch = Path(temporary)
        save_tensors(scratch / "start.safetensors", common or begun, {"scale": config.scale})
        valid = task.drawings[::VALID_EVERY]
        store = pack(scratch / "store", {"train": {task.name: kept}, "valid": {task.name: valid}})
        job = decoder_job(Splits.of(store), sizes, learning, scratch / "start.safetensors", config.rank)
        if common:
            begin_at(job.model, read_difference(difference(begun, common, config.rank, "float32", DECODER_WEIGHTS)))
        run = RunFolder(scratch / "teaching")
        run.path.mkdir()
        Trainer(job, learning, run, torch.device("cpu")).fit()
        best, facts = load_tensors(run.best)
    training = {name: facts[name] for name in ("step", "valid", "counts")}
    config = replace(config, categories=[task.name], training=training)
    write_part(folder, config, best, task.precision, common)


def average_of_nearest(bundle: Bundle, drawings: Sequence[AnyStroke3]) -> tuple[dict[str, Tensor], PartConfig]:
    """Average the weights of the decoders that find the drawings likeliest, among those of the first one's kind.

    These have its sizes and scale. Decoders that were begun from one model lie near each other, so that their mean is a
    decoder too, and it knows more of legs, wheels or faces like those in the drawings than the mean of all. Asked are
    those of the categories that the router takes the drawings for.
    """
    asked = [bundle.categories[0], *likeliest_categories(bundle, drawings)[:ASKED_DECODERS]]
    parts = [bundle.vae(category) for category in dict.fromkeys(asked)]
    config = parts[0][1]
    alike = [vae for vae, each in parts if (each.model, each.scale) == (config.model, config.scale)]
    nats = [decoder_quality(vae, config, drawings, 0.5).continuation.total for vae in alike]
    nearest = [alike[i].state_dict() for i in np.argsort(nats, kind="stable")[:NEAREST_DECODERS]]
    return {name: torch.stack([tensors[name] for tensors in nearest]).mean(dim=0) for name in nearest[0]}, config


def likeliest_categories(bundle: Bundle, drawings: Sequence[AnyStroke3]) -> list[str]:
    """Return the categories that a bundle can draw, those first that its router takes the drawings for."""
    sketches = [Sketch(rows.astype(np.float64)) for rows in drawings]
    routes = Router(*bundle.router(), bundle.categories).classify(sketches)
    return sorted(bundle.categories, key=lambda name: -sum(route.probabilities[name] for route in routes))


def _write_router(bundle: Bundle, task: TeachingTask, folder: Path) -> None:
    """Give the router one label more, unless it had that label all along."""
    net, config = bundle.router()
    if task.name in config.categories:
        copy_part(bundle.folder / "router", folder)
        return
    wider = replace(config, categories=[*config.categories, task.name])
    shares = ({task.name: task.drawings}, ROUTER_BATCHES), (task.others, ROUTER_BATCHES * len(task.others))
    batches = [batch for sketches, count in shares for batch in _router_batches(sketches, count, wider, task.config)]
    net = with_new_label(net, label_examples(net, batches, task.config))
    write_part(folder, replace(wider, model=net.config.to_dict()), net.state_dict(), task.precision)


def _router_batches(
    sketches: Mapping[str, Sequence[AnyStroke3]], count: int, router: PartConfig, config: DecoderTrainConfig
) -> Iterator[Batch]:
    """Yield augmented batches, labelled as the router's; every category is drawn equally often."""
    with TemporaryDirectory(prefix="halfdrawn-teach-") as temporary:
        split = pack(Path(temporary) / "store", {"train": sketches}).split("train")
        labels = torch.tensor([router.categories.index(name) for name in split.categories])
        source = BatchSource(
            split, router.normaliser, config.augmentation, ROUTER_BATCH_SIZE, config.seed, 0.0, config.longest
        )
        for step in range(count):
            batch = source.at(step)
            yield replace(batch, labels=labels[batch.labels])


@dataclass(frozen=True)
class LabelExamples:
    """Hold what a new row is fitted on: ``hidden [N, H]``, old ``logits [N, L]``, and ``labels [N]`` of all L + 1."""

    hidden: Tensor
    logits: Tensor
    labels: Tensor


@torch.no_grad()
def label_examples(net: RouterNet, batches: Iterable[Batch], config: DecoderTrainConfig) -> LabelExamples:
    """Run the router on sketches as in training, a share of them cut short."""
    parts = []
    for number, batch in enumerate(batches):
        seen = cut_lengths(batch.lengths, config, torch.Generator().manual_seed(config.seed + number))
        hidden = net.classifier.hidden(net.features(batch.points, seen))
        parts.append((hidden, net.classifier.outer(hidden), batch.labels))
    return LabelExamples(*(torch.cat(part) for part in zip(*parts, strict=True)))


def with_new_label(net: RouterNet, examples: LabelExamples) -> RouterNet:
    """Return the router with one label more, fitted so that every label among the examples weighs alike."""
    row, bias = _fit_row(examples)
    wider = RouterNet(replace(net.config, labels=net.config.labels + 1))
    tensors = dict(net.state_dict())
    tensors["classifier.outer.weight"] = torch.cat([tensors["classifier.outer.weight"], row.unsqueeze(0)])
    tensors["classifier.outer.bias"] = torch.cat([tensors["classifier.outer.bias"], bias])
    wider.load_state_dict(tensors)
    return wider.requires_grad_(False)


def _fit_row(examples: LabelExamples) -> tuple[Tensor, Tensor]:
    """Fit one row beside fixed logits by logistic regression; convex, so it does not matter where L-BFGS begins."""
    row = torch.zeros(examples.hidden.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    counts = torch.bincount(examples.labels, minlength=examples.logits.shape[1] + 1).clamp(min=1)
    weights = 1.0 / counts
    optimiser = torch.optim.LBFGS([row, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        logits = torch.cat([examples.logits, (examples.hidden @ row + bias).unsqueeze(1)], dim=1)
        total = F.cross_entropy(logits, examples.labels, weight=weights, reduction="sum") + RIDGE * row.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(cost)  # type: ignore[no-untyped-call]
    return row.detach(), bias.detach()
