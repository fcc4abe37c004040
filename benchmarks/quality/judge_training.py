"""How the judge learns: every batch and every augmentation is a function of the seed and the step.

``python -m benchmarks.quality.judge_training STORE hand.npz spider.npz -o judge.safetensors`` trains it, goes on where
it was stopped, and prints its accuracy on split ``test`` as one JSON object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from benchmarks.quality.judge import (
    INPUT_SIDE,
    RASTER_SIDE,
    Judge,
    JudgeNet,
    draw_lines,
    rasterise_all,
    save_judge,
)
from codes.checkpoints.tensors import load_tensors, save_tensors
from codes.data.store import read_labelled
from codes.errors import BadOption
from codes.evaluation.bootstrap import bootstrap_of_means
from codes.strokes.stroke3 import AnyStroke3, Floats, to_polylines

SAVE_EVERY = 200  # steps

# Augmentation of whole pictures, for every category.
MAX_ANGLE = np.pi / 12
SCALES = (0.75, 1.05)
# Variants of single drawings, for categories with few of them.
STROKE_ANGLE = np.pi / 15
STROKE_SCALES = (0.85, 1.15)
STROKE_SHIFT = 0.04  # of the drawing's larger side, standard deviation
STROKE_DROP = 0.08  # share of strokes left out


@dataclass(frozen=True)
class JudgeConfig:
    """The judge's training; the learning rate falls from its peak to 0, so the last weights are kept.

    Attributes:
        steps: batches.
        batch: sketches in each.
        learning_rate: its peak.
        warmup: steps until it is reached.
        weight_decay: as in AdamW.
        dropout: share of features left out.
        label_smoothing: so that probabilities stay honest.
        balance: categories are drawn by their counts to this power; 1 by their counts, 0 all alike.
        min_pictures: pictures of a category; where there are fewer sketches, variants of them are added.
        seed: of everything.
    """

    steps: int = 9000
    batch: int = 128
    learning_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.02
    dropout: float = 0.3
    label_smoothing: float = 0.05
    balance: float = 0.2
    min_pictures: int = 800
    seed: int = 0

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of a step: a linear warm-up, then half a cosine down to 0."""
        decay = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * decay


