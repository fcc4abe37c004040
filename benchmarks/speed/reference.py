"""What halfdrawn is compared with: Sketch-RNN as it is usually written, on its own and as plainly as can be.

Imports nothing of ``codes``. Every sketch is padded to 200 rows, both encoder directions run over the padding, z is
joined to every input of the decoder, all of it in float32, with torch's own LSTM; a sketch is drawn alone, point by
point, its mixture sampled by numpy. What is slow about it is that and nothing else: batches are put together from
arrays in memory, the mixture's density is one logsumexp, and a prefix is read in one call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Floats = NDArray[np.float32]
LIFT = 2  # the last column of stroke-3
OFFSET, DOWN, UP, END = slice(0, 2), 2, 3, 4  # the columns of stroke-5
PEN = slice(2, 5)
KL_WEIGHT = 0.5
CLIP = 1.0


@dataclass(frozen=True)
class Sizes:
    """The sizes that the earlier systems train with.

    Attributes:
        encoder: hidden units of each direction.
        decoder: hidden units.
        latent: length of z.
        mixtures: Gaussians of the next offset.
        rows: every sketch is padded to this many.
        batch: sketches a step.
    """

    encoder: int = 256
    decoder: int = 512
    latent: int = 128
    mixtures: int = 20
    rows: int = 200
    batch: int = 100


class Corpus:
    """Sketches in memory, and batches of them drawn at random."""

    def __init__(self, sketches: Sequence[Floats], labels: NDArray[np.int64], sizes: Sizes) -> None:
        self.sketches, self.labels, self.sizes = sketches, labels, sizes
        self.rng = np.random.default_rng(0)

    def draw_batch(self) -> tuple[Tensor, Tensor]:
        """Whole sketches, each scaled a little: ``[B, rows + 1, 5]`` with the start row, and their lengths ``[B]``."""
        chosen = self.rng.integers(len(self.sketches), size=self.sizes.batch)
        return padded([self._scaled(self.sketches[i]) for i in chosen], self.sizes.rows)

    def cut_batch(self) -> tuple[Tensor, Tensor]:
        """Sketches that lack 0 to 50 % of their points, ``[B, rows + 1, 5]``, and their labels ``[B]``."""
        chosen = self.rng.integers(len(self.sketches), size=self.sizes.batch)
        shares = self.rng.uniform(0.5, 1.0, size=len(chosen))
        sketches = [self.sketches[i] for i in chosen]
        cut = [rows[: max(1, round(share * len(rows)))] for rows, share in zip(sketches, shares, strict=True)]
        return padded(cut, self.sizes.rows)[0], torch.from_numpy(self.labels[chosen])

    def _scaled(self, sketch: Floats) -> Floats:
        scaled = sketch.copy()
        scaled[:, OFFSET] *= self.rng.uniform(0.85, 1.15, size=2).astype(np.float32)
        return scaled


def padded(sketches: Sequence[Floats], rows: int) -> tuple[Tensor, Tensor]:
    """Stroke-3 sketches to ``[B, rows + 1, 5]`` stroke-5, start row first, and their lengths ``[B]``."""
    points = np.zeros((len(sketches), rows + 1, 5), dtype=np.float32)
    points[:, 0, DOWN] = 1
    points[:, 1:, END] = 1
    for row, sketch in zip(points, sketches, strict=True):
        inside = row[1 : len(sketch) + 1]
        inside[:, OFFSET] = sketch[:, OFFSET]
        inside[:, DOWN] = 1 - sketch[:, LIFT]
        inside[:, UP] = sketch[:, LIFT]
        inside[:, END] = 0
    return torch.from_numpy(points), torch.tensor([len(sketch) for sketch in sketches])


class ReferenceEncoder(nn.Module):
    """Both directions of an LSTM over every row it is given; the two last states."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, sizes.encoder, bidirectional=True, batch_first=True)

    def forward(self, points: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(points)
        return torch.cat([hidden[0], hidden[1]], dim=-1)


class ReferenceDecoder(nn.Module):
    """An LSTM over points joined with z."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.start = nn.Linear(sizes.latent, 2 * sizes.decoder)
        self.lstm = nn.LSTM(5 + sizes.latent, sizes.decoder, batch_first=True)
        self.output = nn.Linear(sizes.decoder, 6 * sizes.mixtures + 3)

    def initial_state(self, z: Tensor) -> tuple[Tensor, Tensor]:
        hidden, cell = torch.tanh(self.start(z)).chunk(2, dim=-1)
        return hidden.unsqueeze(0).contiguous(), cell.unsqueeze(0).contiguous()

    def forward(self, points: Tensor, z: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        joined = torch.cat([points, z.unsqueeze(1).expand(-1, points.shape[1], -1)], dim=-1)
        hidden, state = self.lstm(joined, state)
        return self.output(hidden), state


class ReferenceVAE(nn.Module):
    """Sketch-RNN (Ha and Eck 2017, section 3.2)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.encoder = ReferenceEncoder(sizes)
        self.mean = nn.Linear(2 * sizes.encoder, sizes.latent)
        self.log_var = nn.Linear(2 * sizes.encoder, sizes.latent)
        self.decoder = ReferenceDecoder(sizes)

    def loss(self, points: Tensor, lengths: Tensor) -> Tensor:
        """Reconstruction and KL of ``points [B, rows + 1, 5]``, averaged over all rows, padding included."""
        features = self.encoder(points[:, 1:])
        mean, log_var = self.mean(features), self.log_var(features)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        outputs, _ = self.decoder(points[:, :-1], z, self.decoder.initial_state(z))
        divergence = -0.5 * (1 + log_var - mean.square() - log_var.exp()).mean()
        return reconstruction(outputs, points[:, 1:], lengths) + KL_WEIGHT * divergence


def reconstruction(outputs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """Nats a row of ``targets [B, T, 5]`` under ``outputs [B, T, 6 M + 3]``; offsets past the length cost nothing."""
    pen, mixture = outputs[..., :3], outputs[..., 3:]
    inside = torch.arange(targets.shape[1]) < lengths.unsqueeze(1)
    offset_nats = -(mixture_log_density(mixture, targets[..., OFFSET]) * inside).sum()
    pen_nats = F.cross_entropy(pen.flatten(0, 1), targets[..., PEN].argmax(dim=-1).flatten(), reduction="sum")
    return (offset_nats + pen_nats) / inside.numel()


def mixture_log_density(mixture: Tensor, offset: Tensor) -> Tensor:
    """Return the log density of ``offset [..., 2]``; ``mixture [..., 6 M]`` has weights, means, log deviations, rho."""
    weights, mean_x, mean_y, log_sd_x, log_sd_y, raw = mixture.chunk(6, dim=-1)
    rho = torch.tanh(raw) * 0.999
    x = (offset[..., :1] - mean_x) * torch.exp(-log_sd_x)
    y = (offset[..., 1:] - mean_y) * torch.exp(-log_sd_y)
    rest = 1 - rho.square()
    squares = (x.square() + y.square() - 2 * rho * x * y) / (2 * rest)
    log_density = -squares - log_sd_x - log_sd_y - 0.5 * torch.log(rest) - math.log(2 * math.pi)
    return torch.logsumexp(F.log_softmax(weights, dim=-1) + log_density, dim=-1)


class ReferenceRouter(nn.Module):
    """The same encoder and three linear layers."""

    def __init__(self, sizes: Sizes, labels: int) -> None:
        super().__init__()
        self.encoder = ReferenceEncoder(sizes)
        widths = [2 * sizes.encoder, sizes.encoder, sizes.encoder // 2, labels]
        first, second, third = (nn.Linear(i, o) for i, o in pairwise(widths))
        self.layers = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)

    def loss(self, points: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of ``points [B, rows + 1, 5]``."""
        return F.cross_entropy(self.layers(self.encoder(points[:, 1:])), labels)


class ReferenceTraining:
    """A model, Adam, and the plain step."""

    def __init__(self, model: ReferenceVAE | ReferenceRouter, corpus: Corpus) -> None:
        self.model = model
        self.draw = corpus.draw_batch if isinstance(model, ReferenceVAE) else corpus.cut_batch
        self.optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(self) -> float:
        """Train on one batch and return its loss."""
        loss = self.model.loss(*self.draw())
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimiser.step()
        return loss.item()


@torch.no_grad()
def continue_sketch(
    vae: ReferenceVAE, prefix: Floats, count: int, temperature: float, rng: np.random.Generator
) -> Floats:
    """``count`` rows of stroke-5 after the stroke-3 rows of ``prefix``, or fewer where the sketch ends."""
    points, _ = padded([prefix], len(prefix))
    z = vae.mean(vae.encoder(points[:, 1:]))
    outputs, state = vae.decoder(points, z, vae.decoder.initial_state(z))
    drawn: list[Floats] = []
    while len(drawn) < count:
        drawn.append(sample_point(outputs[0, -1].numpy(), temperature, rng))
        if drawn[-1][END] == 1:
            break
        outputs, state = vae.decoder(torch.from_numpy(drawn[-1]).reshape(1, 1, 5), z, state)
    return np.stack(drawn)


def sample_point(outputs: Floats, temperature: float, rng: np.random.Generator) -> Floats:
    """Draw one row of stroke-5 from a decoder's ``outputs [6 M + 3]``."""
    values = outputs.astype(np.float64)
    weights, mean_x, mean_y, log_sd_x, log_sd_y, raw = np.split(values[3:], 6)
    chosen = rng.choice(len(weights), p=_softmax(weights / temperature))
    sd_x, sd_y = np.exp(log_sd_x[chosen]), np.exp(log_sd_y[chosen])
    shared = np.tanh(raw[chosen]) * 0.999 * sd_x * sd_y
    covariance = np.array([[sd_x**2, shared], [shared, sd_y**2]]) * temperature
    point = np.zeros(5, dtype=np.float32)
    point[OFFSET] = rng.multivariate_normal([mean_x[chosen], mean_y[chosen]], covariance)
    point[DOWN + rng.choice(3, p=_softmax(values[:3] / temperature))] = 1
    return point


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()
