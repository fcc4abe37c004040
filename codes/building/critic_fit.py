"""A critic for a bundle: learns what tells sketches that people finished from sketches that its decoders finished.

Two models look at the features of the router's shared encoder: a logistic regression for each category, from that
category's sketches alone; and a classifier whose hidden units all categories share, since what decoders do wrong in one
category they often do in others. A third looks at how added strokes meet the ink before them. See
:mod:`codes.model.critic`, and :mod:`codes.building.critic_examples` for what they learn from.

Knows bundles and sketches; knows no runs and no command line.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from codes.building.critic_examples import CriticExamples, gather_examples
from codes.checkpoints.bundle import Bundle, write_critic
from codes.checkpoints.part import PartConfig
from codes.model.config import CriticConfig
from codes.model.critic import Critic, InkCritic, InkScorer, shared_classifier
from codes.model.router import Classifier
from codes.processes import ALONE, Processes
from codes.progress import progress
from codes.strokes.ink import STROKE_FEATURES, SUMMARY_FEATURES, AddedInk
from codes.strokes.stroke3 import AnyStroke3
from codes.training.config import TrainConfig

REGRESSION_C = 1e-3  # scikit-learn's inverse strength of the ridge, features standardised; docs/log.md
EPOCHS = 65  # passes of the shared classifier over the people's sketches: of few sketches it learns little
BATCH_PER_KIND = 256
WEIGHT_DECAY = 0.1
LEARNING_RATE = 1e-3
MIN_DEVIATION = 1e-3  # added to each feature's standard deviation, so that a constant feature is not blown up
INK_EPOCHS = 10  # passes of the critic of ink over the people's cut sketches
INK_BATCH_PER_KIND = 256
INK_WEIGHT_DECAY = 0.05
INK_LEARNING_RATE = 3e-3
STANDARDISED_PER_KIND = 100_000  # strokes, or sketches, that means and standard deviations are taken over, about
PARTIAL_WEIGHT = 0.5  # in the loss, of drawings cut off at a pen-up, beside finished ones


def add_critic(bundle: Bundle, sketches: Mapping[str, Sequence[AnyStroke3]], processes: Processes = ALONE) -> Bundle:
    """Fit a critic on training sketches of the bundle's categories and add it to the bundle's folder.

    What the decoders draw for it is kept beside the bundle until the critic is there: if this is stopped, the same call
    goes on where it was.

    Args:
        bundle: without a critic; its decoders finish the sketches.
        sketches: category to stroke-3 in QuickDraw pixels; a category that is missing gets no critic.
        processes: that let categories be drawn side by side.
    """
    folder = bundle.folder.with_name(f".{bundle.folder.name}.critic")
    critic = fit_critic(gather_examples(bundle, sketches, folder, processes))
    counts = {"counts": [len(rows) for rows in sketches.values()]}
    scale = bundle.router()[1].scale
    made = write_critic(
        bundle, critic, PartConfig("critic", critic.config.to_dict(), scale, list(sketches), training=counts)
    )
    shutil.rmtree(folder)
    return made


def fit_critic(examples: Mapping[str, CriticExamples]) -> Critic:
    """Fit all parts of a critic. People and decoders weigh alike, so log odds are 0 where both are as likely."""
    weights, biases = zip(*(_fit_regression(each) for each in examples.values()), strict=True)
    critic = Critic(
        CriticConfig(
            features=len(weights[0]),
            categories=len(weights),
            stroke_features=STROKE_FEATURES,
            summary_features=SUMMARY_FEATURES,
        )
    )
    critic.rows.load_state_dict({"weight": torch.stack(weights), "bias": torch.stack(biases)})
    human = LabelledFeatures.concatenate([each.human for each in examples.values()])
    generated = LabelledFeatures.concatenate([each.generated for each in examples.values()])
    critic.shared.load_state_dict(fit_shared(critic.config, human, generated).state_dict())
    human_ink = LabelledInk.concatenate([each.human_ink for each in examples.values()])
    generated_ink = LabelledInk.concatenate([each.generated_ink for each in examples.values()])
    critic.ink = fit_ink(critic.config, human_ink, generated_ink)
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


@dataclass(frozen=True)
class LabelledInk:
    """Hold what was added to sketches of one kind, people's or decoders', as torch holds it.

    Attributes:
        strokes: ``[S, F]``.
        counts: ``[N]`` strokes of each sketch, one or more.
        starts: ``[N]`` first stroke of each sketch.
        summaries: ``[N, G]``.
        labels: ``[N]`` of their categories.
    """

    strokes: Tensor
    counts: Tensor
    starts: Tensor
    summaries: Tensor
    labels: Tensor

    @classmethod
    def concatenate(cls, categories: Sequence[AddedInk]) -> LabelledInk:
        """Join the ink of the first category, of the second, and so on, in half precision as there may be much.

        Sketches to which nothing was added are left out.
        """
        counts = torch.from_numpy(np.concatenate([each.counts for each in categories]))
        labels = torch.arange(len(categories)).repeat_interleave(
            torch.tensor([len(each.counts) for each in categories])
        )
        summaries = torch.from_numpy(np.concatenate([each.summaries.astype(np.float16) for each in categories]))
        some = counts > 0
        return cls(
            torch.from_numpy(np.concatenate([each.strokes.astype(np.float16) for each in categories])),
            counts[some],
            (counts.cumsum(0) - counts)[some],
            summaries[some],
            labels[some],
        )

    def sample(self, rng: torch.Generator) -> LabelledInk:
        """Draw :data:`INK_BATCH_PER_KIND` of them, with replacement."""
        chosen = torch.randint(len(self.counts), (INK_BATCH_PER_KIND,), generator=rng)
        counts = self.counts[chosen]
        starts = counts.cumsum(0) - counts
        row = torch.arange(int(counts.sum())) + (self.starts[chosen] - starts).repeat_interleave(counts)
        strokes, summaries = self.strokes[row].float(), self.summaries[chosen].float()
        return LabelledInk(strokes, counts, starts, summaries, self.labels[chosen])


def fit_ink(config: CriticConfig, human: LabelledInk, generated: LabelledInk, seed: int = 0) -> InkCritic:
    """Fit the critic of ink, half of each batch of either kind: to finished drawings and to each of their pen-ups."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = InkCritic(config)
    for scorer, name in ((critic.strokes, "strokes"), (critic.whole, "summaries")):
        _standardise(scorer, getattr(human, name), getattr(generated, name))
    optimiser = torch.optim.AdamW(critic.parameters(), weight_decay=INK_WEIGHT_DECAY)
    steps = -(-INK_EPOCHS * len(human.labels) // INK_BATCH_PER_KIND)
    schedule = TrainConfig(steps=steps, learning_rate=INK_LEARNING_RATE, final_rate=0.0, warmup=min(100, steps))
    rng = torch.Generator().manual_seed(seed)
    for step in progress(range(steps), desc="critic of ink", unit=" steps", mininterval=0.5):
        optimiser.param_groups[0]["lr"] = schedule.learning_rate_at(step)
        loss = (_ink_loss(critic, human.sample(rng), 1.0, rng) + _ink_loss(critic, generated.sample(rng), 0.0, rng)) / 2
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return critic.requires_grad_(False)


def _standardise(scorer: InkScorer, human: Tensor, generated: Tensor) -> None:
    """Let a scorer see features by their means and standard deviations."""
    both = torch.cat([each[:: 1 + len(each) // STANDARDISED_PER_KIND] for each in (human, generated)]).float()
    scorer.mean.copy_(both.mean(dim=0))
    scorer.deviation.copy_(both.std(dim=0) + MIN_DEVIATION)


def _ink_loss(critic: InkCritic, ink: LabelledInk, is_human: float, rng: torch.Generator) -> Tensor:
    """Return the cross-entropy of finished drawings, plus the weighted one of their pen-ups; sketches weigh alike."""
    scores = critic.strokes(ink.strokes, ink.labels.repeat_interleave(ink.counts), rng)
    running = scores.cumsum(0)
    before = (running - scores)[ink.starts]
    partial = running - before.repeat_interleave(ink.counts)
    finished = partial[ink.starts + ink.counts - 1] + critic.whole(ink.summaries, ink.labels, rng)
    weights = (1 / ink.counts).repeat_interleave(ink.counts)
    at_pen_ups = F.binary_cross_entropy_with_logits(
        partial, torch.full_like(partial, is_human), weights, reduction="sum"
    )
    return F.binary_cross_entropy_with_logits(
        finished, torch.full_like(finished, is_human)
    ) + PARTIAL_WEIGHT * at_pen_ups / len(ink.counts)
