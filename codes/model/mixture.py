"""The distribution of the next point: a mixture of bivariate Gaussians and a three-way pen.

Immutable. Nothing is clamped, so a NaN is always a real one: the correlation is ``tanh(a)``, and with the Cholesky
factor of the covariance written in ``cosh(a)`` and ``sinh(a)`` no square root of ``1 - rho^2`` is ever taken. Exact up
to ``|a| = 88``, a correlation that differs from 1 by less than 1e-75; beyond it float32 overflows.
(Ha and Eck 2017, equations 3 to 8; Graves 2013, equation 24.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

PEN_STATES = 3  # DOWN, UP, END
OFFSET_SIZE = 2
PARTS = 6  # of a component: weight, mean of x and y, log sd of x and y, atanh of the correlation
PEN_POWER = 1 / 8  # of the temperature, by which the pen's logits are divided
PEN_COLD = 20.0  # times the temperature is the most that they are divided by: near 0 the pen freezes too


def outputs_for(mixtures: int) -> int:
    """Numbers a decoder must give for each point."""
    return PARTS * mixtures + PEN_STATES


def noise_for(mixtures: int) -> int:
    """Random numbers that one sample takes."""
    return mixtures + PEN_STATES + OFFSET_SIZE


def draw_noise(steps: int, mixtures: int, rng: torch.Generator) -> Tensor:
    """Everything random in ``steps`` points, ``[steps, noise_for(mixtures)]``: Gumbel, Gumbel, normal.

    The numbers are taken point by point, so more steps begin with the same points.
    """
    uniform = torch.rand(steps, noise_for(mixtures), generator=rng, dtype=torch.float64)
    gumbel = -torch.log(-torch.log(uniform[:, :-OFFSET_SIZE]))
    radius, turn = uniform[:, -OFFSET_SIZE:].unbind(dim=-1)
    normal = torch.polar(torch.sqrt(-2 * torch.log1p(-radius)), 2 * math.pi * turn)  # Box and Muller 1958
    return torch.cat([gumbel, torch.view_as_real(normal)], dim=-1).float()


def apply_temperature(noise: Tensor, temperature: Tensor) -> Tensor:
    """Noise ``[..., M + 5]`` with which a sample is one at ``temperature [...]``, float64.

    The mixture's logits are to be divided by it, the variance multiplied (Ha and Eck 2017, section 3.3). But the
    largest of ``logits / t + noise`` is that of ``logits + t noise``: so all of it is done to the noise, once for all
    points, and no temperature is too low for float32.

    The paper divides the pen's logits by it too. An end is never likely at any one point, so that law makes ends
    rarer than they are, and drawings too long; here they are divided by its eighth root (docs/log.md), and near 0 in
    proportion to it, so that a drawing is then the same every time.
    """
    heat = temperature.unsqueeze(-1)
    pen = torch.minimum(heat**PEN_POWER, heat * PEN_COLD)
    counts = (noise.shape[-1] - PEN_STATES - OFFSET_SIZE, PEN_STATES, OFFSET_SIZE)
    factors = zip((heat, pen, heat.sqrt()), counts, strict=True)
    return noise * torch.cat([factor.expand(*factor.shape[:-1], count) for factor, count in factors], dim=-1).to(noise)


@dataclass(frozen=True)
class PointDistribution:
    """The next point, given all before it.

    Attributes:
        outputs: ``[..., 6 M + 3]`` what a decoder gives, float32: the pen, then the mixture, part by part.
    """

    outputs: Tensor

    @classmethod
    def from_outputs(cls, outputs: Tensor) -> PointDistribution:
        """Of outputs in any precision."""
        return cls(outputs.float())

    @property
    def pen(self) -> Tensor:
        """``[..., 3]`` logits of DOWN, UP, END."""
        return self.outputs[..., :PEN_STATES]

    @property
    def weights(self) -> Tensor:
        """``[..., M]`` logits of the mixture."""
        return self._parts[..., 0, :]

    @property
    def mean(self) -> Tensor:
        """``[..., M, 2]``."""
        return self._parts[..., 1:3, :].mT

    @property
    def log_sd(self) -> Tensor:
        """``[..., M, 2]``."""
        return self._parts[..., 3:5, :].mT

    @property
    def atanh_rho(self) -> Tensor:
        """``[..., M]``; the correlation is its tanh."""
        return self._parts[..., 5, :]

    @property
    def _parts(self) -> Tensor:
        """``[..., 6, M]``."""
        return torch.unflatten(self.outputs[..., PEN_STATES:], -1, (PARTS, -1))

    def log_prob_offset(self, offset: Tensor) -> Tensor:
        """Log density of ``offset [..., 2]``, in nats; ``[...]``."""
        log_sd, atanh_rho = self.log_sd, self.atanh_rho
        x, y = ((offset.unsqueeze(-2) - self.mean) * torch.exp(-log_sd)).unbind(dim=-1)
        whitened = y * torch.cosh(atanh_rho) - x * torch.sinh(atanh_rho)
        log_density = (
            _log_cosh(atanh_rho) - math.log(2 * math.pi) - log_sd.sum(dim=-1) - 0.5 * (x.square() + whitened.square())
        )
        return torch.logsumexp(F.log_softmax(self.weights, dim=-1) + log_density, dim=-1)

    def log_prob_pen(self, pen: Tensor) -> Tensor:
        """Log probability of a one-hot pen state ``[..., 3]``; ``[...]``."""
        asked = F.log_softmax(self.pen, dim=-1) * pen
        return torch.where(pen != 0, asked, 0.0).sum(dim=-1)  # an impossible state that is not asked for costs nothing

    def select(self, rows: Tensor) -> PointDistribution:
        """Some of the distributions ``[B]``."""
        return PointDistribution(self.outputs[rows])

    @classmethod
    def joined(cls, parts: Sequence[PointDistribution]) -> PointDistribution:
        """Distributions ``[A]``, ``[B]``, ... one after another: ``[A + B + ...]``."""
        return cls(torch.cat([part.outputs for part in parts]))

    def without_end(self) -> PointDistribution:
        """The same, given that the sketch goes on."""
        going_on = self.outputs.clone()
        going_on[..., PEN_STATES - 1] = -math.inf
        return PointDistribution(going_on)

    def sample(self, noise: Tensor) -> Tensor:
        """One point for each distribution, stroke-5 ``[..., 5]``, a pure function of ``noise [..., M + 5]``.

        The component and the pen are Gumbel-max draws: there is no sum of probabilities to fall short of 1. See
        :func:`apply_temperature` for temperatures.
        """
        parts = self._parts
        gumbel_weights, gumbel_pen, normal = torch.split(noise, [parts.shape[-1], PEN_STATES, OFFSET_SIZE], dim=-1)
        chosen = (parts[..., 0, :] + gumbel_weights).argmax(dim=-1, keepdim=True).unsqueeze(-1)
        picked = parts.gather(-1, chosen.expand(*parts.shape[:-1], 1)).squeeze(-1)
        _, mean, log_sd, atanh_rho = torch.split(picked, [1, OFFSET_SIZE, OFFSET_SIZE, 1], dim=-1)
        first, second = torch.split(normal, 1, dim=-1)
        tilted = torch.addcdiv(first * atanh_rho.tanh(), second, atanh_rho.cosh())
        offset = torch.addcmul(mean, log_sd.exp(), torch.cat([first, tilted], dim=-1))
        pen = (self.pen + gumbel_pen).argmax(dim=-1, keepdim=True)
        return torch.cat([offset, torch.zeros_like(gumbel_pen).scatter_(-1, pen, 1.0)], dim=-1)


def _log_cosh(value: Tensor) -> Tensor:
    """Without overflow: ``|a| + log(1 + exp(-2 |a|)) - log 2``."""
    size = value.abs()
    return size + F.softplus(-2 * size) - math.log(2)
