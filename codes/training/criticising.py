"""Fits a critic: what tells sketches that people finished from those that decoders did, of each category and of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from codes.model.config import CriticConfig
from codes.model.critic import Critic
from codes.training.sharing import Pile, fit_shared

STRENGTH = 1e-3  # of the loss beside the weights' squares, features standardised (scikit-learn's C); docs/log.md


@dataclass(frozen=True)
class Practice:
    """Features of sketches of one category that people finished ``[N, F]``, and that its decoder did ``[M, F]``."""

    theirs: Tensor
    ours: Tensor


def fit_critic(practice: Mapping[str, Practice]) -> Critic:
    """Both of its opinions; both kinds of sketch weigh alike, so log odds are 0 where they are as likely."""
    every = list(practice.values())
    rows, biases = zip(*(_row(each) for each in every), strict=True)
    critic = Critic(CriticConfig(features=len(rows[0]), categories=len(rows)))
    critic.rows.load_state_dict({"weight": torch.stack(rows), "bias": torch.stack(biases)})
    theirs, ours = Pile.of([each.theirs for each in every]), Pile.of([each.ours for each in every])
    critic.shared.load_state_dict(fit_shared(critic.config, theirs, ours).state_dict())
    return critic.requires_grad_(False)


def _row(practice: Practice) -> tuple[Tensor, Tensor]:
    """Weights ``[F]`` and bias of a logistic regression, for features as they are, fitted on standardised ones."""
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
