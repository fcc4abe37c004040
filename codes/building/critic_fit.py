"""Fits a critic: what tells sketches that people finished from those that decoders did, of each category and of all.

Fits the part of a critic that all categories share: what decoders do wrong in one, they often do in others.

What a critic learns from: sketches as people finished them, and as decoders did from the same beginnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import trange

from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.inference.router import model_input
from codes.model.config import CriticConfig
from codes.model.critic import Critic, shared_opinion
from codes.model.router import Classifier
from codes.sketch.stroke3 import AnyStroke3, Sketch
from codes.training.config import TrainConfig, learning_rate

STRENGTH = 1e-3  # of the loss beside the weights' squares, features standardised (scikit-learn's C); docs/log.md


@dataclass(frozen=True)
class CriticExamples:
    """Features of sketches of one category that people finished ``[N, F]``, and that its decoder did ``[M, F]``."""

    theirs: Tensor
    ours: Tensor


def fit_critic(practice: Mapping[str, CriticExamples]) -> Critic:
    """Both of its opinions; both kinds of sketch weigh alike, so log odds are 0 where they are as likely."""
    every = list(practice.values())
    rows, biases = zip(*(_row(each) for each in every), strict=True)
    critic = Critic(CriticConfig(features=len(rows[0]), categories=len(rows)))
    critic.rows.load_state_dict({"weight": torch.stack(rows), "bias": torch.stack(biases)})
    theirs, ours = (
        LabelledFeatures.of([each.theirs for each in every]),
        LabelledFeatures.of([each.ours for each in every]),
    )
    critic.shared.load_state_dict(fit_shared(critic.config, theirs, ours).state_dict())
    return critic.requires_grad_(False)


def _row(practice: CriticExamples) -> tuple[Tensor, Tensor]:
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


EPOCHS = 65  # how often each sketch that a person finished is seen, so that from few little is learned
HALF = 256  # sketches of either kind in a batch
DECAY = 0.1
RATE = 1e-3
NARROWEST = 1e-3  # a feature that varies less is taken to vary this much


@dataclass(frozen=True)
class LabelledFeatures:
    """Sketches of one kind, of all categories: ``features [N, F]`` and the rows of their categories ``[N]``."""

    features: Tensor
    rows: Tensor

    @classmethod
    def of(cls, categories: Sequence[Tensor]) -> LabelledFeatures:
        """Those of the first category, of the second, ..."""
        counts = torch.tensor([len(each) for each in categories])
        return cls(torch.cat(list(categories)), torch.arange(len(counts)).repeat_interleave(counts))

    def some(self, rng: torch.Generator) -> LabelledFeatures:
        """:data:`HALF` of them, drawn with replacement."""
        chosen = torch.randint(len(self.rows), (HALF,), generator=rng)
        return LabelledFeatures(self.features[chosen].float(), self.rows[chosen])


def fit_shared(config: CriticConfig, theirs: LabelledFeatures, ours: LabelledFeatures, seed: int = 0) -> Classifier:
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


def _spread(theirs: LabelledFeatures, ours: LabelledFeatures) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every feature, over both kinds as they are drawn: half and half."""
    means, squares = (
        torch.stack([(each.features.float() ** power).mean(dim=0) for each in (theirs, ours)]).mean(dim=0)
        for power in (1, 2)
    )
    return means, (squares - means.square()).clamp(min=0).sqrt() + NARROWEST


def _loss(
    shared: Classifier,
    kinds: tuple[LabelledFeatures, LabelledFeatures],
    spread: tuple[Tensor, Tensor],
    rng: torch.Generator,
) -> Tensor:
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


TEMPERATURES = (0.4, 0.4, 0.4, 0.6, 0.8)  # each sketch is finished once at each; mostly as by default
SEEN = (0.1, 0.9)  # share of a sketch's points that is left of it, uniform between these


def critic_examples(
    completer: Completer, category: str, sketches: Sequence[AnyStroke3], seed: int = 0
) -> CriticExamples:
    """Finish sketches ``[n, 3]`` in QuickDraw pixels, cut short anew for every temperature, as this category."""
    rng = np.random.default_rng(seed)
    ours = [
        each
        for number, temperature in enumerate(TEMPERATURES)
        for each in _finished(completer, [_begun(rows, rng) for rows in sketches], category, temperature, seed + number)
    ]
    return CriticExamples(
        _features(completer, [Sketch(rows.astype(np.float64)) for rows in sketches]), _features(completer, ours)
    )


def _begun(rows: AnyStroke3, rng: np.random.Generator) -> Sketch:
    return Sketch(rows[: max(1, round(rng.uniform(*SEEN) * len(rows)))].astype(np.float64))


def _finished(
    completer: Completer, begun: Sequence[Sketch], category: str, temperature: float, seed: int
) -> Iterator[Sketch]:
    options = SamplingOptions(category=category, temperature=temperature, seed=seed, candidates=1)
    return (done.sketch for each in completer.complete_many(begun, options) for done in each)


def _features(completer: Completer, sketches: Sequence[Sketch]) -> Tensor:
    """What the shared encoder makes of them, ``[N, F]`` in half precision: there may be many."""
    return torch.cat(
        [look.features.half() for look in completer.models.router.encode([model_input(each) for each in sketches])]
    )
