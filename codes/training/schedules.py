"""Numbers that change with the step: pure functions of it."""

from __future__ import annotations

import math

from codes.training.config import TrainConfig


def kl_weight(config: TrainConfig, step: int) -> float:
    """The KL term's weight: ``w (1 - (1 - start) decay^step)`` (Ha and Eck 2017, section 4.2)."""
    return config.kl_weight * (1 - (1 - config.kl_start) * config.kl_decay**step)


def learning_rate(config: TrainConfig, step: int) -> float:
    """A linear warm-up, then half a cosine from ``learning_rate`` to ``final_rate`` at the last step."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup))
    return config.final_rate + (config.learning_rate - config.final_rate) * 0.5 * (1 + math.cos(math.pi * done))
