"""Recognition and refusal as ``train_or_test.py test predict`` measures them, and things that are no drawing at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.quality.figures import Figures
from benchmarks.quality.negatives import oddities
from benchmarks.quality.trials import StudyPlan
from codes.checkpoints.bundle import Bundle
from codes.data.quickdraw import NONE_OF_THESE
from codes.data.store import read_labelled
from codes.evaluation.plots import draw_confusion, draw_risk
from codes.evaluation.prefixes import FRACTIONS, all_cuts, never_learned
from codes.evaluation.recognition import RouterPredictions, RouterTest
from codes.sketch.stroke3 import AnyStroke3

FIVE = ("bicycle", "alarm clock", "sun", "crab", "cat")
NEVER_SEEN = "categories never seen"
BY_FRACTION = [f"{fraction:.0%}" for fraction in FRACTIONS]

Answered = dict[str, RouterPredictions]


def routing_figures(plan: StudyPlan, data: Path, rare: Path | None, images: Path | None) -> Figures:
    """Of the bundle's own categories, of five that others report, and of all that the router learned."""
    bundle = Bundle.open(plan.model)
    sketches = {name: rows[: plan.routed] for name, rows in read_labelled(data, "test").items() if rows}
    own = [name for name in bundle.categories if name in sketches]
    router = _test(bundle, own)
    answers = {name: router.predict(sketches, cut) for name, cut in all_cuts().items()}
    if images:
        draw_confusion(images / "confusion.png", router.confusion(answers["50%"]), router.categories)
        draw_risk(images / "risk.png", {name: answers[name].risk() for name in BY_FRACTION})
    return {
        "own": {name: router.quality(each) for name, each in answers.items()},
        **{name: _recognition(bundle, sketches, some) for name, some in _others(bundle, sketches, own).items()},
        "refusal": _refusal(router, answers, kinds_of_unknown(router, sketches, rare, plan)),
    }


def _others(bundle: Bundle, sketches: dict[str, list[AnyStroke3]], own: Sequence[str]) -> dict[str, list[str]]:
    """Other lots of categories that the router can be asked about."""
    learned = [name for name in bundle.router()[1].categories if name in sketches and name != NONE_OF_THESE]
    lots = {"five": [name for name in FIVE if name in learned], "everything": learned}
    return {name: some for name, some in lots.items() if len(some) >= len(FIVE) and sorted(some) != sorted(own)}


def _recognition(bundle: Bundle, sketches: dict[str, list[AnyStroke3]], categories: Sequence[str]) -> Figures:
    router = _test(bundle, categories)
    return {name: router.quality(router.predict(sketches, cut)) for name, cut in all_cuts().items()}


def _test(bundle: Bundle, categories: Sequence[str]) -> RouterTest:
    return RouterTest(*bundle.router(), categories)


def kinds_of_unknown(
    router: RouterTest, sketches: dict[str, list[AnyStroke3]], rare: Path | None, plan: StudyPlan
) -> dict[str, list[AnyStroke3]]:
    """Categories never seen, and what is no drawing."""
    known = [rows for name in router.categories for rows in sketches[name]]
    never_seen = {NEVER_SEEN: never_learned(rare, "test", router.config.categories)[: plan.routed]} if rare else {}
    return {**never_seen, **oddities(known, plan.odd, plan.seed)}


def _refusal(router: RouterTest, answers: Answered, kinds: dict[str, list[AnyStroke3]]) -> Figures:
    """Known and unknown, both shown in the same way; categories never seen in every way there is."""
    by_fraction = {name: answers[name] for name in BY_FRACTION}
    return {name: router.refusal(answers if name == NEVER_SEEN else by_fraction, some) for name, some in kinds.items()}
