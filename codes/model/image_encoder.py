"""Sketch to features by way of a picture: how the strokes look, whatever their order and size.

Models of strokes recognise half sketches better, models of pictures whole ones; the router has both. The picture is
made from the points inside the model, so no other module knows of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codes.model.config import ImageConfig
from codes.strokes.stroke3 import OFFSET, UP

CHANNELS = 2  # ink, and how late it was drawn
# Added to positions, in cells: else the middle of an upright line lies between two cells, and rounding errors choose.
CELL_SHIFT = 1e-3
RELU_GAIN = math.sqrt(2 / (1 - 1 / math.pi))  # the ReLU of a standard normal has the variance 1 / RELU_GAIN^2
EPSILON = 1e-6  # added to the square of a kernel's length
SAMPLES = 24  # points along each segment; enough that a line across the picture has no wide gaps


class ImageEncoder(nn.Module):
    """Apply five convolutions to a small picture of the sketch, and pool their maximum and mean."""

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.side = config.side
        width = config.width
        self.layers = nn.Sequential(
            StandardisedConv(CHANNELS, width, kernel=5, stride=2),
            nn.MaxPool2d(2),
            StandardisedConv(width, 2 * width),
            StandardisedConv(2 * width, 2 * width),
            nn.MaxPool2d(2),
            StandardisedConv(2 * width, 4 * width),
            StandardisedConv(4 * width, config.features // 2),
        )

    def forward(self, points: Tensor, lengths: Tensor) -> Tensor:
        """Return features ``[B, features]``, float32, of the first ``lengths [B]`` rows of ``points [B, T, 5]``."""
        image = rasterise(points, lengths, self.side).to(memory_format=torch.channels_last)
        maps = self.layers(image).float().flatten(2)
        return torch.cat([maps.amax(dim=-1), maps.mean(dim=-1)], dim=-1)


class StandardisedConv(nn.Module):
    """Convolve with kernels of mean 0 and a learned length, and apply a ReLU.

    Scaled weight standardisation (Brock, De and Smith 2021, equation 1): it helps training as normalised activations
    do, but weights are few, so a step costs no more, and no sketch depends on the others of its batch.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.padding = stride, kernel // 2
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel, kernel))
        self.gain = nn.Parameter(torch.ones(out_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.kaiming_normal_(self.weight)

    def forward(self, values: Tensor) -> Tensor:
        """Map ``[B, in_channels, H, W]`` to ``[B, out_channels, H / stride, W / stride]``."""
        return torch.relu(F.conv2d(values, self.kernels(), self.bias, self.stride, self.padding))

    def kernels(self) -> Tensor:
        """Return the weights as they are used: of mean 0 and of length :data:`RELU_GAIN` times the gain, by output."""
        rows = self.weight.flatten(1)
        centred = rows - rows.mean(dim=1, keepdim=True)
        length = torch.sqrt(centred.square().sum(dim=1) + EPSILON)
        return (centred * (RELU_GAIN * self.gain / length).unsqueeze(1)).view_as(self.weight)


@torch.no_grad()
def rasterise(points: Tensor, lengths: Tensor, side: int) -> Tensor:
    """Render the first ``lengths [B]`` rows of ``points [B, T, 5]`` as pictures ``[B, 2, side, side]``.

    The drawing fills the picture, its proportions kept. The first channel is 1 where there is ink; the second tells how
    late in the drawing the ink was drawn, from 0 to 1.
    """
    batch, rows = points.shape[:2]
    inside = torch.arange(rows, device=points.device) < lengths.unsqueeze(1)
    ends = points[..., OFFSET].masked_fill(~inside.unsqueeze(-1), 0.0).cumsum(dim=1)
    starts = F.pad(ends, (0, 0, 1, 0))[:, :-1]
    on_paper = inside & ~_in_air(points)
    shares = torch.linspace(0, 1, SAMPLES, device=points.device).view(1, 1, -1, 1)
    spots = starts.unsqueeze(2) * (1 - shares) + ends.unsqueeze(2) * shares  # [B, T, SAMPLES, 2]
    cells = _cells(spots, ends, side)
    late = torch.arange(1, rows + 1, device=points.device) / lengths.unsqueeze(1)
    flat = points.new_zeros(batch * side * side + 1)  # the last cell takes what is not on paper
    place = cells + torch.arange(batch, device=points.device).view(-1, 1, 1) * side * side
    place = torch.where(on_paper.unsqueeze(-1), place, flat.numel() - 1)
    flat.scatter_reduce_(0, place.flatten(), late.unsqueeze(-1).expand_as(place).flatten(), "amax")
    recency = flat[:-1].view(batch, side, side)
    return torch.stack([(recency > 0).to(recency.dtype), recency], dim=1)


def _in_air(points: Tensor) -> Tensor:
    """Mark the rows that the pen moved to through the air, those after a lift; ``[B, T]``."""
    return F.pad(points[..., UP] == 1, (1, 0))[:, :-1]


def _cells(spots: Tensor, ends: Tensor, side: int) -> Tensor:
    """Return the cell of its picture that each spot falls into, ``[B, T, SAMPLES]``; the origin fits in too."""
    low = ends.amin(dim=1).clamp(max=0.0)
    high = ends.amax(dim=1).clamp(min=0.0)
    size = (high - low).amax(dim=-1).clamp(min=1e-6)
    centred = (spots - ((low + high) / 2).view(-1, 1, 1, 2)) / size.view(-1, 1, 1, 1)  # in -0.5 to 0.5
    columns = ((centred + 0.5) * (side - 1) + CELL_SHIFT).round().long().clamp(0, side - 1)
    return columns[..., 1] * side + columns[..., 0]
