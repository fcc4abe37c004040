"""The judge: a small convolutional network that looks at whole sketches as pictures and is used for judging alone.

It shares no line with the models it judges: not their rasteriser, not their network, not their training. It learns from
split ``train`` alone, by a schedule fixed in advance; nothing is chosen by what it says of any other sketch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.quality.rasters import SIDE, rasters, seen
from codes.checkpoints.tensors import fill, load_tensors, save_tensors
from codes.sketch.stroke3 import AnyStroke3

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

    def opinion(self, sketches: Sequence[AnyStroke3]) -> Opinion:
        """Of stroke-3 sketches ``[n, 3]`` in any unit."""
        parts = [self.net(seen(rasters(some))) for some in _in_groups(sketches)]
        features, logits = (torch.cat(each).double() for each in zip(*parts, strict=True))
        return Opinion(F.softmax(logits, dim=1).numpy(), features.numpy(), self.categories)


def _in_groups(sketches: Sequence[AnyStroke3]) -> list[Sequence[AnyStroke3]]:
    return [sketches[start : start + TOGETHER] for start in range(0, len(sketches), TOGETHER)]


def save_judge(path: Path, net: JudgeNet, facts: dict[str, object]) -> None:
    """Weights in float16; the counters of batch normalisation, which only training needs, are left out."""
    save_tensors(path, {name: value.half() for name, value in net.state_dict().items() if value.ndim}, facts)
