"""The judge: a small convolutional network that looks at whole sketches as pictures and is used for judging alone.

It shares no line with the models it judges: not their rasteriser, not their network, not their training. It learns from
split ``train`` alone, by a schedule fixed in advance; nothing is chosen by what it says of any other sketch.

``python -m benchmarks.judge STORE hand.npz spider.npz -o judge.safetensors`` trains it, goes on where it was stopped,
and prints its accuracy on split ``test`` as one JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.rasters import SIDE, Rows, rasters, seen
from codes.checkpoints.tensors import fill, load_tensors, save_tensors
from codes.data.store import labelled
from codes.errors import BadOption
from codes.evaluation.bootstrap import estimated

SHIPPED = Path(__file__).with_name("judge.safetensors")
WIDTH = 24
FEATURES = 64
TOGETHER = 256


class JudgeNet(nn.Module):
    """Four convolutions, a layer of :data:`FEATURES` whose values stand for the sketch, and one of a value a label."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            *_layer(1, WIDTH, kernel=5, stride=2),
            *_layer(WIDTH, 2 * WIDTH),
            nn.MaxPool2d(2),
            *_layer(2 * WIDTH, 4 * WIDTH),
            nn.MaxPool2d(2),
            *_layer(4 * WIDTH, 8 * WIDTH),
            nn.Flatten(),
        )
        self.features = nn.Linear(8 * WIDTH * (SIDE // 8) ** 2, FEATURES)
        self.labels = nn.Linear(FEATURES, labels)

    def forward(self, pictures: Tensor, drop: float = 0.0) -> tuple[Tensor, Tensor]:
        """``[B, 1, SIDE, SIDE]`` to features ``[B, FEATURES]`` and logits ``[B, labels]``."""
        found = self.look(pictures.contiguous(memory_format=torch.channels_last))
        features = F.relu(self.features(F.dropout(found, drop)))
        return features, self.labels(F.dropout(features, drop))


def _layer(before: int, after: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]


@dataclass(frozen=True)
class Opinion:
    """What the judge thinks of some sketches.

    Attributes:
        chances: ``[N, labels]`` probabilities.
        features: ``[N, FEATURES]``, the layer before the last.
        categories: the labels.
    """

    chances: NDArray[np.float64]
    features: NDArray[np.float64]
    categories: tuple[str, ...]

    def of(self, category: str) -> NDArray[np.float64]:
        """The probability of this category, ``[N]``."""
        return self.chances[:, self.categories.index(category)]

    def recognised(self, category: str) -> NDArray[np.float64]:
        """1 where the likeliest label is this category, else 0; ``[N]``."""
        return (self.chances.argmax(axis=1) == self.categories.index(category)).astype(np.float64)


class Judge:
    """A trained network and the names of its labels."""

    def __init__(self, net: JudgeNet, categories: Sequence[str]) -> None:
        self.net, self.categories = net.eval().requires_grad_(False), tuple(categories)

    @classmethod
    def open(cls, path: Path = SHIPPED) -> Judge:
        """Read it.

        Raises:
            BadFile: missing, damaged, or no judge.
        """
        tensors, facts = load_tensors(path)
        net = JudgeNet(len(facts["categories"]))
        counters = {name: value for name, value in net.state_dict().items() if value.ndim == 0}
        fill(net, {**tensors, **counters}, path)
        return cls(net, facts["categories"])

    def opinion(self, sketches: Sequence[Rows]) -> Opinion:
        """Of stroke-3 sketches ``[n, 3]`` in any unit."""
        parts = [self.net(seen(rasters(some))) for some in _in_groups(sketches)]
        features, logits = (torch.cat(each).double() for each in zip(*parts, strict=True))
        return Opinion(F.softmax(logits, dim=1).numpy(), features.numpy(), self.categories)


def _in_groups(sketches: Sequence[Rows]) -> list[Sequence[Rows]]:
    return [sketches[start : start + TOGETHER] for start in range(0, len(sketches), TOGETHER)]


def save_judge(path: Path, net: JudgeNet, facts: dict[str, object]) -> None:
    """Weights in float16; the counters of batch normalisation, which only training needs, are left out."""
    save_tensors(path, {name: value.half() for name, value in net.state_dict().items() if value.ndim}, facts)


def accuracy(judge: Judge, sketches: dict[str, list[Rows]]) -> dict[str, Any]:
    """Of each category, the share of its sketches that are recognised, and the mean of these shares."""
    hits = {name: judge.opinion(some).recognised(name) for name, some in sketches.items()}
    by_category = {name: asdict(estimated([each])) for name, each in hits.items()}
    return {"macro": asdict(estimated(list(hits.values()))), "categories": by_category}


def gathered(paths: Sequence[Path], split: str) -> dict[str, list[Rows]]:
    """One split of several stores, folders or files; a category without sketches in it is left out.

    Raises:
        BadOption: a category comes twice.
    """
    found: dict[str, list[Rows]] = {}
    for path in paths:
        more = {name: some for name, some in labelled(path, split).items() if some}
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
      python -m benchmarks.judge datasets/core rare/hand.npz rare/spider.npz -o benchmarks/judge.safetensors
    """
    from benchmarks.judging import Judging, train_judge

    judge = train_judge(gathered(data, "train"), Judging(steps=steps, seed=seed), out)
    click.echo(json.dumps({**accuracy(judge, gathered(data, "test")), "steps": steps, "seed": seed}))


if __name__ == "__main__":
    main()
