"""A bundle: the parts that belong together, a router, the decoders it routes to and perhaps a critic, in one folder.

    bundle.json                      format number, categories in order, where each part is, sha256 of each file
    router/                          a part, see codes/checkpoints/part.py
    decoders/<category>/             a part each, read when it is first used
    common/                          a decoder of all categories, if theirs are stored as differences from it
    critic/                          a part that a bundle may be without
    catalogue.ndjson                 a drawing of each category, which a bundle may be without
    README.md                        the model card

Opening a bundle reads ``bundle.json`` and nothing else. Knows where parts are; knows nothing of what they compute.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from codes.checkpoints.part import (
    FILES,
    DecoderPart,
    PartConfig,
    read_critic,
    read_decoder,
    read_router,
    sha256,
    write_part,
)
from codes.errors import BadFile, ModelNotFound
from codes.formats import ndjson
from codes.formats.files import MEGABYTE, atomic_path, check_source
from codes.model.critic import Critic
from codes.model.router import RouterNet
from codes.model.vae import SketchVAE
from codes.strokes.stroke3 import Sketch
from codes.vocabulary import no_category

FORMAT = 6
CRITIC, COMMON, CATALOGUE = "critic", "common", "catalogue.ndjson"
MAX_CATALOGUE = 16 * MEGABYTE  # 345 drawings take 140 kB
PACKAGE = Path(__file__).parents[1]
INSTALLED = PACKAGE / "bundles"  # where setup.py puts them; a checkout has no such folder
SHIPPED = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent / "examples" / "models"


@dataclass(frozen=True)
class Bundle:
    """Hold a router and its decoders on disk; parts are read on demand and their hashes are checked.

    Attributes:
        folder: where it is.
        categories: what it can draw, in order.
        decoders: category to the folder of its part.
        hashes: file to sha256, both as in ``bundle.json``.
    """

    folder: Path
    categories: tuple[str, ...]
    decoders: Mapping[str, str]
    hashes: Mapping[str, str]

    @classmethod
    def open(cls, name_or_path: str | Path) -> Bundle:
        """Open a bundle that ships with halfdrawn by its name, or any by its path.

        Raises:
            ModelNotFound: no such bundle; the sentence names those there are.
            BadFile: ``bundle.json`` is damaged or of another format.
        """
        folder = _find(name_or_path)
        path = folder / "bundle.json"
        try:
            facts = json.loads(path.read_text())
            if facts["format"] != FORMAT:
                raise BadFile(path, f"a bundle of format {facts['format']}, but this version reads format {FORMAT}")
            bundle = cls(folder, tuple(facts["categories"]), dict(facts["decoders"]), dict(facts["sha256"]))
            bundle._check_contents()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadFile(path, "not the table of contents of a bundle") from error
        return bundle

    def _check_contents(self) -> None:
        """Refuse a table that names a part twice, leads out of the folder, or leaves a category without a part."""
        path = self.folder / "bundle.json"
        if not self.categories or sorted(self.categories) != sorted(self.decoders):
            raise BadFile(path, "the categories and the decoders are not the same")
        if len(set(self.decoders.values())) < len(self.decoders):
            raise BadFile(path, "two categories share a part")
        for part in self.decoders.values():
            pure = PurePosixPath(part)
            if pure.is_absolute() or ".." in pure.parts:
                raise BadFile(path, f"a part lies outside the bundle: {part}")

    def router(self) -> tuple[RouterNet, PartConfig]:
        """Read the router.

        Raises:
            BadFile: it is missing or damaged, or it never learned one of the categories.
        """
        net, config = read_router(self._verified_part("router"))
        unknown = sorted(set(self.categories) - set(config.categories))
        if unknown:
            raise BadFile(self.folder, f"its router never learned {', '.join(unknown)}")
        return net, config

    def critic(self) -> tuple[Critic, PartConfig] | None:
        """Read the critic, if it has one.

        Raises:
            BadFile: it is missing or damaged.
        """
        return read_critic(self._verified_part(CRITIC)) if self.has_critic else None

    @property
    def has_critic(self) -> bool:
        """Return true if the table of contents names a critic."""
        return f"{CRITIC}/{FILES[0]}" in self.hashes

    def catalogue(self) -> dict[str, Sketch]:
        """Read one drawing of each category, in the order of the categories; none of those that have none.

        Raises:
            BadFile: it is missing, damaged or too large, or shows what the bundle cannot draw.
        """
        if not self.has_catalogue:
            return {}
        path = self._verified(CATALOGUE)
        check_source(path, MAX_CATALOGUE)
        drawn = {sketch.category: sketch for sketch in ndjson.iterate(path)}
        if strange := drawn.keys() - set(self.categories):
            raise BadFile(path, f"shows {next(iter(strange))!r}, which the bundle cannot draw")
        return {name: drawn[name] for name in self.categories if name in drawn}

    @property
    def has_catalogue(self) -> bool:
        """Return true if the table of contents names drawings of the categories."""
        return CATALOGUE in self.hashes

    def decoder(self, category: str) -> DecoderPart:
        """Read one category's model.

        Raises:
            ModelNotFound: it has no such category; the sentence names those there are.
            BadFile: it is missing or damaged.
        """
        return read_decoder(self._verified_part(self.part_of(category)), self.common)

    def vae(self, category: str) -> tuple[SketchVAE, PartConfig]:
        """Read one category's model and what its weights mean; see :meth:`decoder`."""
        part = self.decoder(category)
        return part.vae, part.config

    @cached_property
    def common(self) -> SketchVAE | None:
        """Return the model from which the others are stored as differences, if there is one.

        Raises:
            BadFile: it is missing or damaged.
        """
        return read_decoder(self._verified_part(COMMON)).vae if self.has_common else None

    @property
    def has_common(self) -> bool:
        """Return true if the table of contents names a common decoder."""
        return f"{COMMON}/{FILES[0]}" in self.hashes

    def part_of(self, category: str) -> str:
        """Return the folder of a category's part, relative to the bundle's.

        Raises:
            ModelNotFound: it has no such category; the sentence names those there are.
        """
        check_category(category, self.categories)
        return self.decoders[category]

    def _verified_part(self, part: str) -> Path:
        """Return a part's folder if its files are those that were written."""
        for name in FILES:
            self._verified(f"{part}/{name}")
        return self.folder / part

    def _verified(self, name: str) -> Path:
        """Return a file of the bundle if it is the one that was written."""
        file = self.folder / name
        if not file.is_file():
            raise BadFile(file, "this file of the bundle is missing")
        if sha256(file) != self.hashes.get(name):
            raise BadFile(file, "not the file that the bundle was made with (its sha256 differs)")
        return file


