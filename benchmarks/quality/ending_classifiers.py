"""Two classifiers that learn who finished a sketch, for :mod:`benchmarks.quality.told_apart`; each sees it its own way.

They share nothing with the router, the critic and the judge: neither weights, nor features, nor rasteriser. A small
convolutional network looks at two pictures, of the prefix and of what was added. Boosted trees (Friedman 2001, as
histograms: Ke et al. 2017) get lengths, sizes, places, directions and bends of the lines.

Neither can count points. A prefix is half of a person's rows, so a person's ending has just as many rows as the prefix:
the count alone would give the model's endings away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.quality.told_apart import Classifier, Drawing, Examples
from codes.strokes.geometry import QUICKDRAW_SIDE, resample
from codes.strokes.stroke3 import Floats, Polylines

SIDE = 48  # pixels of the network's pictures
DRAWN_AT = 96  # pixels at which lines are drawn, before they are averaged down
PEN_WIDTH = 2  # of these
MARGIN = 4.0  # of these, left free at each edge
SHIFT = 2  # pixels by which pictures are moved at most while the network learns
WIDTHS = (2, 12, 24, 48, 64)  # channels

EPOCHS = 12
BATCH = 64
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05

SPACING = 4.0  # pixels between the points of lines whose features are taken
DIRECTIONS = 8
GRID = 4  # cells a side
MAX_VALUES = 255  # of a feature that is a category


def pictures(drawings: Sequence[Drawing]) -> NDArray[np.uint8]:
    """Draw each as ``[N, 2, SIDE, SIDE]``, 255 for ink: the prefix, and what was added, in one frame."""
    return np.stack([_picture(each) for each in drawings])


def _picture(drawing: Drawing) -> NDArray[np.uint8]:
    points = np.concatenate([*drawing.prefix, *drawing.added])
    scale = (DRAWN_AT - 2 * MARGIN) / QUICKDRAW_SIDE
    shift = DRAWN_AT / 2 - (points.min(axis=0) + points.max(axis=0)) / 2 * scale
    drawn = np.stack([_draw(lines, scale, shift) for lines in (drawing.prefix, drawing.added)])
    step = DRAWN_AT // SIDE
    return drawn.reshape(2, SIDE, step, SIDE, step).mean(axis=(2, 4)).astype(np.uint8)


def _draw(lines: Polylines, scale: float, shift: Floats) -> NDArray[np.uint8]:
    image = Image.new("L", (DRAWN_AT, DRAWN_AT))
    pen = ImageDraw.Draw(image)
    for line in lines:
        pen.line((line * scale + shift).ravel().tolist(), fill=255, width=PEN_WIDTH)
        for x, y in (line[[0, -1]] * scale + shift).tolist():
            pen.ellipse([x - 1, y - 1, x + 1, y + 1], fill=255)
    return np.asarray(image)


class PictureNet(nn.Module):
    """Four convolutions over two channels, a layer of 64 to which the category adds, and one logit."""

    def __init__(self, categories: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(WIDTHS):
            kernel, stride, pool = (5, 2, nn.Identity()) if inputs == WIDTHS[0] else (3, 1, nn.MaxPool2d(2))
            convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), pool]
        self.look = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        self.features = nn.Linear(WIDTHS[-1] * (SIDE // 16) ** 2, 64)
        self.category = nn.Embedding(categories, 64)
        self.logit = nn.Linear(64, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map ``[B, 2, SIDE, SIDE]`` uint8 and labels ``[B]`` to logits ``[B]``; in training, moved a little."""
        if self.training:
            left, top = torch.randint(2 * SHIFT + 1, (2,)).tolist()
            images = F.pad(images, (SHIFT,) * 4)[:, :, top : top + SIDE, left : left + SIDE]
        found = self.look(images.float().div(255).contiguous(memory_format=torch.channels_last))
        logits: Tensor = self.logit(F.relu(self.features(found) + self.category(labels)))[:, 0]
        return logits


