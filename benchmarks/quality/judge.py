"""The judge: a small convolutional network over pictures of whole sketches, used for judging alone.

It shares nothing with the models it judges: it has its own rasteriser, network and training. It learns from split
``train`` alone, by a schedule fixed in advance; nothing is chosen by what it says of any other sketch.

Pillow draws the ink at twice the size, and the mean of each block is a pixel of the network's input. A drawing fills
its picture, proportions kept, wherever it stands and however large it is; a prefix is treated as a drawing of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional as F

from codes.checkpoints.tensors import fill, load_tensors, save_tensors
from codes.strokes.stroke3 import AnyStroke3, Floats, Polylines, to_polylines

SHIPPED = Path(__file__).with_name("judge.safetensors")
INPUT_SIDE = 40  # pixels of the network's input
RASTER_SIDE = 80  # pixels on which ink is drawn
MARGIN = 4.0  # raster pixels left free at each edge
PEN_WIDTH = 3.0  # raster pixels
CHANNELS = 24
FEATURES = 64
BATCH = 256


def rasterise(sketch: AnyStroke3) -> NDArray[np.uint8]:
    """Draw stroke-3 rows ``[n, 3]`` as ``[RASTER_SIDE, RASTER_SIDE]``, 255 where there is ink."""
    return draw_lines(to_polylines(np.asarray(sketch, dtype=np.float64)))


def draw_lines(lines: Polylines) -> NDArray[np.uint8]:
    """Draw polylines as :func:`rasterise` does, scaled to fill the picture."""
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (RASTER_SIDE - 2 * MARGIN) / max(1e-6, float((high - low).max()))
    picture = Image.new("L", (RASTER_SIDE, RASTER_SIDE))
    pen = ImageDraw.Draw(picture)
    for line in lines:
        _draw_line(pen, (line - (low + high) / 2) * scale + RASTER_SIDE / 2)
    return np.asarray(picture)


def _draw_line(pen: ImageDraw.ImageDraw, line: Floats) -> None:
    """Draw a line with round ends; a dot is its end."""
    radius = PEN_WIDTH / 2
    pen.line(line.ravel().tolist(), fill=255, width=round(PEN_WIDTH))
    for x, y in (line[0].tolist(), line[-1].tolist()):
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)


def rasterise_all(sketches: Iterable[AnyStroke3]) -> Tensor:
    """Draw sketches as ``[B, RASTER_SIDE, RASTER_SIDE]`` uint8."""
    return torch.from_numpy(np.stack([rasterise(sketch) for sketch in sketches]))


def network_input(rasters: Tensor) -> Tensor:
    """Turn ``rasters [B, RASTER_SIDE, RASTER_SIDE]`` into ``[B, 1, INPUT_SIDE, INPUT_SIDE]``, from 0 to 1 for ink."""
    return F.avg_pool2d(rasters.unsqueeze(1).float() / 255, RASTER_SIDE // INPUT_SIDE)


class JudgeNet(nn.Module):
    """Four convolutions, a layer of :data:`FEATURES` that stand for the sketch, and a linear layer to labels."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            *_conv_layer(1, CHANNELS, kernel=5, stride=2),
            *_conv_layer(CHANNELS, 2 * CHANNELS),
            nn.MaxPool2d(2),
            *_conv_layer(2 * CHANNELS, 4 * CHANNELS),
            nn.MaxPool2d(2),
            *_conv_layer(4 * CHANNELS, 8 * CHANNELS),
            nn.Flatten(),
        )
        self.features = nn.Linear(8 * CHANNELS * (INPUT_SIDE // 8) ** 2, FEATURES)
        self.labels = nn.Linear(FEATURES, labels)

    def forward(self, pictures: Tensor, dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Map ``[B, 1, INPUT_SIDE, INPUT_SIDE]`` to features ``[B, FEATURES]`` and logits ``[B, labels]``."""
        found = self.look(pictures.contiguous(memory_format=torch.channels_last))
        features = F.relu(self.features(F.dropout(found, dropout)))
        return features, self.labels(F.dropout(features, dropout))


def _conv_layer(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


@dataclass(frozen=True)
class JudgePredictions:
    """The judge's predictions for some sketches.

    Attributes:
        probabilities: ``[N, labels]``.
        features: ``[N, FEATURES]``, the layer before the last.
        categories: names of the labels.
    """

    probabilities: Floats
    features: Floats
    categories: tuple[str, ...]

    def probability(self, category: str) -> Floats:
        """Return the probability of this category, ``[N]``."""
        return self.probabilities[:, self.categories.index(category)]

    def recognised(self, category: str) -> Floats:
        """Return 1 where the likeliest label is this category, else 0; ``[N]``."""
        return (self.probabilities.argmax(axis=1) == self.categories.index(category)).astype(np.float64)


class Judge:
    """A trained network and the names of its labels."""

    def __init__(self, net: JudgeNet, categories: Sequence[str]) -> None:
        self.net, self.categories = net.eval().requires_grad_(False), tuple(categories)

    @classmethod
    def open(cls, path: Path = SHIPPED) -> Judge:
        """Read a judge from its weights.

        Raises:
            BadFile: the file is missing, damaged, or no judge.
        """
        tensors, facts = load_tensors(path)
        net = JudgeNet(len(facts["categories"]))
        counters = {name: value for name, value in net.state_dict().items() if value.ndim == 0}
        fill(net, {**tensors, **counters}, path)
        return cls(net, facts["categories"])

    def predict(self, sketches: Sequence[AnyStroke3]) -> JudgePredictions:
        """Classify stroke-3 sketches ``[n, 3]`` in any unit."""
        batches = [sketches[start : start + BATCH] for start in range(0, len(sketches), BATCH)]
        outputs = [self.net(network_input(rasterise_all(batch))) for batch in batches]
        features, logits = (torch.cat(each).double() for each in zip(*outputs, strict=True))
        return JudgePredictions(F.softmax(logits, dim=1).numpy(), features.numpy(), self.categories)


def save_judge(path: Path, net: JudgeNet, facts: dict[str, object]) -> None:
    """Write weights in float16, without the counters of batch normalisation, which only training needs."""
    save_tensors(path, {name: value.half() for name, value in net.state_dict().items() if value.ndim}, facts)
