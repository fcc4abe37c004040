"""How the judge learns: every batch and every turn of a picture is a function of the seed and the step.

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

from benchmarks.quality.judge import Judge, JudgeNet, save_judge
from benchmarks.quality.rasters import random_turn, rasters, seen_turned, variant
from codes.checkpoints.tensors import load_tensors, save_tensors
from codes.data.store import read_labelled
from codes.errors import BadOption
from codes.evaluation.bootstrap import bootstrap_of_means
from codes.sketch.stroke3 import AnyStroke3

SAVE_EVERY = 200


@dataclass(frozen=True)
class Judging:
    """The judge's training; the rate falls from its peak to 0 over the steps, so the last weights are the best.

    Attributes:
        steps: batches.
        batch: sketches in each.
        rate: highest learning rate.
        warmup: steps until it is reached.
        decay: of weights.
        drop: share of features left out.
        smoothing: of the labels, so that probabilities stay honest.
        balance: categories are drawn as their counts to this power; 1 as they are, 0 all alike.
        fewest: pictures of a category; where there are fewer sketches, the rest are variants of these.
        seed: of everything.
    """

    steps: int = 9000
    batch: int = 128
    rate: float = 3e-3
    warmup: int = 100
    decay: float = 0.02
    drop: float = 0.3
    smoothing: float = 0.05
    balance: float = 0.2
    fewest: int = 800
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Up in a line, down in a half cosine."""
        down = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.rate * min(1.0, (step + 1) / self.warmup) * down


@dataclass(frozen=True)
class Gallery:
    """All training sketches as pictures.

    Attributes:
        pictures: ``[N, FINE, FINE]`` uint8.
        labels: ``[N]``.
        chances: ``[N]``, of being drawn, adding up to 1.
    """

    pictures: Tensor
    labels: Tensor
    chances: NDArray[np.float64]

    @classmethod
    def of(cls, sketches: Mapping[str, Sequence[AnyStroke3]], config: Judging) -> Gallery:
        """In the order of the categories."""
        rng = np.random.default_rng(config.seed)
        pictures = [rasters(tqdm(some, desc=name, leave=False)) for name, some in sketches.items()]
        pictures = [
            _at_least(config.fewest, each, some, rng) for each, some in zip(pictures, sketches.values(), strict=True)
        ]
        counts = np.array([len(each) for each in pictures])
        chances = np.repeat(counts ** (config.balance - 1.0), counts)
        labels = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
        return cls(torch.cat(pictures), labels, chances / chances.sum())

    def batch(self, config: Judging, step: int) -> tuple[Tensor, Tensor]:
        """Turned pictures ``[B, 1, SIDE, SIDE]`` and labels ``[B]``, drawn with replacement."""
        rng = np.random.default_rng([config.seed, step])
        chosen = torch.from_numpy(rng.choice(len(self.labels), size=config.batch, p=self.chances))
        return seen_turned(self.pictures[chosen], [random_turn(rng) for _ in chosen]), self.labels[chosen]


def _at_least(fewest: int, pictures: Tensor, sketches: Sequence[AnyStroke3], rng: np.random.Generator) -> Tensor:
    """These pictures, and variants of them, one after another, until there are enough."""
    missing = range(max(0, fewest - len(pictures)))
    more = [variant(sketches[number % len(sketches)], rng) for number in missing]
    return torch.cat([pictures, torch.from_numpy(np.stack(more))]) if more else pictures


class JudgeTraining:
    """The network, its optimiser, and the step they are at."""

    def __init__(self, labels: int, config: Judging) -> None:
        torch.manual_seed(config.seed)
        self.config, self.at = config, 0
        self.net = JudgeNet(labels).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), weight_decay=config.decay)

    def step(self, pictures: Tensor, labels: Tensor) -> float:
        """One batch; returns its loss."""
        torch.manual_seed(self.config.seed + self.at)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate_at(self.at)
        _, logits = self.net(pictures, self.config.drop)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.smoothing)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.at += 1
        return loss.item()

    def save(self, path: Path) -> None:
        """All that is needed to go on."""
        moments = {
            f"{kind}/{name}": self.optimiser.state[value][kind]
            for name, value in self.net.named_parameters()
            for kind in ("exp_avg", "exp_avg_sq")
        }
        save_tensors(path, {**self.net.state_dict(), **moments}, {"step": self.at})

    def resume(self, path: Path) -> None:
        """Go on from what was saved."""
        tensors, facts = load_tensors(path)
        self.net.load_state_dict({name: tensors[name] for name in self.net.state_dict()})
        self.at = facts["step"]
        for name, value in self.net.named_parameters():
            moments = {kind: tensors[f"{kind}/{name}"] for kind in ("exp_avg", "exp_avg_sq")}
            self.optimiser.state[value] = {"step": torch.tensor(float(self.at)), **moments}


def train_judge(sketches: Mapping[str, Sequence[AnyStroke3]], config: Judging, out: Path) -> Judge:
    """Train to the last step; ``OUT.state`` holds what a stopped training goes on from, and goes away at the end."""
    gallery = Gallery.of(sketches, config)
    training, state = JudgeTraining(len(sketches), config), out.with_suffix(".state")
    if state.exists():
        training.resume(state)
    losses: list[float] = []
    with tqdm(total=config.steps, initial=training.at, desc="judge", unit=" steps") as bar:
        while training.at < config.steps:
            losses.append(training.step(*gallery.batch(config, training.at)))
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
            bar.update()
            if training.at % SAVE_EVERY == 0 or training.at == config.steps:
                training.save(state)
                save_judge(out, training.net, {"categories": list(sketches), "step": training.at, **_facts(config)})
    state.unlink(missing_ok=True)
    return Judge.open(out)


def _facts(config: Judging) -> dict[str, object]:
    return {"steps": config.steps, "seed": config.seed}


def accuracy(judge: Judge, sketches: dict[str, list[AnyStroke3]]) -> dict[str, Any]:
    """Of each category, the share of its sketches that are recognised, and the mean of these shares."""
    hits = {name: judge.opinion(some).recognised(name) for name, some in sketches.items()}
    by_category = {name: asdict(bootstrap_of_means([each])) for name, each in hits.items()}
    return {"macro": asdict(bootstrap_of_means(list(hits.values()))), "categories": by_category}


def gathered(paths: Sequence[Path], split: str) -> dict[str, list[AnyStroke3]]:
    """One split of several stores, folders or files; a category without sketches in it is left out.

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
@click.option("--steps", default=9000, show_default=True, help="Of 128 sketches each.")
@click.option("--seed", default=0, show_default=True)
def main(data: tuple[Path, ...], out: Path, steps: int, seed: int) -> None:
    """Train a judge on split train of all of DATA (packed stores, .npz files or folders of them), and test it.

    \b
    Example:
      python -m benchmarks.quality.judge_training datasets/core rare/hand.npz rare/spider.npz -o judge.safetensors
    """
    judge = train_judge(gathered(data, "train"), Judging(steps=steps, seed=seed), out)
    click.echo(json.dumps({**accuracy(judge, gathered(data, "test")), "steps": steps, "seed": seed}))


if __name__ == "__main__":
    main()
