"""A critic for a bundle: learns what tells sketches that people finished from sketches that its decoders finished.

First the decoders finish training sketches that were cut short. Then two models learn to tell these from the people's
own, by the features of the router's shared encoder: a logistic regression for each category, from that category's
sketches alone; and a classifier whose hidden units all categories share, since what decoders do wrong in one category
they often do in others. The critic is the mean of the two, see :mod:`codes.model.critic`.

Knows bundles and sketches; knows no runs and no command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from codes.checkpoints.bundle import Bundle, write_critic
from codes.checkpoints.part import PartConfig
from codes.data.store import Store
from codes.data.transforms import rows_by_points
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.inference.router import model_input
from codes.model.config import CriticConfig
from codes.model.critic import Critic, shared_classifier
from codes.model.router import Classifier
from codes.progress import progress
from codes.sketch.stroke3 import AnyStroke3, Sketch
from codes.training.config import TrainConfig

TEMPERATURES = (0.4, 0.4, 0.4, 0.6, 0.8)  # each sketch is finished once at each; mostly at the default
PREFIX_FRACTIONS = (0.1, 0.9)  # share of a sketch's points that is kept, uniform between these
REGRESSION_C = 1e-3  # scikit-learn's inverse strength of the ridge, features standardised; docs/log.md
EPOCHS = 65  # passes of the shared classifier over the people's sketches: of few sketches it learns little
BATCH_PER_KIND = 256
WEIGHT_DECAY = 0.1
LEARNING_RATE = 1e-3
MIN_DEVIATION = 1e-3  # added to each feature's standard deviation, so that a constant feature is not blown up


def add_critic(bundle: Bundle, sketches: Mapping[str, Sequence[AnyStroke3]]) -> Bundle:
    """Fit a critic on training sketches of the bundle's categories and add it to the bundle's folder.

    Args:
        bundle: without a critic; its decoders finish the sketches.
        sketches: category to stroke-3 in QuickDraw pixels; a category that is missing gets no critic.
    """
    completer = Completer(bundle)
    bar = progress(sketches.items(), desc="critic", unit=" categories")
    critic = fit_critic({category: critic_examples(completer, category, rows) for category, rows in bar})
    counts = {"counts": [len(rows) for rows in sketches.values()]}
    scale = bundle.router()[1].scale
    return write_critic(
        bundle, critic, PartConfig("critic", critic.config.to_dict(), scale, list(sketches), training=counts)
    )


def critic_sketches(store: Store, categories: Sequence[str], max_count: int) -> dict[str, list[AnyStroke3]]:
    """Return up to ``max_count`` training sketches of each category that has any.

    Raises:
        BadFile: some are asked for and the store has no training sketches at all.
        BadOption: the store has no such category.
    """
    if max_count == 0:
        return {}
    split = store.split("train")
    chosen = {category: evenly_spaced(list(split.only(category).sketches()), max_count) for category in categories}
    return {category: sketches for category, sketches in chosen.items() if sketches}


def evenly_spaced(sketches: Sequence[AnyStroke3], max_count: int) -> list[AnyStroke3]:
    """Return up to ``max_count`` of the sketches, spread from the first to the last."""
    return [sketches[int(i)] for i in np.linspace(0, len(sketches) - 1, min(max_count, len(sketches)))]


@dataclass(frozen=True)
class CriticExamples:
    """Hold features of sketches of one category: those that people finished ``[N, F]``, and its decoder ``[M, F]``."""

    human: Tensor
    generated: Tensor


def critic_examples(
    completer: Completer, category: str, sketches: Sequence[AnyStroke3], seed: int = 0
) -> CriticExamples:
    """Encode sketches, and what the category's decoder makes of their beginnings at each of :data:`TEMPERATURES`.

    Args:
        completer: of the bundle that is to have the critic.
        category: whose decoder finishes them.
        sketches: stroke-3 in QuickDraw pixels; each is cut anew for every temperature.
        seed: of the cuts and of the drawing.
    """
    rng = np.random.default_rng(seed)
    human = [Sketch(rows.astype(np.float64)) for rows in sketches]
    generated: list[Sketch] = []
    for number, temperature in enumerate(TEMPERATURES):
        options = SamplingOptions(category=category, temperature=temperature, seed=seed + number, candidates=1)
        prefixes = [sketch.prefix(rows_by_points(sketch.points, rng.uniform(*PREFIX_FRACTIONS))) for sketch in human]
        generated += (done.sketch for each in completer.complete_many(prefixes, options) for done in each)
    return CriticExamples(_features(completer, human), _features(completer, generated))


def _features(completer: Completer, sketches: Sequence[Sketch]) -> Tensor:
    """Return the features of the shared encoder, ``[N, F]``, in half precision as there may be many."""
    encoded = completer.models.router.encode([model_input(each) for each in sketches])
    return torch.cat([each.features.half() for each in encoded])


def fit_critic(examples: Mapping[str, CriticExamples]) -> Critic:
    """Fit both parts of a critic. People and decoders weigh alike, so log odds are 0 where both are as likely."""
    weights, biases = zip(*(_fit_regression(each) for each in examples.values()), strict=True)
    critic = Critic(CriticConfig(features=len(weights[0]), categories=len(weights)))
    critic.rows.load_state_dict({"weight": torch.stack(weights), "bias": torch.stack(biases)})
    human = LabelledFeatures.concatenate([each.human for each in examples.values()])
    generated = LabelledFeatures.concatenate([each.generated for each in examples.values()])
    critic.shared.load_state_dict(fit_shared(critic.config, human, generated).state_dict())
    return critic.requires_grad_(False)


def _fit_regression(examples: CriticExamples) -> tuple[Tensor, Tensor]:
    """Return weights ``[F]`` and bias of a logistic regression, fitted on standardised features, for raw ones."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features = torch.cat([examples.human, examples.generated]).double().numpy()
    is_human = np.arange(len(features)) < len(examples.human)
    scaler = StandardScaler().fit(features)
    fitted = LogisticRegression(C=REGRESSION_C, class_weight="balanced", max_iter=1000)
    fitted.fit(scaler.transform(features), is_human)
    weights = fitted.coef_[0] / scaler.scale_
    bias = fitted.intercept_[0] - scaler.mean_ @ weights
    return torch.from_numpy(weights).float(), torch.tensor(bias, dtype=torch.float32)


