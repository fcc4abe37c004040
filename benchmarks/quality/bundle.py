"""Everything that is measured of a bundle's categories, one category in one process at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from benchmarks.quality.figures import Figures, completion_figures
from benchmarks.quality.judge import Judge
from benchmarks.quality.trials import Floats, Sketches, Study, StudyPlan, StudyRunner
from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import sha256
from codes.data.store import read_labelled
from codes.evaluation.bootstrap import bootstrap_of_means
from codes.evaluation.likelihood import DecoderQuality, decoder_quality
from codes.inference.completer import Completer


@dataclass(frozen=True)
class Measured:
    """Of one category.

    Attributes:
        study: its completions, by the judge.
        nats: its decoder, on all test sketches.
        recognised: whether the judge recognises each of its true test sketches.
    """

    study: Study
    nats: DecoderQuality
    recognised: Floats


def facts(plan: StudyPlan, quick: bool) -> Figures:
    """What was measured, with what."""
    bundle = Bundle.open(plan.model)
    return {
        "quick": quick,
        "seed": plan.seed,
        "counts": {name: getattr(plan, name) for name in ("many", "few", "varied", "variations", "drawn")},
        "bundle": sha256(bundle.folder / "bundle.json"),
        "judge": {"sha256": sha256(plan.judge)},
    }


def all_figures(measured: Sequence[Measured], plan: StudyPlan) -> Figures:
    """But for those of routing."""
    return {
        "completions": completion_figures([each.study for each in measured], plan.few),
        "judged": {
            "macro": bootstrap_of_means([each.recognised for each in measured]),
            "categories": {each.study.category: bootstrap_of_means([each.recognised]) for each in measured},
        },
        "nats": {each.study.category: each.nats for each in measured},
    }


def measure_all(data: Path, plan: StudyPlan, pool: Executor) -> list[Measured]:
    """Every category that the bundle draws, the judge knows and the data has."""
    known, there = Judge.open(plan.judge).categories, read_labelled(data, "test")
    categories = [name for name in Bundle.open(plan.model).categories if name in known and there.get(name)]
    work = pool.map(partial(measure, data, plan), categories)
    return list(tqdm(work, total=len(categories), unit=" categories"))


def measure(data: Path, plan: StudyPlan, category: str) -> Measured:
    """One category."""
    test, valid = read_labelled(data, "test")[category], read_labelled(data, "valid")[category]
    bundle, judge = Bundle.open(plan.model), Judge.open(plan.judge)
    study = StudyRunner(Completer(bundle), judge, plan).study(Sketches(category, test, valid))
    return Measured(study, decoder_quality(*bundle.vae(category), test, 0.5), judge.opinion(test).recognised(category))