def check_category(name: str, categories: Sequence[str]) -> None:
    """Refuse what is none of the categories, spelled as they are.

    Raises:
        ModelNotFound: the sentence of :func:`codes.vocabulary.no_category`.
    """
    if name not in categories:
        raise ModelNotFound(no_category(name, categories))


def shipped_bundles() -> list[str]:
    """List the names of the bundles that ship with halfdrawn."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/bundle.json"))


def _is_bundle(folder: Path) -> bool:
    try:
        return (folder / "bundle.json").is_file()
    except (OSError, ValueError):  # a name that can be no file's: too long, or with a zero byte
        return False


def _find(name_or_path: str | Path) -> Path:
    for folder in (Path(name_or_path), SHIPPED / name_or_path):
        if _is_bundle(folder):
            return folder
    raise ModelNotFound(
        f"no model '{name_or_path}'; there are {', '.join(shipped_bundles()) or 'none'}, or give a path"
    )


def part_folder(category: str) -> str:
    """Return the folder for a category's part: its name, reduced to letters, digits, dots, dashes and underscores."""
    return "decoders/" + re.sub(r"[^\w.-]+", "_", category, flags=re.ASCII).lstrip(".").lower()


def publish_bundle(building: Path, folder: Path, decoders: Mapping[str, str], card: str) -> Bundle:
    """Write the table of contents of the parts in ``building``, and move it all to ``folder`` in one go.

    Raises:
        BadFile: see :func:`check_bundle_folder`.
    """
    check_bundle_folder(folder)
    (building / "README.md").write_text(card)
    _write_contents(building, decoders, _part_hashes(building, decoders))
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)  # left by a process that was killed here
        folder.rename(old)
        building.rename(folder)
        shutil.rmtree(old)
    else:
        building.rename(folder)
    return Bundle.open(folder)


def check_bundle_folder(folder: Path) -> None:
    """Refuse to replace anything but a bundle, such as the folder of the runs or drawings that one is made of.

    Raises:
        BadFile: there is something else.
    """
    if folder.exists() and not _is_bundle(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise BadFile(folder, "is no bundle, so it is not replaced by one; name a new folder")


def write_critic(bundle: Bundle, critic: Critic, config: PartConfig) -> Bundle:
    """Write a critic into a bundle on disk; it is no part of it before the table of contents names it."""
    write_part(bundle.folder / CRITIC, config, critic.state_dict(), "float16")
    kept = {CATALOGUE: bundle.hashes[CATALOGUE]} if bundle.has_catalogue else {}
    _write_contents(bundle.folder, bundle.decoders, {**_part_hashes(bundle.folder, bundle.decoders), **kept})
    return Bundle.open(bundle.folder)


def write_catalogue(bundle: Bundle, sketches: Sequence[Sketch]) -> Bundle:
    """Write drawings of the categories into a bundle on disk, in place of those that it has.

    While they are written the table of contents names none, so the bundle is whole at every moment.

    Args:
        bundle: gets them.
        sketches: whole ones in Quick, Draw! pixels; ``category`` says of what.

    Raises:
        BadFile: they cannot be written.
    """
    parts = {file: digest for file, digest in bundle.hashes.items() if file != CATALOGUE}
    if bundle.has_catalogue:
        _write_contents(bundle.folder, bundle.decoders, parts)
    path = bundle.folder / CATALOGUE
    ndjson.write(path, sketches)
    _write_contents(bundle.folder, bundle.decoders, {**parts, CATALOGUE: sha256(path)})
    return Bundle.open(bundle.folder)


def _part_hashes(folder: Path, decoders: Mapping[str, str]) -> dict[str, str]:
    optional = [part for part in (COMMON, CRITIC) if (folder / part).is_dir()]
    parts = ["router", *decoders.values(), *optional]
    return {f"{part}/{name}": sha256(folder / part / name) for part in parts for name in FILES}


def _write_contents(folder: Path, decoders: Mapping[str, str], hashes: Mapping[str, str]) -> None:
    facts: dict[str, Any] = {
        "format": FORMAT,
        "categories": list(decoders),
        "decoders": dict(decoders),
        "sha256": dict(hashes),
    }
    with atomic_path(folder / "bundle.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")