@dataclass(frozen=True)
class LabelledFeatures:
    """Hold sketches of one kind, people's or decoders': ``features [N, F]`` and ``labels [N]`` of their categories."""

    features: Tensor
    labels: Tensor

    @classmethod
    def concatenate(cls, categories: Sequence[Tensor]) -> LabelledFeatures:
        """Join the features of the first category, of the second, and so on."""
        counts = torch.tensor([len(each) for each in categories])
        return cls(torch.cat(list(categories)), torch.arange(len(counts)).repeat_interleave(counts))

    def sample(self, rng: torch.Generator) -> LabelledFeatures:
        """Draw :data:`BATCH_PER_KIND` of them, with replacement."""
        chosen = torch.randint(len(self.labels), (BATCH_PER_KIND,), generator=rng)
        return LabelledFeatures(self.features[chosen].float(), self.labels[chosen])


def fit_shared(config: CriticConfig, human: LabelledFeatures, generated: LabelledFeatures, seed: int = 0) -> Classifier:
    """Fit the classifier that all categories share; half of each batch is of either kind."""
    mean, deviation = _mean_and_deviation(human, generated)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shared = shared_classifier(config)
    optimiser = torch.optim.AdamW(shared.parameters(), weight_decay=WEIGHT_DECAY)
    steps = -(-EPOCHS * len(human.labels) // BATCH_PER_KIND)
    schedule = TrainConfig(steps=steps, learning_rate=LEARNING_RATE, final_rate=0.0, warmup=min(100, steps))
    rng = torch.Generator().manual_seed(seed)
    for step in progress(range(steps), desc="critic of all categories", unit=" steps", mininterval=0.5):
        optimiser.param_groups[0]["lr"] = schedule.learning_rate_at(step)
        batch = human.sample(rng), generated.sample(rng)
        features = (torch.cat([each.features for each in batch]) - mean) / deviation
        odds = shared(features, rng).gather(1, torch.cat([each.labels for each in batch]).unsqueeze(1)).squeeze(1)
        is_human = (torch.arange(len(odds)) < BATCH_PER_KIND).float()
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(odds, is_human).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return _for_raw_features(shared, mean, deviation).requires_grad_(False)


def _mean_and_deviation(human: LabelledFeatures, generated: LabelledFeatures) -> tuple[Tensor, Tensor]:
    """Return every feature's mean and standard deviation; both kinds weigh alike, as in the batches."""
    mean, mean_square = (
        torch.stack([(each.features.float() ** power).mean(dim=0) for each in (human, generated)]).mean(dim=0)
        for power in (1, 2)
    )
    return mean, (mean_square - mean.square()).clamp(min=0).sqrt() + MIN_DEVIATION


@torch.no_grad()
def _for_raw_features(shared: Classifier, mean: Tensor, deviation: Tensor) -> Classifier:
    """Fold the standardisation into the first layer."""
    shared.inner.weight.div_(deviation)
    shared.inner.bias.sub_(shared.inner.weight @ mean)
    return shared
