"""Fits the part of a critic that all categories share: what decoders do wrong in one, they often do in others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import trange

from codes.model.classifier import Classifier
from codes.model.config import CriticConfig
from codes.model.critic import shared_opinion
from codes.training.config import TrainConfig
from codes.training.schedules import learning_rate

EPOCHS = 65  # how often each sketch that a person finished is seen, so that from few little is learned
HALF = 256  # sketches of either kind in a batch
DECAY = 0.1
RATE = 1e-3
NARROWEST = 1e-3  # a feature that varies less is taken to vary this much


@dataclass(frozen=True)
class Pile:
    """Sketches of one kind, of all categories: ``features [N, F]`` and the rows of their categories ``[N]``."""

    features: Tensor
    rows: Tensor

    @classmethod
    def of(cls, categories: Sequence[Tensor]) -> Pile:
        """Those of the first category, of the second, ..."""
        counts = torch.tensor([len(each) for each in categories])
        return cls(torch.cat(list(categories)), torch.arange(len(counts)).repeat_interleave(counts))

    def some(self, rng: torch.Generator) -> Pile:
        """:data:`HALF` of them, drawn with replacement."""
        chosen = torch.randint(len(self.rows), (HALF,), generator=rng)
        return Pile(self.features[chosen].float(), self.rows[chosen])


def fit_shared(config: CriticConfig, theirs: Pile, ours: Pile, seed: int = 0) -> Classifier:
    """Learn to tell what people finished from what decoders did; half of each batch is of either kind."""
    shift, scale = _spread(theirs, ours)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shared = shared_opinion(config)
    optimiser = torch.optim.AdamW(shared.parameters(), weight_decay=DECAY)
    steps = -(-EPOCHS * len(theirs.rows) // HALF)
    schedule = TrainConfig(steps=steps, learning_rate=RATE, final_rate=0.0, warmup=min(100, steps))
    rng = torch.Generator().manual_seed(seed)
    for step in trange(steps, desc="critic of all categories", unit=" steps", mininterval=0.5):
        optimiser.param_groups[0]["lr"] = learning_rate(schedule, step)
        loss = _loss(shared, (theirs.some(rng), ours.some(rng)), (shift, scale), rng)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return _unstandardised(shared, shift, scale).requires_grad_(False)


def _spread(theirs: Pile, ours: Pile) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every feature, over both kinds as they are drawn: half and half."""
    means, squares = (
        torch.stack([(each.features.float() ** power).mean(dim=0) for each in (theirs, ours)]).mean(dim=0)
        for power in (1, 2)
    )
    return means, (squares - means.square()).clamp(min=0).sqrt() + NARROWEST


def _loss(shared: Classifier, kinds: tuple[Pile, Pile], spread: tuple[Tensor, Tensor], rng: torch.Generator) -> Tensor:
    """Cross-entropy of whether a person finished them."""
    shift, scale = spread
    features = (torch.cat([each.features for each in kinds]) - shift) / scale
    rows = torch.cat([each.rows for each in kinds])
    odds = shared(features, rng).gather(1, rows.unsqueeze(1)).squeeze(1)
    return F.binary_cross_entropy_with_logits(odds, (torch.arange(len(rows)) < HALF).float())


@torch.no_grad()
def _unstandardised(shared: Classifier, shift: Tensor, scale: Tensor) -> Classifier:
    """The same for features as they are."""
    shared.inner.weight.div_(scale)
    shared.inner.bias.sub_(shared.inner.weight @ shift)
    return shared
