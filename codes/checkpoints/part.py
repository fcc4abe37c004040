"""One part of a bundle in a folder: the configuration and the weights of a router, a decoder or a critic.

The configuration alone says what a part is; facts within a file of weights are not read. Knows sizes and scales; knows
no training runs and no optimiser.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor

from codes.checkpoints.low_rank import add_difference, difference, read_difference
from codes.checkpoints.tensors import StoragePrecision, dequantise, fill, load_tensors, quantise, save_tensors
from codes.data.transforms import Normaliser
from codes.errors import BadFile, BadOption
from codes.formats.files import atomic_path
from codes.model.calibration import Calibration
from codes.model.config import CriticConfig, RouterConfig, VAEConfig
from codes.model.critic import Critic
from codes.model.low_rank import Difference
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE

PartKind = Literal["decoder", "router", "critic"]
Sizes = TypeVar("Sizes", VAEConfig, RouterConfig, CriticConfig)
Model = TypeVar("Model", bound=torch.nn.Module)
DECODER_WEIGHTS = "decoder."  # begins the names of a model's weights that are not its encoder's
CONFIG, WEIGHTS = FILES = ("config.json", "weights.safetensors")


@dataclass(frozen=True)
class PartConfig:
    """Hold what the weights of a part mean.

    Attributes:
        kind: ``decoder`` stands for a category's whole model, encoder included.
        model: the sizes, see :mod:`codes.model.config`.
        scale: QuickDraw pixels to one model unit.
        categories: what it was trained on, in the order of its labels.
        calibration: the router's temperature and thresholds, see :class:`codes.model.calibration.Calibration`.
        training: where the weights come from; for people.
        rank: of the matrices in which a decoder differs from the bundle's common one, whose encoder it shares; 0 where
            it is stored whole.
    """

    kind: PartKind
    model: dict[str, Any]
    scale: float
    categories: list[str]
    calibration: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    rank: int = 0

    @property
    def normaliser(self) -> Normaliser:
        """Return the normaliser of the scale that travels with the weights."""
        return Normaliser(self.scale)


def write_part(
    folder: Path,
    config: PartConfig,
    tensors: dict[str, Tensor],
    precision: StoragePrecision,
    common: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a part into a folder, its weights stored in this precision.

    With a rank, what is stored is its difference from ``common``, the weights of the bundle's common model, whose
    encoder it shares.
    """
    folder.mkdir(parents=True, exist_ok=True)
    assert (common is not None) == (config.rank > 0)
    stored = (
        difference(tensors, common, config.rank, precision, DECODER_WEIGHTS) if common else quantise(tensors, precision)
    )
    save_tensors(folder / WEIGHTS, stored, {"kind": config.kind})
    with atomic_path(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(asdict(config), indent=1) + "\n")


def read_config(folder: Path) -> PartConfig:
    """Read the configuration of the part in a folder.

    Raises:
        BadFile: it is missing, or its values make no sense.
    """
    path = folder / CONFIG
    try:
        config = PartConfig(**json.loads(path.read_text()))
        valid = config.kind in get_args(PartKind) and 0 < config.scale < 1e6 and config.rank >= 0
        valid &= all(isinstance(name, str) for name in config.categories)
        valid &= Calibration(**config.calibration).is_valid
    except FileNotFoundError as error:
        raise BadFile(path, "no such file") from error
    except (OSError, ValueError, TypeError) as error:
        raise BadFile(path, "not the configuration of a part") from error
    if not valid:
        raise BadFile(path, "its kind, scale, categories or calibration make no sense")
    return config


@dataclass(frozen=True)
class DecoderPart:
    """Hold a category's model as it was read.

    Attributes:
        vae: the model; without gradients, in float32.
        config: what its weights mean.
        difference: of its weights from those of the bundle's common decoder; None where it was stored whole.
    """

    vae: SketchVAE
    config: PartConfig
    difference: Difference | None = None


def read_decoder(folder: Path, common: SketchVAE | None = None) -> DecoderPart:
    """Read a category's model.

    Args:
        folder: of the part.
        common: the bundle's common model, from which this one may be stored as a difference. Then the model is a copy
            of it with other weights, as making one anew takes longer than reading it, and shares with it what does
            not differ; its rates of dropout, which matter in training alone, are those of the common one.

    Raises:
        BadFile: a file is missing or damaged, the part is of another kind, or it lacks its common decoder.
    """
    config = _read_config_of_kind(folder, "decoder")
    if config.rank and common is None:
        raise BadFile(folder, "is a difference from a common decoder, which is not there")
    sizes = _read_sizes(VAEConfig, config, folder)
    if not config.rank or common is None:
        return DecoderPart(_load_weights(SketchVAE(sizes), folder), config)
    if not sizes.is_like(common.config):
        raise BadFile(folder / CONFIG, "its sizes are not those of the common decoder from which it differs")
    path = folder / WEIGHTS
    away = read_difference(load_tensors(path)[0])
    shared = {id(value): value for name, value in common.named_parameters() if name not in away}
    model = deepcopy(common, shared)
    try:
        add_difference(dict(model.named_parameters()), away)
    except ValueError as error:
        raise BadFile(path, f"the weights do not fit the common decoder's: {error}") from error
    return DecoderPart(model, config, away)


def read_router(folder: Path) -> tuple[RouterNet, PartConfig]:
    """Read the router's network; see :func:`read_decoder`."""
    config = _read_config_of_kind(folder, "router")
    sizes = _read_sizes(RouterConfig, config, folder)
    _check_count(config, sizes.labels, folder)
    if len(config.calibration.get("logit_weights", ())) > sizes.labels:
        raise BadFile(folder / CONFIG, "it is calibrated by more logits than the router has labels")
    return _load_weights(RouterNet(sizes), folder), config


def read_critic(folder: Path) -> tuple[Critic, PartConfig]:
    """Read the critic of finished sketches; see :func:`read_decoder`."""
    config = _read_config_of_kind(folder, "critic")
    sizes = _read_sizes(CriticConfig, config, folder)
    _check_count(config, sizes.categories, folder)
    return _load_weights(Critic(sizes), folder), config


def _check_count(config: PartConfig, labels: int, folder: Path) -> None:
    if len(config.categories) != labels:
        raise BadFile(folder / CONFIG, f"{len(config.categories)} categories, but {labels} labels")


def _read_config_of_kind(folder: Path, kind: PartKind) -> PartConfig:
    config = read_config(folder)
    if config.kind != kind:
        raise BadFile(folder, f"holds a '{config.kind}' part where a '{kind}' part is needed")
    return config


def _read_sizes(kind: type[Sizes], config: PartConfig, folder: Path) -> Sizes:
    try:
        return kind.from_dict(config.model)
    except (KeyError, TypeError, AttributeError, BadOption) as error:
        raise BadFile(folder / CONFIG, "the sizes in it are not those of a model of ours") from error


def _load_weights(model: Model, folder: Path) -> Model:
    path = folder / WEIGHTS
    fill(model, dequantise(load_tensors(path)[0]), path)
    return model.requires_grad_(False)


def copy_part(source: Path, folder: Path) -> None:
    """Copy a part into a new folder; its files get the mode of any new file, not that of the source."""
    shutil.copytree(source, folder, copy_function=shutil.copyfile)


def sha256(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
