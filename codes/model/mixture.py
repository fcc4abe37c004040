"""The distribution of the next point: a mixture of bivariate Gaussians and of earlier ink, and a three-way pen.

(Ha and Eck 2017, equations 3 to 8; Graves 2013, equation 24.) Nothing is clamped, so a NaN always means a fault. A
decoder gives ``a``, and the correlation is ``rho = tanh(a)``: with the Cholesky factor of the covariance written in
``cosh(a)`` and ``sinh(a)``, no square root of ``1 - rho^2`` is taken. That is exact up to ``|a| = 88``, where rho
differs from 1 by less than 1e-75; beyond it float32 overflows. Knows tensors; knows neither decoders nor sketches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from codes.model.anchors import Anchors
from codes.model.fused_draw import can_draw, draw_points
from codes.model.fused_ink import AnchorNoise
from codes.strokes.stroke3 import END, OFFSET, PEN

PEN_STATES = 3  # DOWN, UP, END
OFFSET_SIZE = 2
PARTS = 6  # of a component: weight, mean of x and y, log sd of x and y, atanh of the correlation
# The pen's logits are divided by this power of the temperature, but by no more than PEN_COLD times the temperature, so
# that near 0 the pen is certain too.
PEN_POWER = 1 / 8
PEN_COLD = 20.0
# Whether the next point is put on earlier ink is one choice, cooled by this power. All anchors together are one weight
# and the components are many: were they cooled alike, anchors would always win (docs/log.md).
ANCHOR_POWER = 1 / 2
COLDEST = 1e20  # largest inverse temperature; what is colder is as certain


def outputs_for(mixtures: int) -> int:
    """Return how many outputs of a decoder make a distribution without anchors."""
    return PARTS * mixtures + PEN_STATES


def noise_parts(mixtures: int) -> list[int]:
    """Return how many numbers of a sample's noise serve what.

    In their order: Gumbel noise of the components, Gumbel noise of the pen, logistic noise of whether there is an
    anchor, the uniform number that chooses it, the inverse temperature of that choice, and normal numbers for the
    offset.
    """
    return [mixtures, PEN_STATES, 1, 1, 1, OFFSET_SIZE]


def draw_noise(steps: int, mixtures: int, rngs: Sequence[torch.Generator]) -> Tensor:
    """Draw all random numbers of ``steps`` points at temperature 1, one drawing from each generator: ``[N, steps, K]``.

    See :func:`noise_parts`. They are drawn point by point, so the noise of more steps begins with that of fewer.
    """
    weights, pen, anchored, choice, inverse_temperature, _ = noise_parts(mixtures)
    count = sum(noise_parts(mixtures)) - inverse_temperature
    uniform = torch.stack([torch.rand(steps, count, generator=rng, dtype=torch.float64) for rng in rngs])
    for_gumbel, for_logistic, choose, for_normal = torch.split(
        uniform, [weights + pen, anchored, choice, OFFSET_SIZE], dim=-1
    )
    gumbel = for_gumbel.log().neg_().log_().neg_()
    radius, angle = for_normal.unbind(dim=-1)
    normal = torch.polar(torch.sqrt(-2 * torch.log1p(-radius)), 2 * math.pi * angle)  # Box and Muller 1958
    parts = [gumbel, torch.logit(for_logistic), choose, torch.ones_like(choose), torch.view_as_real(normal)]
    return torch.cat(parts, dim=-1).float()


def apply_temperature(noise: Tensor, temperature: Tensor) -> Tensor:
    """Scale noise ``[..., K]`` so that :meth:`PointDistribution.sample` draws at ``temperature [...]``, float64.

    A temperature divides the logits of the mixture and multiplies the variances (Ha and Eck 2017, section 3.3). The
    largest of ``logits / t + noise`` is that of ``logits + t noise``, so only the noise has to change, once for all
    points, and no temperature is too low for float32. Anchors are chosen by their running sum, so there the inverse
    temperature itself goes along; their width is cooled like that of any component.

    The paper divides the pen's logits by the temperature too. An end is never likely at any single point, so ends
    become rare that way and drawings too long. Here the pen's logits are divided by the eighth root of the temperature
    (docs/log.md), and near 0 in proportion to it, so that a cold drawing is the same every time. At 0 nothing of the
    noise is left, see :func:`greedy_noise`.
    """
    temperature = temperature.unsqueeze(-1)
    pen = torch.minimum(temperature**PEN_POWER, temperature * PEN_COLD)
    anchored = torch.minimum(temperature**ANCHOR_POWER, temperature * PEN_COLD)
    one, inverse = torch.ones_like(temperature), (1 / temperature).clamp(max=COLDEST)
    counts = noise_parts(noise.shape[-1] - sum(noise_parts(0)))
    factors = zip((temperature, pen, anchored, one, inverse, temperature.sqrt()), counts, strict=True)
    scale = torch.cat([factor.expand(*factor.shape[:-1], count) for factor, count in factors], dim=-1).to(noise)
    return torch.where(temperature > 0, noise * scale, greedy_noise(counts[0]).to(noise))


def greedy_noise(mixtures: int) -> Tensor:
    """Return the numbers ``[K]`` with which the likeliest point is drawn.

    That is the mean of the component with the largest weight, or of the anchor where anchors are likelier than all
    components together, and the likeliest pen state. Of anchors that are exactly alike the middle one is taken.
    """
    parts = [torch.zeros(count) for count in noise_parts(mixtures)]
    *_, choice, inverse_temperature, _ = parts
    choice.fill_(0.5)
    inverse_temperature.fill_(COLDEST)
    return torch.cat(parts)


@dataclass(frozen=True)
class PointDistribution:
    """Hold the distribution of the next point, given all before it; immutable.

    Attributes:
        outputs: ``[..., 6 M + 3]`` of a decoder, float32: the pen, then the mixture, part by part. With anchors there
            is one more, the logit of all anchors together beside those of the components.
        anchors: earlier ink that the next point may be put at; None for a decoder that does not see it. Samples are
            drawn with anchors ``[B, 1]`` of outputs ``[B, O]``.
    """

    outputs: Tensor
    anchors: Anchors | None = None

    @classmethod
    def from_outputs(cls, outputs: Tensor, anchors: Anchors | None = None) -> PointDistribution:
        """Make one of outputs in any precision."""
        return cls(outputs.float(), anchors)

    @property
    def pen(self) -> Tensor:
        """Return the logits of DOWN, UP and END, ``[..., 3]``."""
        return self.outputs[..., :PEN_STATES]

    @property
    def weights(self) -> Tensor:
        """Return the logits of the components, ``[..., M]``, and of all anchors together where there are any."""
        return self._weights(self._parts)

    @property
    def mean(self) -> Tensor:
        """Return the means of the components, ``[..., M, 2]``."""
        return self._parts[..., 1:3, :].mT

    @property
    def log_sd(self) -> Tensor:
        """Return the logarithms of their standard deviations, ``[..., M, 2]``."""
        return self._parts[..., 3:5, :].mT

    @property
    def atanh_rho(self) -> Tensor:
        """Return the inverse tanh of their correlations, ``[..., M]``."""
        return self._parts[..., 5, :]

    @property
    def _parts(self) -> Tensor:
        """Return all numbers of the components, ``[..., 6, M]``."""
        end = self.outputs.shape[-1] - (self.anchors is not None)
        return torch.unflatten(self.outputs[..., PEN_STATES:end], -1, (PARTS, -1))

    def _weights(self, parts: Tensor) -> Tensor:
        weights = parts[..., 0, :]
        return weights if self.anchors is None else torch.cat([weights, self.outputs[..., -1:]], dim=-1)

    def log_prob_offset(self, offset: Tensor) -> Tensor:
        """Return the log density of ``offset [..., 2]`` in nats, ``[...]``."""
        log_sd, atanh_rho = self.log_sd, self.atanh_rho
        x, y = ((offset.unsqueeze(-2) - self.mean) * torch.exp(-log_sd)).unbind(dim=-1)
        whitened = y * torch.cosh(atanh_rho) - x * torch.sinh(atanh_rho)
        log_density = (
            _log_cosh(atanh_rho) - math.log(2 * math.pi) - log_sd.sum(dim=-1) - 0.5 * (x.square() + whitened.square())
        )
        if self.anchors is not None:
            log_density = torch.cat([log_density, self.anchors.log_prob(offset).unsqueeze(-1)], dim=-1)
        return torch.logsumexp(F.log_softmax(self.weights, dim=-1) + log_density, dim=-1)

    def log_prob_pen(self, pen: Tensor) -> Tensor:
        """Return the log probability of a one-hot pen state ``[..., 3]`` in nats, ``[...]``."""
        log_probability = F.log_softmax(self.pen, dim=-1) * pen
        return torch.where(pen != 0, log_probability, 0.0).sum(dim=-1)  # 0 times minus infinity would be NaN

    def squeezed(self) -> PointDistribution:
        """Return distributions ``[B]`` of ``[B, 1]``; their anchors stay as they are."""
        return replace(self, outputs=self.outputs.squeeze(1))

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return points ``[A, 5]`` as :meth:`sample` does for distributions ``[A]``, and their nats ``[A]``.

        The nats are those of :meth:`log_prob`.
        """
        if can_draw(self.outputs):
            return draw_points(self.outputs, self.anchors, self._parts.shape[-1], noise)
        points = self.sample(noise)
        return points, self.log_prob(points)

    def log_prob(self, points: Tensor) -> Tensor:
        """Return the nats of whole points ``[..., 5]``: of the pen, and of the offset where the sketch does not end."""
        goes_on = 1 - points[..., END]
        return self.log_prob_pen(points[..., PEN]) + self.log_prob_offset(points[..., OFFSET]) * goes_on

    def sample(self, noise: Tensor) -> Tensor:
        """Return one point for each distribution, stroke-5 ``[..., 5]``, a pure function of ``noise [..., K]``.

        First it is drawn whether the point is put on an anchor. The component and the pen are Gumbel-max draws, so no
        sum of probabilities can fall short of 1. See :func:`draw_noise` for the noise and :func:`apply_temperature` for
        temperatures.
        """
        parts = self._parts
        gumbel_weights, gumbel_pen, logistic, choice, inverse_temperature, normal = torch.split(
            noise, noise_parts(parts.shape[-1]), dim=-1
        )
        weights = parts[..., 0, :]
        index = (weights + gumbel_weights).argmax(dim=-1, keepdim=True).unsqueeze(-1)
        component = parts.gather(-1, index.expand(*parts.shape[:-1], 1)).squeeze(-1)
        _, mean, log_sd, atanh_rho = torch.split(component, [1, OFFSET_SIZE, OFFSET_SIZE, 1], dim=-1)
        first, second = torch.split(normal, 1, dim=-1)
        tilted = torch.addcdiv(first * atanh_rho.tanh(), second, atanh_rho.cosh())
        offset = torch.addcmul(mean, log_sd.exp(), torch.cat([first, tilted], dim=-1))
        if self.anchors is not None:
            anchored = self.outputs[..., -1:] - weights.logsumexp(dim=-1, keepdim=True) + logistic > 0
            if anchored.any():
                drawn = self.anchors.sample(AnchorNoise(choice, normal, inverse_temperature))
                offset = torch.where(anchored, drawn, offset)
        pen = (self.pen + gumbel_pen).argmax(dim=-1, keepdim=True)
        return torch.cat([offset, torch.zeros_like(gumbel_pen).scatter_(-1, pen, 1.0)], dim=-1)


def without_end(outputs: Tensor) -> Tensor:
    """Return outputs of a decoder, ``[..., O]``, whose distributions are those given that the sketch goes on."""
    outputs = outputs.clone()
    outputs[..., PEN_STATES - 1] = -math.inf
    return outputs


def _log_cosh(value: Tensor) -> Tensor:
    """Return log cosh without overflow, as ``|a| + log(1 + exp(-2 |a|)) - log 2``."""
    size = value.abs()
    return size + F.softplus(-2 * size) - math.log(2)
