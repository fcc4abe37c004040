"""What the tests of quality share: a tiny plan, a judge of doodles, and the trials of one category."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from benchmarks.quality import __main__ as quality
from benchmarks.quality.judge import (
    Judge,
    save_judge,
)
from benchmarks.quality.judge_training import (
    JudgeConfig,
    train_judge,
)
from benchmarks.quality.trials import (
    CategorySketches,
    CategoryTrials,
    HeadlineTrials,
    QualityPlan,
    TrialRunner,
)
from codes.formats import npz
from codes.inference.completer import Completer
from tests.support.worlds import CATEGORIES, doodles

TINY = QualityPlan(many=5, few=3, varied=2, variations=3, from_nothing=4)


def kind(category: str, count: int, seed: int = 0) -> list[np.ndarray]:
    return doodles(count, seed, (category,))


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> Judge:
    """Return a judge of the three doodles, barely trained; its probabilities do not matter here."""
    path = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    return train_judge({name: kind(name, 6) for name in CATEGORIES}, JudgeConfig(steps=3, batch=8), path)


@pytest.fixture(scope="module")
def judge_file(judge, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    save_judge(path, judge.net, {"categories": list(judge.categories)})
    return path


@pytest.fixture(scope="module")
def trials(judge, bundle) -> CategoryTrials:
    sketches = CategorySketches("circle", kind("circle", 7, seed=1), kind("circle", 4, seed=2))
    return TrialRunner(Completer(bundle), judge, TINY).run_all(sketches)


@pytest.fixture(scope="module")
def headline(judge, bundle) -> HeadlineTrials:
    return TrialRunner(Completer(bundle), judge, TINY).headline("circle", kind("circle", 7, seed=1)[: TINY.many])


@pytest.fixture(scope="module")
def measure(store, bundle, judge_file):
    """Return a function that runs the command of quality on the tiny bundle, with these words more."""

    def run(*words: object) -> Result:
        usual = [store.folder, "-m", bundle.folder, "--judge", judge_file, "--quick", "--workers", 1]
        return CliRunner().invoke(quality.main, [str(word) for word in [*usual, *words]])

    return run


@pytest.fixture(scope="module")
def measured(measure, tmp_path_factory) -> Path:
    """Return a folder with the figures that the commands write of the tiny bundle."""
    folder = tmp_path_factory.mktemp("figures")
    npz.write_splits(folder / "ladder.npz", {"test": doodles(5)})
    result = measure("--rare", folder, "-o", folder / "quality.json")
    assert result.exit_code == 0, result.output
    return folder
