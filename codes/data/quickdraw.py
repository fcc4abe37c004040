"""Describe the Quick, Draw! data set: its categories, its licence, and which categories may teach refusal.

This module knows names. It knows no files of sketches and no network.
"""

from __future__ import annotations

import difflib
import hashlib
from functools import cache
from importlib.resources import files

from codes.errors import BadOption

LICENCE = "CC BY 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
SOURCE_URL = "https://github.com/googlecreativelab/quickdraw-dataset"
ATTRIBUTION = f"Drawings: the Quick, Draw! Dataset by Google ({SOURCE_URL}), {LICENCE} ({LICENCE_URL})."

NONE_OF_THESE = "none of these"
NEVER_TEACH_REFUSAL = frozenset({"hand", "spider"})

MAX_NAME_LENGTH = 100
MAX_SIMILAR = 3


@cache
def categories() -> tuple[str, ...]:
    """Return the names of the 345 categories, as the official files spell them."""
    text = files("codes.data").joinpath("categories.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def similar_names(name: str) -> list[str]:
    """Return up to three categories whose names look most like this one, best first; case does not matter."""
    spelled = {known.lower(): known for known in categories()}
    close = difflib.get_close_matches(name.lower(), spelled, n=MAX_SIMILAR, cutoff=0.5)
    within = [known for known in spelled if name.lower() in known and known not in close] if name else []
    return [spelled[known] for known in [*close, *within][:MAX_SIMILAR]]


def unknown_category(name: str) -> BadOption:
    """Return the error for a name that Quick, Draw! does not know, with similar names in its message."""
    close = ", ".join(repr(known) for known in similar_names(name))
    hint = f"did you mean {close}?" if close else f"all names are listed at {SOURCE_URL}"
    return BadOption(f"Quick, Draw! has no category {name!r}; {hint}")


def is_category_name(name: object) -> bool:
    """Return true if this can name a category, and so a folder of a run or a bundle."""
    return (
        isinstance(name, str)
        and 1 <= len(name) <= MAX_NAME_LENGTH
        and name == name.strip()
        and name.isprintable()
        and not name.startswith(".")
        and not set(name) & set('/\\:*?"<>|')
    )


def may_teach_refusal(name: str) -> bool:
    """Return true if sketches of this category may stand for "none of these" while a router learns.

    All other categories only ever test refusal, so that it is measured on categories that no model has seen. A name
    may teach if its SHA-256 is even as a number, and it is neither "hand" nor "spider".
    """
    even = hashlib.sha256(name.encode()).digest()[-1] % 2 == 0
    return even and name not in NEVER_TEACH_REFUSAL
