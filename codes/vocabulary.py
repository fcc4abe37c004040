"""Find a category by what people call it: "bike", "puppies", "tv"; knows words and nothing of models.

Where a category is named, as by ``--only``, :func:`resolve` takes a name in any case, spacing and number. Another word
for a category is only suggested, since it may mean another thing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from codes.errors import ModelNotFound

WORDS = Path(__file__).with_name("vocabulary.json")  # other words for the categories of Quick, Draw!
FEW_CATEGORIES = 12  # that one sentence can name
MAX_SUGGESTED = 3
ALIKE = 0.6  # how much of a misspelled word must be right
# How well a word fits, best first.
NAME, SYNONYM, BEGINS, WORD_BEGINS, SYNONYM_BEGINS, INSIDE, MISSPELLED = range(7)


def find(text: str, categories: Sequence[str]) -> list[str]:
    """Return the categories that may be meant by a word, a plural or the beginning of either, the likeliest first.

    Names come before other words, whole words before beginnings; where nothing fits, what is spelled most alike.
    """
    wanted = _forms(text)
    if not wanted:
        return list(categories)
    fits = {name: min(_fit(form, name) for form in wanted) for name in categories}
    found = [name for name in categories if fits[name] < MISSPELLED]
    if found:
        return sorted(found, key=lambda name: fits[name])
    similarity = {name: max(_similarity(form, word) for form in wanted for word in _words(name)) for name in categories}
    return sorted((name for name in categories if similarity[name] >= ALIKE), key=lambda name: -similarity[name])


def resolve(text: str, categories: Sequence[str]) -> str:
    """Return the category that is named by a word, in any case, spacing and number.

    Raises:
        ModelNotFound: there is none; the sentence is :func:`no_category`.
    """
    if name := same_name(text, categories):
        return name
    raise ModelNotFound(no_category(text, categories))


def same_name(text: str, categories: Sequence[str]) -> str | None:
    """Return the category whose name differs from the text in case, spaces and number at most, if it is the only one.

    A name that is spelled exactly so goes before all others, and one in the same number before one in another.
    """
    wanted = _joined(text)
    steps = (
        lambda name: name == text,
        lambda name: _joined(name) == wanted,
        lambda name: _joined(name) in map(_joined, _forms(text)) or wanted in map(_joined, _forms(name)),
    )
    for fits in steps:
        found = [name for name in categories if fits(name)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def no_category(text: str, categories: Sequence[str]) -> str:
    """Return the sentence about a name that is none of the categories, with what may have been meant."""
    alike = find(text, categories)[:MAX_SUGGESTED] if text.strip() else []
    hint = f"did you mean {' or '.join(repr(each) for each in alike)}? " if alike else ""
    if len(categories) <= FEW_CATEGORIES:
        return f"no category '{text}'; {hint}there are {', '.join(categories)}"
    return f"no category '{text}'; {hint}draw_client.py list shows all {len(categories)}"


def _joined(text: str) -> str:
    return _plain(text).replace(" ", "")


def _fit(wanted: str, category: str) -> int:
    name, *synonyms = _words(category)
    tests = {
        NAME: wanted == name,
        SYNONYM: wanted in synonyms,
        BEGINS: name.startswith(wanted),
        WORD_BEGINS: any(word.startswith(wanted) for word in name.split()),
        SYNONYM_BEGINS: any(each.startswith(wanted) for each in synonyms),
        INSIDE: len(wanted) > 2 and wanted in name,
    }
    return next((fit for fit, fits in tests.items() if fits), MISSPELLED)


def _similarity(wanted: str, word: str) -> float:
    """Return the share of neighbouring letters that two words have in common, from 0 to 1 (Dice 1945)."""
    ours, theirs = _pairs(wanted), _pairs(word)
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())


def _pairs(word: str) -> Counter[str]:
    return Counter(map("".join, pairwise(f" {word} ")))


def _words(category: str) -> list[str]:
    """Return the name of a category and other words for it, as :func:`_plain` writes them."""
    return [_plain(each) for each in (category, *_synonyms().get(category, ()))]


def _forms(text: str) -> list[str]:
    """Return a word as it is and, if it may be a plural, in the singular."""
    plain = _plain(text)
    return list(dict.fromkeys([plain, *_singulars(plain)])) if plain else []


def _singulars(word: str) -> Iterator[str]:
    for ending, singular in (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield word.removesuffix(ending) + singular


def _plain(text: str) -> str:
    """Return text in lower case, dashes and spaces made one space, without marks at its ends and words before a name.

    "It's a cat!" is "cat".
    """
    words = re.sub(r"[\s_-]+", " ", text.casefold())
    words = re.sub(r"""^[ "'“‘(]+|[ "'”’).,;:!?]+$""", "", words)
    return re.sub(r"^(?:(?:it is|it['’]s|this is|that is|the|an?|my|some) )+(?=\w)", "", words)


def words_for(categories: Sequence[str]) -> dict[str, list[str]]:
    """Return other words for those of the categories that have any."""
    return {name: _synonyms()[name] for name in categories if name in _synonyms()}


@lru_cache
def _synonyms() -> dict[str, list[str]]:
    words: dict[str, list[str]] = json.loads(WORDS.read_text())
    return words
