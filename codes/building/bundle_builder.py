"""Finished runs to a bundle: calibrates the router, stores the parts, writes the card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codes.building.calibration_fit import calibrate, logits_of_prefixes
from codes.checkpoints.bundle import Bundle, part_folder, publish_bundle
from codes.checkpoints.part import Kind, PartConfig, write_part
from codes.checkpoints.tensors import Precision, dequantise, fill, load_tensors, quantise
from codes.data.batches import ordered_batches
from codes.data.store import Store
from codes.data.transforms import Normaliser
from codes.errors import BadFile, BadOption
from codes.model.calibration import Calibration
from codes.model.config import RouterConfig
from codes.model.router import RouterNet
from codes.training.run_folder import RunFolder

COMMANDS: dict[Kind, str] = {"decoder": "train draw", "router": "train predict"}


@dataclass(frozen=True)
class BundlePlan:
    """What goes into a bundle.

    Attributes:
        router: the run of the router.
        decoders: category to the run of its decoder.
        store: the router is calibrated on its ``valid`` split.
        precision: how weights are stored.
    """

    router: RunFolder
    decoders: Mapping[str, RunFolder]
    store: Store
    precision: Precision = "int8"

    def __post_init__(self) -> None:
        if not self.decoders:
            raise BadOption("a bundle needs at least one decoder")
        folders = [part_folder(category) for category in self.decoders]
        if len(set(folders)) != len(folders):
            raise BadOption("two categories' names are too alike to be kept apart as folders")


def runs_below(folder: Path) -> dict[str, RunFolder]:
    """The drawing runs in a folder: it is one itself, or each folder in it with best weights is one.

    Raises:
        BadFile: there is none.
    """
    found = [folder] if (folder / "best.safetensors").exists() else sorted(folder.glob("*/"))
    runs = [RunFolder(path) for path in found if (path / "best.safetensors").exists()]
    categories: dict[str, RunFolder] = {}
    for run in runs:
        facts = _facts(run, "decoder")
        if len(facts["categories"]) == 1:
            categories[facts["categories"][0]] = run
    if not categories:
        raise BadFile(folder, "holds no run of a single category's decoder")
    return categories


def make_bundle(plan: BundlePlan, folder: Path, card: str) -> Bundle:
    """Write a bundle; one that is there already is replaced when the new one is whole."""
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        _write_router(plan, building / "router")
        decoders = {category: part_folder(category) for category in plan.decoders}
        for category, run in plan.decoders.items():
            _write(run, "decoder", building / decoders[category], plan.precision)
        return publish_bundle(building, folder, decoders, card)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_router(plan: BundlePlan, folder: Path) -> None:
    calibration = _calibration(plan)
    _write(plan.router, "router", folder, plan.precision, calibration=asdict(calibration))


def _calibration(plan: BundlePlan) -> Calibration:
    """Fitted on validation sketches with the weights as they will be stored."""
    tensors, facts = load_tensors(plan.router.best)[0], _facts(plan.router, "router")
    labels: list[str] = facts["categories"]
    missing = [category for category in plan.decoders if category not in labels]
    if missing:
        raise BadOption(f"the router never saw {', '.join(missing)}; train it on them or leave them out")
    if list(plan.store.categories) != labels:
        raise BadOption(f"{plan.store.folder} does not have the router's categories in the router's order")
    net = RouterNet(RouterConfig.from_dict(facts["model"]))
    fill(net, dequantise(quantise(tensors, plan.precision)), plan.router.best)
    batches = ordered_batches(plan.store.split("valid"), Normaliser(facts["scale"]))
    return calibrate(logits_of_prefixes(net, batches), [labels.index(category) for category in plan.decoders])


def _facts(run: RunFolder, kind: Kind) -> dict[str, Any]:
    facts = load_tensors(run.best)[1]
    if facts.get("kind") != kind:
        raise BadFile(run.path, f"is not a run of `{COMMANDS[kind]}`")
    return facts


def _write(run: RunFolder, kind: Kind, folder: Path, precision: Precision, **more: Any) -> None:
    tensors, facts = load_tensors(run.best)[0], _facts(run, kind)
    config = PartConfig(
        kind=kind,
        model=facts["model"],
        scale=facts["scale"],
        categories=facts["categories"],
        training={"step": facts["step"], "valid": facts["valid"], "counts": facts["counts"]},
        **more,
    )
    write_part(folder, config, tensors, precision)
