"""Variations of one decoder: the candidates of all of them are drawn together, and the best of each is chosen.

Knows a decoder, and the router and critic that choose; knows no requests, no threads and no files. What is chosen for a
variation depends on its prefix, its options and its number alone, whatever is drawn beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codes.data.batches import Batch, collate
from codes.inference.decoding import (
    ActiveBatch,
    Continuation,
    Drawings,
    NoiseKey,
    Step,
    blank,
    latents,
    noise_keys,
    read_prefixes,
    with_noise,
)
from codes.inference.models import LoadedDecoder, Models
from codes.inference.options import SamplingOptions
from codes.inference.ranking import FIRST_ROUND, Candidate, candidate_scores
from codes.inference.router import Pixels

BLANK = np.zeros((0, 3))


@dataclass(eq=False)
class Variation:
    """One way to go on from a prefix, or to draw from nothing, while it is made.

    Attributes:
        decoder: draws it.
        prefix: what it goes on from, stroke-3 ``[n, 3]`` in QuickDraw pixels, ``n >= 0``.
        options: how; ``candidates`` of it are made at most.
        key: of its first candidate.
        start: ``[1]``, where the prefix ends.
        n_made: candidates that were begun so far.
        drawings: those of the round that is under way, by their numbers in the batch.
        active: drawings of the round that are not over.
        best: of all candidates that were looked at.
        decided: true once no more candidates will be made.
        owner: whose it is, for the caller to note.
    """

    decoder: LoadedDecoder
    prefix: Pixels
    options: SamplingOptions
    key: NoiseKey
    start: ActiveBatch
    n_made: int = 0
    drawings: range = range(0)
    active: int = 0
    best: Candidate | None = None
    decided: bool = False
    owner: Any = None

    def next_round(self) -> range:
        """Return the numbers of the candidates that are to be made next."""
        most = FIRST_ROUND if self.n_made == 0 else self.options.candidates
        return range(self.n_made, min(most, self.options.candidates))

    def finished(self, drawn: Continuation) -> Pixels:
        """Return the prefix and what was added, as models see it."""
        return np.concatenate([self.prefix, self.decoder.config.normaliser.undo(drawn.points)])

    def consider(self, candidates: Sequence[Candidate]) -> None:
        """Keep the best so far, and decide whether it is good enough; of equals the first is the best."""
        known = [self.best] if self.best else []
        self.best = max([*known, *candidates], key=lambda each: each.rank)
        self.decided = self.best.good_enough or self.n_made == self.options.candidates


class DecoderBatch:
    """Hold all drawings of one decoder that are under way."""

    def __init__(self, decoder: LoadedDecoder) -> None:
        self.decoder = decoder
        self._drawings = Drawings(decoder.stepper)
        self._owners: dict[int, Variation] = {}  # of each drawing that is not over

    def __len__(self) -> int:
        return len(self._owners)

    def variations(self) -> list[Variation]:
        """Return those that have drawings under way."""
        return list(dict.fromkeys(self._owners.values()))

    def owner(self, number: int) -> Variation:
        """Return whose candidate a drawing is that is under way."""
        return self._owners[number]

    def begin(self, variations: Sequence[Variation]) -> None:
        """Begin the next round of candidates of each."""
        rounds = [each.next_round() for each in variations]
        counts = torch.tensor([len(each) for each in rounds])
        starts = ActiveBatch.joined([each.start for each in variations])
        keys = [
            replace(each.key, candidate=candidate)
            for each, numbers in zip(variations, rounds, strict=True)
            for candidate in numbers
        ]
        temperatures = [
            each.options.temperature for each, numbers in zip(variations, rounds, strict=True) for _ in numbers
        ]
        clones = starts.select(torch.arange(len(variations)).repeat_interleave(counts))
        numbers = self._drawings.join(with_noise(self.decoder.stepper, clones, keys, temperatures))
        start = numbers.start
        for each, made in zip(variations, rounds, strict=True):
            each.drawings, each.active, each.n_made = range(start, start + len(made)), len(made), made.stop
            start = each.drawings.stop
            self._owners |= dict.fromkeys(each.drawings, each)

    def leave(self, variations: Sequence[Variation]) -> None:
        """Forget the drawings of these."""
        for each in variations:
            self._drawings.leave(each.drawings)
            for number in each.drawings:
                self._owners.pop(number, None)

    def step(self) -> Step:
        """Draw one more point of everything; :meth:`collect` tells which rounds are over now."""
        return self._drawings.step()

    def collect(self, step: Step) -> list[tuple[Variation, list[Continuation]]]:
        """Return the variations whose round ended with this step, and all that was drawn in it."""
        over = []
        for number in step.drawings[step.over].tolist():
            owner = self._owners.pop(number)
            owner.active -= 1
            if not owner.active:
                over.append((owner, self._drawings.collect(owner.drawings)))
        return over


def variations_of(
    decoder: LoadedDecoder, prefixes: Sequence[Pixels], options: Sequence[SamplingOptions]
) -> list[list[Variation]]:
    """Read several prefixes at once and return the variations of each."""
    batch = collate([decoder.config.normaliser.apply(each) for each in prefixes], [0] * len(prefixes))
    made = iter(_variations(decoder, batch, latents(decoder.vae, batch, options), prefixes, options))
    return [[next(made) for _ in range(each.variations)] for each in options]


def variations_from_codes(decoder: LoadedDecoder, z: Tensor, options: SamplingOptions) -> list[Variation]:
    """Return variations that draw from nothing, one from each of ``z [N * variations, Z]``; see :func:`latents`."""
    count = len(z) // options.variations
    return list(_variations(decoder, blank(count), z, [BLANK] * count, [options] * count))


def _variations(
    decoder: LoadedDecoder,
    batch: Batch,
    z: Tensor,
    prefixes: Sequence[Pixels],
    options: Sequence[SamplingOptions],
) -> Iterator[Variation]:
    starts = read_prefixes(decoder.stepper, batch, z, options)
    keys, rows = iter(noise_keys(batch, options)), iter(torch.split(torch.arange(len(starts)), 1))
    for prefix, each in zip(prefixes, options, strict=True):
        for _ in range(each.variations):
            yield Variation(decoder, prefix, each, next(keys), starts.select(next(rows)))


def decide(models: Models, rounds: Sequence[tuple[Variation, Sequence[Continuation]]]) -> None:
    """Look at rounds that are over: score what there is to choose among, and keep the best of each variation."""
    choices = [(variation, drawn) for variation, drawn in rounds if variation.options.candidates > 1]
    sketches = [variation.finished(each) for variation, drawn in choices for each in drawn]
    rows = [len(variation.prefix) for variation, drawn in choices for _ in drawn]
    categories = [variation.decoder.category for variation, drawn in choices for _ in drawn]
    scores = iter(candidate_scores(models.router, models.critic, sketches, rows, categories) if sketches else ())
    for variation, drawn in rounds:
        chosen_among = variation.options.candidates > 1
        variation.consider([Candidate(each, next(scores) if chosen_among else 0.0) for each in drawn])