def vary_strokes(sketch: AnyStroke3, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a variant of a sketch: each stroke a little rotated, scaled and shifted, or left out."""
    lines = to_polylines(np.asarray(sketch, dtype=np.float64))
    size = float(np.ptp(np.concatenate(lines), axis=0).max())
    kept = [line for line in lines if rng.random() >= STROKE_DROP] or lines
    return draw_lines([_vary_stroke(line, size, rng) for line in kept])


def _vary_stroke(line: Floats, size: float, rng: np.random.Generator) -> Floats:
    """Move one stroke of a drawing whose larger side is ``size``."""
    middle = line.mean(axis=0)
    rotated = (line - middle) @ _rotation(rng.uniform(-STROKE_ANGLE, STROKE_ANGLE)).T
    moved: Floats = middle + rotated * rng.uniform(*STROKE_SCALES) + rng.normal(0, STROKE_SHIFT * size, 2)
    return moved


def random_map(rng: np.random.Generator) -> Floats:
    """Return a linear map ``[2, 2]``: mirrored or not, each side scaled, rotated by up to 15 degrees either way."""
    rotation = _rotation(rng.uniform(-MAX_ANGLE, MAX_ANGLE))
    scales = rng.uniform(*SCALES, size=2) * [rng.choice([-1.0, 1.0]), 1.0]
    return rotation * scales


def _rotation(angle: float) -> Floats:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def mapped_input(rasters: Tensor, maps: Sequence[Floats]) -> Tensor:
    """Return the network's input of ``rasters``, each mapped by its own linear map ``[2, 2]`` about the middle."""
    inverses = torch.from_numpy(np.stack([np.column_stack([np.linalg.inv(each), np.zeros(2)]) for each in maps]))
    grid = F.affine_grid(inverses.float(), [len(rasters), 1, RASTER_SIDE, RASTER_SIDE], align_corners=False)
    images = rasters.unsqueeze(1).float() / 255
    return F.avg_pool2d(F.grid_sample(images, grid, align_corners=False), RASTER_SIDE // INPUT_SIDE)


@dataclass(frozen=True)
class JudgeDataset:
    """All training sketches as pictures.

    Attributes:
        pictures: ``[N, RASTER_SIDE, RASTER_SIDE]`` uint8.
        labels: ``[N]``.
        weights: ``[N]``, the probability that a picture is drawn; they add up to 1.
    """

    pictures: Tensor
    labels: Tensor
    weights: Floats

    @classmethod
    def of(cls, sketches: Mapping[str, Sequence[AnyStroke3]], config: JudgeConfig) -> JudgeDataset:
        """Draw the sketches of each category, in the order of the categories."""
        rng = np.random.default_rng(config.seed)
        pictures = [rasterise_all(tqdm(some, desc=name, leave=False)) for name, some in sketches.items()]
        pictures = [
            _with_variants(config.min_pictures, each, some, rng)
            for each, some in zip(pictures, sketches.values(), strict=True)
        ]
        counts = np.array([len(each) for each in pictures])
        weights = np.repeat(counts ** (config.balance - 1.0), counts)
        labels = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
        return cls(torch.cat(pictures), labels, weights / weights.sum())

    def batch(self, config: JudgeConfig, step: int) -> tuple[Tensor, Tensor]:
        """Return augmented pictures ``[B, 1, INPUT_SIDE, INPUT_SIDE]`` and labels ``[B]``, drawn with replacement."""
        rng = np.random.default_rng([config.seed, step])
        chosen = torch.from_numpy(rng.choice(len(self.labels), size=config.batch, p=self.weights))
        return mapped_input(self.pictures[chosen], [random_map(rng) for _ in chosen]), self.labels[chosen]


def _with_variants(count: int, pictures: Tensor, sketches: Sequence[AnyStroke3], rng: np.random.Generator) -> Tensor:
    """Add variants of the sketches, one after another, until there are at least ``count`` pictures."""
    missing = range(max(0, count - len(pictures)))
    more = [vary_strokes(sketches[number % len(sketches)], rng) for number in missing]
    return torch.cat([pictures, torch.from_numpy(np.stack(more))]) if more else pictures


class JudgeTrainer:
    """The network, its optimiser, and the step they are at."""

    def __init__(self, labels: int, config: JudgeConfig) -> None:
        torch.manual_seed(config.seed)
        self.config, self.step = config, 0
        self.net = JudgeNet(labels).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), weight_decay=config.weight_decay)

    def train_step(self, pictures: Tensor, labels: Tensor) -> float:
        """Learn from one batch and return its loss."""
        torch.manual_seed(self.config.seed + self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate_at(self.step)
        _, logits = self.net(pictures, self.config.dropout)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step += 1
        return loss.item()

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        averages = {
            f"{kind}/{name}": self.optimiser.state[value][kind]
            for name, value in self.net.named_parameters()
            for kind in ("exp_avg", "exp_avg_sq")
        }
        save_tensors(path, {**self.net.state_dict(), **averages}, {"step": self.step})

    def resume(self, path: Path) -> None:
        """Go on from what :meth:`save` wrote."""
        tensors, facts = load_tensors(path)
        self.net.load_state_dict({name: tensors[name] for name in self.net.state_dict()})
        self.step = facts["step"]
        for name, value in self.net.named_parameters():
            averages = {kind: tensors[f"{kind}/{name}"] for kind in ("exp_avg", "exp_avg_sq")}
            self.optimiser.state[value] = {"step": torch.tensor(float(self.step)), **averages}


def train_judge(sketches: Mapping[str, Sequence[AnyStroke3]], config: JudgeConfig, out: Path) -> Judge:
    """Train to the last step. A stopped training goes on from ``OUT.state``, which is removed at the end."""
    dataset = JudgeDataset.of(sketches, config)
    trainer, state = JudgeTrainer(len(sketches), config), out.with_suffix(".state")
    if state.exists():
        trainer.resume(state)
    losses: list[float] = []
    with tqdm(total=config.steps, initial=trainer.step, desc="judge", unit=" steps") as bar:
        while trainer.step < config.steps:
            losses.append(trainer.train_step(*dataset.batch(config, trainer.step)))
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
            bar.update()
            if trainer.step % SAVE_EVERY == 0 or trainer.step == config.steps:
                trainer.save(state)
                facts = {"step": trainer.step, "steps": config.steps, "seed": config.seed}
                save_judge(out, trainer.net, {"categories": list(sketches), **facts})
    state.unlink(missing_ok=True)
    return Judge.open(out)


def accuracy(judge: Judge, sketches: Mapping[str, Sequence[AnyStroke3]]) -> dict[str, Any]:
    """Return the share of sketches that the judge recognises, by category and as the mean of these shares."""
    hits = {name: judge.predict(some).recognised(name) for name, some in sketches.items()}
    by_category = {name: asdict(bootstrap_of_means([each])) for name, each in hits.items()}
    return {"macro": asdict(bootstrap_of_means(list(hits.values()))), "categories": by_category}


def gather_split(paths: Sequence[Path], split: str) -> dict[str, list[AnyStroke3]]:
    """Read one split of several stores, folders or files; a category without sketches in it is left out.

    Raises:
        BadOption: a category comes twice.
    """
    found: dict[str, list[AnyStroke3]] = {}
    for path in paths:
        more = {name: some for name, some in read_labelled(path, split).items() if some}
        twice = sorted(found.keys() & more.keys())
        if twice:
            raise BadOption(f"{path} holds {', '.join(twice)} once more")
        found |= more
    return found


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Where the weights go (.safetensors)."
)
@click.option("--steps", default=JudgeConfig.steps, show_default=True, help="Batches of 128 sketches.")
@click.option("--seed", default=0, show_default=True, help="Of weights, batches and augmentation.")
def main(data: tuple[Path, ...], out: Path, steps: int, seed: int) -> None:
    """Train a judge on split train of all of DATA (packed stores, .npz files or folders of them), and test it.

    \b
    Example:
      python -m benchmarks.quality.judge_training datasets/core rare/hand.npz rare/spider.npz -o judge.safetensors
    """
    judge = train_judge(gather_split(data, "train"), JudgeConfig(steps=steps, seed=seed), out)
    click.echo(json.dumps({**accuracy(judge, gather_split(data, "test")), "steps": steps, "seed": seed}))


if __name__ == "__main__":
    main()