def score_pictures(known: Examples, asked: Examples) -> Floats:
    """Train a network on ``known`` and return its logits for ``asked``, ``[M]``."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = PictureNet(int(max(known.labels.max(), asked.labels.max())) + 1)
        _train(net, known)
    net.eval()
    with torch.no_grad():
        batches = zip(*(torch.from_numpy(each).split(256) for each in (asked.inputs, asked.labels)), strict=True)
        scores: Floats = torch.cat([net(*batch) for batch in batches]).double().numpy()
    return scores


def _train(net: PictureNet, known: Examples) -> None:
    """Run :data:`EPOCHS`, the rate rising and falling once (Smith and Topin 2019)."""
    images, labels = torch.from_numpy(known.inputs), torch.from_numpy(known.labels)
    answers = torch.from_numpy(known.by_machine).float()
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * math.ceil(len(labels) / BATCH)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(labels)).split(BATCH):
            loss = F.binary_cross_entropy_with_logits(net(images[chosen], labels[chosen]), answers[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()


def line_features(drawings: Sequence[Drawing]) -> Floats:
    """Return numbers about the lines of the prefix, about those that were added, and about both, ``[N, K]``."""
    return np.stack([_features(each) for each in drawings])


def _features(drawing: Drawing) -> Floats:
    prefix, added = ([resample(line, SPACING) for line in lines] for lines in (drawing.prefix, drawing.added))
    return np.concatenate([_part_features(prefix), _part_features(added), _features_of_both(prefix, added)])


def _part_features(lines: Polylines) -> Floats:
    """Return the number of lines, their box, how long, straight, bent and large they are, and where they lead."""
    if not lines:
        return np.zeros(5 + 4 * 4 + DIRECTIONS + GRID**2)
    points, steps = np.concatenate(lines), [np.diff(line, axis=0) for line in lines]
    lengths = [np.hypot(*each.T) for each in steps]
    ink = np.array([each.sum() for each in lengths])
    chords = np.array([np.hypot(*(line[-1] - line[0])) for line in lines])
    measures = (ink, chords / np.maximum(ink, 1), np.array([_turning(each) for each in steps]), _sizes(lines))
    weights = np.concatenate(lengths)
    all_steps, middles = np.concatenate(steps), np.concatenate([(line[:-1] + line[1:]) / 2 for line in lines])
    angles, around = np.arctan2(all_steps[:, 1], all_steps[:, 0]), (-np.pi, np.pi)
    box = (0.0, QUICKDRAW_SIDE + 1)
    return np.concatenate([
        [len(lines), *points.min(axis=0), *points.max(axis=0)],
        *([each.min(), np.median(each), each.mean(), each.max()] for each in measures),
        np.histogram(angles, DIRECTIONS, around, weights=weights)[0],
        np.histogram2d(*middles.T, GRID, (box, box), weights=weights)[0].ravel(),
    ])  # fmt: skip


def _turning(steps: Floats) -> float:
    """Return by how many radians a line turns in all, either way."""
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    return float(np.abs((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi).sum())


def _sizes(lines: Polylines) -> Floats:
    """Return the longer side of each line's box."""
    return np.array([np.ptp(line, axis=0).max() for line in lines])


def _features_of_both(prefix: Polylines, added: Polylines) -> Floats:
    """Return where the added lines begin and end, how far the pen goes between lines, and sizes beside the prefix's."""
    if not added:
        return np.zeros(9)
    lines = [prefix[-1], *added]
    air = np.array([np.hypot(*(after[0] - before[-1])) for before, after in pairwise(lines)])
    sizes, own = _sizes(added), max(1.0, _sizes(prefix).max())
    return np.array([*added[0][0], *added[-1][-1], air[0], air.mean(), air.max(), sizes.max() / own, sizes[-1] / own])


def score_features(known: Examples, asked: Examples) -> Floats:
    """Fit trees to ``known`` and return their log odds for ``asked``, ``[M]``; the category is a feature too."""
    trees = HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=150,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        max_features=0.3,
        categorical_features=[known.inputs.shape[1], known.inputs.shape[1] + 1],
        early_stopping=False,
        random_state=0,
    )
    trees.fit(_with_labels(known), known.by_machine)
    scores: Floats = trees.decision_function(_with_labels(asked))
    return scores


def _with_labels(examples: Examples) -> Floats:
    """Return the inputs and two columns that are the category together: trees take no more than 255 values of one."""
    return np.column_stack([examples.inputs, *divmod(examples.labels, MAX_VALUES)])


CLASSIFIERS = {
    "pictures": Classifier(pictures, score_pictures),
    "lines": Classifier(line_features, score_features),
}
