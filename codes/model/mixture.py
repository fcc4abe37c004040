"""The distribution of the next point: a mixture of bivariate Gaussians and a three-way pen.

Immutable. Nothing is clamped, so a NaN is always a real one: the correlation is ``tanh(a)``, and with the Cholesky
factor of the covariance written in ``cosh(a)`` and ``sinh(a)`` no square root of ``1 - rho^2`` is ever taken. Exact up
to ``|a| = 88``, a correlation that differs from 1 by less than 1e-75; beyond it float32 overflows.
(Ha and Eck 2017, equations 3 to 8; Graves 2013, equation 24.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

PEN_STATES = 3  # DOWN, UP, END
OFFSET = 2


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
        log_weights: ``[..., M]``, normalised.
        mean: ``[..., M, 2]``.
        log_sd: ``[..., M, 2]``.
        skew: ``[..., M]``; the correlation is its tanh.
        pen: ``[..., 3]`` log probabilities of DOWN, UP, END, normalised.
    """

    log_weights: Tensor
    mean: Tensor
    log_sd: Tensor
    skew: Tensor
    pen: Tensor

    @classmethod
    def from_outputs(cls, outputs: Tensor) -> PointDistribution:
        """Split a decoder's outputs ``[..., 6 M + 3]``, once and by name."""
        outputs = outputs.float()
        pen, mixture = outputs[..., :PEN_STATES], outputs[..., PEN_STATES:]
        weights, mean_x, mean_y, sd_x, sd_y, skew = mixture.chunk(6, dim=-1)
        return cls(
            log_weights=F.log_softmax(weights, dim=-1),
            mean=torch.stack([mean_x, mean_y], dim=-1),
            log_sd=torch.stack([sd_x, sd_y], dim=-1),
            skew=skew,
            pen=F.log_softmax(pen, dim=-1),
        )

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
        return torch.logsumexp(self.log_weights + log_density, dim=-1)

    def log_prob_pen(self, pen: Tensor) -> Tensor:
        """Log probability of a one-hot pen state ``[..., 3]``; ``[...]``."""
        asked = torch.where(pen != 0, self.pen * pen, 0.0)  # a state that is impossible may stand unasked for
        return asked.sum(dim=-1)

    def at(self, time: int) -> PointDistribution:
        """The distributions after one row: ``[B, T]`` to ``[B]``."""
        return PointDistribution(*(getattr(self, each.name)[:, time] for each in fields(self)))

    def without_end(self) -> PointDistribution:
        """The same, given that the sketch goes on."""
        going_on = self.pen.clone()
        going_on[..., 2] = -math.inf
        return replace(self, pen=F.log_softmax(going_on, dim=-1))

    def at_temperature(self, temperature: float) -> PointDistribution:
        """Sharper below 1: mixture logits divided by it, the variance multiplied by it (Ha and Eck 2017, section 3.3).

        The paper divides the pen's logits by it too. An end is never likely at any one point, so that law makes ends
        rarer than they are, and drawings too long; here they are divided by its fourth root (docs/log.md).
        """
        return replace(
            self,
            log_weights=_sharpened(self.log_weights, temperature),
            log_sd=self.log_sd + 0.5 * math.log(temperature),
            pen=_sharpened(self.pen, temperature**0.25),
        )

    def sample(self, noise: Tensor) -> Tensor:
        """One point for each distribution, stroke-5 ``[..., 5]``, a pure function of ``noise [..., M + 5]``.

        The component and the pen are Gumbel-max draws: there is no sum of probabilities to fall short of 1.
        """
        mixtures = self.log_weights.shape[-1]
        gumbel_weights, gumbel_pen, normal = torch.split(noise, [mixtures, PEN_STATES, OFFSET], dim=-1)
        chosen = (self.log_weights + gumbel_weights).argmax(dim=-1, keepdim=True)
        mean, sd = (_pick(values, chosen) for values in (self.mean, self.log_sd.exp()))
        skew = self.skew.gather(-1, chosen).squeeze(-1)
        first, second = normal.unbind(dim=-1)
        tilted = first * torch.tanh(skew) + second / torch.cosh(skew)
        offset = mean + sd * torch.stack([first, tilted], dim=-1)
        pen = F.one_hot((self.pen + gumbel_pen).argmax(dim=-1), PEN_STATES).to(offset.dtype)
        return torch.cat([offset, pen], dim=-1)


def _sharpened(logits: Tensor, temperature: float) -> Tensor:
    """The likeliest is at 0 before the division, and that in float64, so that no temperature overflows all of them."""
    below = (logits - logits.amax(dim=-1, keepdim=True)).double()
    return F.log_softmax(below / temperature, dim=-1).to(logits.dtype)


def _pick(values: Tensor, chosen: Tensor) -> Tensor:
    """``values [..., M, 2]`` at ``chosen [..., 1]``: ``[..., 2]``."""
    return values.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, OFFSET)).squeeze(-2)


def _log_cosh(value: Tensor) -> Tensor:
    """Without overflow: ``|a| + log(1 + exp(-2 |a|)) - log 2``."""
    size = value.abs()
    return size + F.softplus(-2 * size) - math.log(2)
