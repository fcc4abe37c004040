"""The distribution of the next point: a mixture of bivariate Gaussians and a three-way pen.

Immutable. Nothing is clamped, so a NaN is always a real one: the correlation is ``tanh(a)``, and with the Cholesky
factor of the covariance written in ``cosh(a)`` and ``sinh(a)`` no square root of ``1 - rho^2`` is ever taken. Exact up
to ``|a| = 88``, a correlation that differs from 1 by less than 1e-75; beyond it float32 overflows.
(Ha and Eck 2017, equations 3 to 8; Graves 2013, equation 24.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

PEN_STATES = 3  # DOWN, UP, END
OFFSET = 2
COLDEST = 1e-30  # float32 divides 0 by this
PEN_POWER = 1 / 8  # of the temperature, by which the pen's logits are divided
PEN_COLD = 20.0  # times the temperature is the most that they are divided by: near 0 the pen freezes too


def outputs_for(mixtures: int) -> int:
    """Numbers a decoder must give for each point."""
    return 6 * mixtures + PEN_STATES


def noise_for(mixtures: int) -> int:
    """Random numbers that one sample takes."""
    return mixtures + PEN_STATES + OFFSET


def draw_noise(steps: int, mixtures: int, rng: torch.Generator) -> Tensor:
    """Everything random in ``steps`` points, ``[steps, noise_for(mixtures)]``: Gumbel, Gumbel, normal.

    The numbers are taken point by point, so more steps begin with the same points.
    """
    uniform = torch.rand(steps, noise_for(mixtures), generator=rng, dtype=torch.float64)
    gumbel = -torch.log(-torch.log(uniform[:, :-OFFSET]))
    radius, turn = uniform[:, -OFFSET:].unbind(dim=-1)
    normal = torch.polar(torch.sqrt(-2 * torch.log1p(-radius)), 2 * math.pi * turn)  # Box and Muller 1958
    return torch.cat([gumbel, torch.view_as_real(normal)], dim=-1).float()


@dataclass(frozen=True)
class PointDistribution:
    """The next point, given all before it.

    Attributes:
        weights: ``[..., M]`` logits of the mixture.
        mean: ``[..., M, 2]``.
        log_sd: ``[..., M, 2]``.
        skew: ``[..., M]``; the correlation is its tanh.
        pen: ``[..., 3]`` logits of DOWN, UP, END.
    """

    weights: Tensor
    mean: Tensor
    log_sd: Tensor
    skew: Tensor
    pen: Tensor

    @classmethod
    def from_outputs(cls, outputs: Tensor) -> PointDistribution:
        """Split a decoder's outputs ``[..., 6 M + 3]``, once and by name."""
        outputs = outputs.float()
        pen, mixture = outputs[..., :PEN_STATES], outputs[..., PEN_STATES:]
        parts = torch.unflatten(mixture, -1, (6, -1))
        mean, log_sd = parts[..., 1:3, :].mT, parts[..., 3:5, :].mT
        return cls(parts[..., 0, :], mean, log_sd, parts[..., 5, :], pen)

    def log_prob_offset(self, offset: Tensor) -> Tensor:
        """Log density of ``offset [..., 2]``, in nats; ``[...]``."""
        x, y = ((offset.unsqueeze(-2) - self.mean) * torch.exp(-self.log_sd)).unbind(dim=-1)
        whitened = y * torch.cosh(self.skew) - x * torch.sinh(self.skew)
        log_density = (
            _log_cosh(self.skew)
            - math.log(2 * math.pi)
            - self.log_sd.sum(dim=-1)
            - 0.5 * (x.square() + whitened.square())
        )
        return torch.logsumexp(F.log_softmax(self.weights, dim=-1) + log_density, dim=-1)

    def log_prob_pen(self, pen: Tensor) -> Tensor:
        """Log probability of a one-hot pen state ``[..., 3]``; ``[...]``."""
        asked = F.log_softmax(self.pen, dim=-1) * pen
        return torch.where(pen != 0, asked, 0.0).sum(dim=-1)  # an impossible state that is not asked for costs nothing

    def at(self, time: int) -> PointDistribution:
        """The distributions after one row: ``[B, T]`` to ``[B]``."""
        return PointDistribution(*(getattr(self, each.name)[:, time] for each in fields(self)))

    def select(self, rows: Tensor) -> PointDistribution:
        """Some of the distributions ``[B]``."""
        return PointDistribution(*(getattr(self, each.name)[rows] for each in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[PointDistribution]) -> PointDistribution:
        """Distributions ``[A]``, ``[B]``, ... one after another: ``[A + B + ...]``."""
        return cls(*(torch.cat([getattr(part, each.name) for part in parts]) for each in fields(cls)))

    def without_end(self) -> PointDistribution:
        """The same, given that the sketch goes on."""
        going_on = self.pen.clone()
        going_on[..., 2] = -math.inf
        return replace(self, pen=going_on)

    def at_temperature(self, temperature: float | Tensor) -> PointDistribution:
        """Sharper below 1: mixture logits divided by it, the variance multiplied by it (Ha and Eck 2017, section 3.3).

        One temperature for all, or one for each, ``[...]``.

        The paper divides the pen's logits by it too. An end is never likely at any one point, so that law makes ends
        rarer than they are, and drawings too long; here they are divided by its eighth root (docs/log.md),
        and near 0 in proportion to it, so that a drawing is then the same every time.
        """
        heat = torch.as_tensor(temperature, dtype=torch.float64, device=self.pen.device).unsqueeze(-1)
        return replace(
            self,
            weights=_sharpened(self.weights, heat),
            log_sd=self.log_sd + (0.5 * heat.log()).unsqueeze(-1).to(self.log_sd),
            pen=_sharpened(self.pen, torch.minimum(heat**PEN_POWER, heat * PEN_COLD)),
        )

    def sample(self, noise: Tensor) -> Tensor:
        """One point for each distribution, stroke-5 ``[..., 5]``, a pure function of ``noise [..., M + 5]``.

        The component and the pen are Gumbel-max draws: there is no sum of probabilities to fall short of 1.
        """
        mixtures = self.weights.shape[-1]
        gumbel_weights, gumbel_pen, normal = torch.split(noise, [mixtures, PEN_STATES, OFFSET], dim=-1)
        chosen = (self.weights + gumbel_weights).argmax(dim=-1, keepdim=True)
        mean, log_sd = (_pick(values, chosen) for values in (self.mean, self.log_sd))
        skew = self.skew.gather(-1, chosen).squeeze(-1)
        first, second = normal.unbind(dim=-1)
        tilted = first * torch.tanh(skew) + second / torch.cosh(skew)
        offset = mean + log_sd.exp() * torch.stack([first, tilted], dim=-1)
        pen = (self.pen + gumbel_pen).argmax(dim=-1, keepdim=True)
        return torch.cat([offset, torch.zeros_like(gumbel_pen).scatter_(-1, pen, 1.0)], dim=-1)


def _sharpened(logits: Tensor, heat: Tensor) -> Tensor:
    """The likeliest is at 0 before the division, so that no temperature overflows all of them."""
    return (logits - logits.amax(dim=-1, keepdim=True)) / heat.clamp(min=COLDEST).to(logits)


def _pick(values: Tensor, chosen: Tensor) -> Tensor:
    """``values [..., M, 2]`` at ``chosen [..., 1]``: ``[..., 2]``."""
    return values.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, OFFSET)).squeeze(-2)


def _log_cosh(value: Tensor) -> Tensor:
    """Without overflow: ``|a| + log(1 + exp(-2 |a|)) - log 2``."""
    size = value.abs()
    return size + F.softplus(-2 * size) - math.log(2)
