"""Finished runs to a bundle: calibrates the router, stores the parts and the card, adds a critic and a catalogue.

Trains no decoder and no router.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from codes.building.calibration_fit import calibrate, prefix_logits
from codes.building.catalogue import add_catalogue
from codes.building.critic_examples import critic_sketches
from codes.building.critic_fit import add_critic
from codes.checkpoints.bundle import COMMON, Bundle, check_bundle_folder, part_folder, publish_bundle
from codes.checkpoints.part import PartConfig, PartKind, read_decoder, write_part
from codes.checkpoints.tensors import StoragePrecision, dequantise, fill, load_facts, load_tensors, quantise
from codes.data.batches import ordered_batches
from codes.data.store import Store
from codes.data.transforms import Normaliser
from codes.errors import BadFile, BadOption
from codes.model.config import RouterConfig
from codes.model.router import RouterNet
from codes.processes import ALONE, Processes
from codes.training.run_folder import RunFolder
from codes.vocabulary import resolve

COMMANDS: dict[PartKind, str] = {"decoder": "train draw", "router": "train predict"}
DEFAULT_CARD = (
    "# {name}\n\nCategories: {categories}.\n\nWrite here what the data is, its licence, and what was measured.\n"
)


@dataclass(frozen=True)
class BundlePlan:
    """Say what goes into a bundle.

    Attributes:
        router: the run of the router.
        decoders: category to the run of its decoder.
        store: the router is calibrated on its ``valid`` split, and the critic learns from its ``train`` split.
        precision: how weights are stored.
        critic_sketches: training sketches of each category, at most, that the critic learns from; 0 makes none.
        common: the run of all categories from which the decoders were started; they are stored as differences from it.
        rank: of these differences, see :mod:`codes.checkpoints.low_rank`.
        catalogue: true to have each category drawn once, for people to see what the bundle knows.

    Raises:
        BadOption: there is no decoder, or two categories' names are too alike.
    """

    router: RunFolder
    decoders: Mapping[str, RunFolder]
    store: Store
    precision: StoragePrecision = "int8"
    critic_sketches: int = 500
    common: RunFolder | None = None
    rank: int = 32
    catalogue: bool = True

    def __post_init__(self) -> None:
        if not self.decoders:
            raise BadOption("a bundle needs at least one decoder")
        folders = [part_folder(category) for category in self.decoders]
        if len(set(folders)) != len(folders):
            raise BadOption("two categories' names are too alike to be kept apart as folders")


def build_bundle(plan: BundlePlan, folder: Path, card: str | None = None, processes: Processes = ALONE) -> Bundle:
    """Write a bundle; one that is there already is replaced when the new one is whole.

    The critic and then the catalogue are added at the end, so a bundle that is stopped there is whole without them; the
    same call goes on with what was drawn for the critic.

    Args:
        plan: what goes in.
        folder: where it is to be.
        card: the text of its README.md; a short one to be filled in by default.
        processes: that draw for the critic, a category each.

    Raises:
        BadFile: a run is none, the store has no training sketches for a critic, or there is something else than a
            bundle in the folder.
        BadOption: router, decoders and store do not belong together.
    """
    check_bundle_folder(folder)
    sketches = critic_sketches(plan.store, tuple(plan.decoders), plan.critic_sketches)
    card = card or DEFAULT_CARD.format(name=folder.name, categories=", ".join(plan.decoders))
    bundle = _build_parts(plan, folder, card)
    bundle = add_critic(bundle, sketches, processes) if sketches else bundle
    return add_catalogue(bundle) if plan.catalogue else bundle


def find_runs(folder: Path, categories: Sequence[str] = ()) -> dict[str, RunFolder]:
    """Find decoder runs by category: in the folders of ``folder``, or ``folder`` itself if it is a run.

    Args:
        folder: where to look.
        categories: which to return, in this order; all by default.

    Raises:
        BadFile: there is no run of a single category.
        ModelNotFound: one of the categories, in any case, spacing and number, has no run.
    """
    found = [folder] if (folder / "best.safetensors").exists() else sorted(folder.glob("*/"))
    runs: dict[str, RunFolder] = {}
    for run in (RunFolder(path) for path in found if (path / "best.safetensors").exists()):
        learned = _checked(run, load_facts(run.best), "decoder")["categories"]
        if len(learned) == 1:
            runs[learned[0]] = run
    if not runs:
        raise BadFile(folder, "holds no run of a single category's decoder")
    names = [resolve(category, list(runs)) for category in categories]
    return {category: runs[category] for category in names or runs}


def _build_parts(plan: BundlePlan, folder: Path, card: str) -> Bundle:
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        _, config = calibrate_run(plan.router, plan.store, tuple(plan.decoders), plan.precision)
        _write_run(plan.router, "router", building / "router", plan.precision, calibration=config.calibration)
        decoders = {category: part_folder(category) for category in plan.decoders}
        common = _write_common(plan, building / COMMON) if plan.common else None
        for category, run in plan.decoders.items():
            _write_decoder(plan, run, building / decoders[category], common)
        return publish_bundle(building, folder, decoders, card)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_common(plan: BundlePlan, folder: Path) -> dict[str, Tensor]:
    """Write the common decoder and return its weights as they are stored."""
    assert plan.common is not None
    _write_run(plan.common, "decoder", folder, plan.precision)
    return read_decoder(folder).vae.state_dict()


def _write_decoder(plan: BundlePlan, run: RunFolder, folder: Path, common: Mapping[str, Tensor] | None) -> None:
    try:
        _write_run(run, "decoder", folder, plan.precision, common, rank=plan.rank if common else 0)
    except ValueError as error:
        raise BadOption(f"{run.path} was not started from the common decoder: {error}") from error


def calibrate_run(
    run: RunFolder, store: Store, offered: Sequence[str], precision: StoragePrecision
) -> tuple[RouterNet, PartConfig]:
    """Return the router of a run, with the weights as they will be stored, and its configuration with a calibration.

    Args:
        run: of ``train predict``.
        store: what it was trained on; the calibration is fitted on split ``valid``.
        offered: the categories that it chooses among.
        precision: how the weights will be stored.

    Raises:
        BadFile: the run is none of a router.
        BadOption: the router never saw one of the categories, or the store is another one.
    """
    tensors, facts = _read_run(run, "router")
    labels: list[str] = facts["categories"]
    if missing := [category for category in offered if category not in labels]:
        raise BadOption(f"the router never saw {', '.join(missing)}; train it on them or leave them out")
    if list(store.categories) != labels:
        raise BadOption(f"{store.folder} does not have the router's categories in the router's order")
    net = RouterNet(RouterConfig.from_dict(facts["model"]))
    fill(net, dequantise(quantise(tensors, precision)), run.best)
    batches = ordered_batches(store.split("valid"), Normaliser(facts["scale"]))
    calibration = calibrate(prefix_logits(net, batches), [labels.index(category) for category in offered])
    return net, PartConfig("router", facts["model"], facts["scale"], labels, asdict(calibration))


def _read_run(run: RunFolder, kind: PartKind) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the best weights of a run, and the facts that are saved with them."""
    tensors, facts = load_tensors(run.best)
    return tensors, _checked(run, facts, kind)


def _checked(run: RunFolder, facts: dict[str, Any], kind: PartKind) -> dict[str, Any]:
    if facts.get("kind") != kind:
        raise BadFile(run.path, f"is not a run of `{COMMANDS[kind]}`: its kind is '{facts.get('kind')}', not '{kind}'")
    return facts


def _write_run(
    run: RunFolder,
    kind: PartKind,
    folder: Path,
    precision: StoragePrecision,
    common: Mapping[str, Tensor] | None = None,
    **extra: Any,
) -> None:
    """Write the best weights of a run as a part of a bundle."""
    tensors, facts = _read_run(run, kind)
    training = {name: facts[name] for name in ("step", "valid", "counts")}
    config = PartConfig(kind, facts["model"], facts["scale"], facts["categories"], training=training, **extra)
    write_part(folder, config, tensors, precision, common)
