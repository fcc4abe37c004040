"""Fits a critic: of each category a logistic regression between what people finished and what its decoder did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from codes.model.config import CriticConfig
from codes.model.critic import Critic

STRENGTH = 1e-3  # of the loss beside the weights' squares, features standardised (scikit-learn's C); docs/log.md


@dataclass(frozen=True)
class Practice:
    """Features of sketches of one category that people finished ``[N, F]``, and that its decoder did ``[M, F]``."""

    theirs: Tensor
    ours: Tensor


def fit_critic(practice: Mapping[str, Practice]) -> Critic:
    """A row for each category; both kinds of sketch weigh alike, so its log odds are 0 where they are as likely."""
    rows, biases = zip(*(_row(each) for each in practice.values()), strict=True)
    critic = Critic(CriticConfig(features=len(rows[0]), categories=len(rows)))
    critic.load_state_dict({"rows.weight": torch.stack(rows), "rows.bias": torch.stack(biases)})
    return critic.requires_grad_(False)


def _row(practice: Practice) -> tuple[Tensor, Tensor]:
    """Weights ``[F]`` and bias for features as they are, fitted on standardised ones."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features = torch.cat([practice.theirs, practice.ours]).double().numpy()
    people = np.arange(len(features)) < len(practice.theirs)
    scaler = StandardScaler().fit(features)
    fitted = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    fitted.fit(scaler.transform(features), people)
    weights = fitted.coef_[0] / scaler.scale_
    bias = fitted.intercept_[0] - scaler.mean_ @ weights
    return torch.from_numpy(weights).float(), torch.tensor(bias, dtype=torch.float32)
