"""What a critic learns from: sketches that people finished, and what a bundle's decoders made of their beginnings.

Each category's decoder finishes training sketches that were cut short. Of 345 categories that takes an hour, so what is
measured of each is kept on disk until all are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import sha256
from codes.checkpoints.tensors import load_facts, load_tensors, save_tensors
from codes.data.store import Store
from codes.data.transforms import rows_by_points
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.inference.router import model_input
from codes.processes import Processes
from codes.strokes.ink import AddedInk, added_ink
from codes.strokes.stroke3 import AnyStroke3, Sketch

TEMPERATURES = (0.4, 0.4, 0.4, 0.6, 0.8)  # each sketch is finished once at each; mostly at the default
PREFIX_FRACTIONS = (0.1, 0.9)  # share of a sketch's points that is kept, uniform between these
# People's whole drawings are 255 pixels wide or high exactly: a critic of ink would look for that, so it learns from
# drawings that were made larger or smaller.
SCALES = (0.8, 1.15)
INK = [field.name for field in fields(AddedInk)]


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
    """Hold sketches of one category, those that people finished and those that its decoder finished.

    Attributes:
        human: features of the shared encoder, ``[N, F]``.
        generated: the same, ``[M, F]``.
        human_ink: what people added to their sketches' beginnings, cut where the decoder went on.
        generated_ink: what the decoder added.
    """

    human: Tensor
    generated: Tensor
    human_ink: AddedInk
    generated_ink: AddedInk

    def save(self, path: Path, facts: dict[str, str]) -> None:
        """Write them into a file, whole or not at all."""
        inks = {"human": self.human_ink, "generated": self.generated_ink}
        ink = {f"{kind}.{name}": torch.from_numpy(getattr(inks[kind], name)) for kind in inks for name in INK}
        save_tensors(path, {"human": self.human, "generated": self.generated, **ink}, facts)

    @classmethod
    def read(cls, path: Path) -> CriticExamples:
        """Read what :meth:`save` wrote."""
        tensors = load_tensors(path)[0]
        human, generated = (
            AddedInk(*(tensors[f"{kind}.{name}"].numpy() for name in INK)) for kind in ("human", "generated")
        )
        return cls(tensors["human"], tensors["generated"], human, generated)


def critic_examples(
    completer: Completer, category: str, sketches: Sequence[AnyStroke3], seed: int = 0
) -> CriticExamples:
    """Measure sketches, and what the category's decoder makes of their beginnings at each of :data:`TEMPERATURES`.

    Args:
        completer: of the bundle that is to have the critic.
        category: whose decoder finishes them.
        sketches: stroke-3 in QuickDraw pixels; each is cut anew for every temperature.
        seed: of the cuts, of the scales and of the drawing.
    """
    rng = np.random.default_rng(seed)
    human = [Sketch(rows.astype(np.float64)) for rows in sketches]
    generated: list[Sketch] = []
    cuts: list[int] = []
    for number, temperature in enumerate(TEMPERATURES):
        options = SamplingOptions(category=category, temperature=temperature, seed=seed + number, candidates=1)
        prefixes = [sketch.prefix(rows_by_points(sketch.points, rng.uniform(*PREFIX_FRACTIONS))) for sketch in human]
        generated += (done.sketch for each in completer.complete_many(prefixes, options) for done in each)
        cuts += map(len, prefixes)
    scales = rng.uniform(*SCALES, len(cuts))
    return CriticExamples(
        _features(completer, human),
        _features(completer, generated),
        _ink(human * len(TEMPERATURES), cuts, scales),
        _ink(generated, cuts, scales),
    )


def _features(completer: Completer, sketches: Sequence[Sketch]) -> Tensor:
    """Return the features of the shared encoder, ``[N, F]``, in half precision as there may be many."""
    encoded = completer.models.router.encode([model_input(each) for each in sketches])
    return torch.cat([each.features.half() for each in encoded])


def _ink(sketches: Sequence[Sketch], cuts: Sequence[int], scales: NDArray[np.float64]) -> AddedInk:
    """Measure what was added to sketches after ``cuts`` rows, of drawings made larger or smaller by ``scales``."""
    return added_ink([each.points * [scale, scale, 1] for each, scale in zip(sketches, scales, strict=True)], cuts)


@dataclass(frozen=True)
class ExamplesTask:
    """Say which examples to make of one category, and where to keep them.

    Attributes:
        bundle: whose decoder finishes the sketches.
        category: of the sketches.
        sketches: stroke-3 in QuickDraw pixels.
        path: the file that is written.
    """

    bundle: Bundle
    category: str
    sketches: Sequence[AnyStroke3]
    path: Path

    def facts(self) -> dict[str, str]:
        """Return what the examples are a function of."""
        rows = np.concatenate(self.sketches).astype(np.int64)
        return {
            "bundle": sha256(self.bundle.folder / "bundle.json"),
            "sketches": hashlib.sha256(rows.tobytes()).hexdigest(),
        }

    def is_done(self) -> bool:
        """Return true if the file holds these examples."""
        return self.path.exists() and load_facts(self.path) == self.facts()

    def run(self) -> None:
        """Make the examples and keep them, unless that was done before."""
        if not self.is_done():
            critic_examples(Completer(self.bundle), self.category, self.sketches).save(self.path, self.facts())


def gather_examples(
    bundle: Bundle, sketches: Mapping[str, Sequence[AnyStroke3]], folder: Path, processes: Processes
) -> dict[str, CriticExamples]:
    """Return the examples of each category, and keep them in ``folder``; what is kept there is not made again."""
    folder.mkdir(exist_ok=True)
    files = {category: folder / f"{Path(bundle.part_of(category)).name}.safetensors" for category in sketches}
    tasks = [ExamplesTask(bundle, category, rows, files[category]) for category, rows in sketches.items()]
    for _ in processes.results(ExamplesTask.run, tasks, "examples for the critic"):
        pass
    return {category: CriticExamples.read(path) for category, path in files.items()}
