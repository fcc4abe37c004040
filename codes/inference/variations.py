"""Variations of one decoder: the candidates of all of them are drawn together, and the best of each is chosen.

Knows a decoder, and the router and critic that choose; knows no requests, no threads and no files. What is chosen for a
variation depends on its prefix, its options and its number alone, whatever is drawn beside it.

A variation that is shown while it is made has an opening: its first stroke is drawn once, so that it can be shown at
once, and candidates are made of all that follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
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
from codes.model.stepper import StepWeights
from codes.strokes.geometry import Bounds
from codes.strokes.stroke3 import OFFSET

BLANK = np.zeros((0, 3))
MAX_TOGETHER = 64  # variations that :func:`draw_all` draws together
NOTHING = Continuation(BLANK, False, 0.0)


@dataclass(eq=False)
class Variation:
    """One way to go on from a prefix, or to draw from nothing, while it is made.

    Attributes:
        decoder: draws it.
        prefix: what it goes on from, stroke-3 ``[n, 3]`` in QuickDraw pixels, ``n >= 0``.
        options: how; ``candidates`` of it are made at most.
        key: of its first candidate.
        start: ``[1]``, where its candidates begin.
        room: what its drawings should not leave, in QuickDraw pixels from where the prefix begins; None for no bounds.
        opening: what was drawn before its candidates begin, perhaps nothing.
        opens: true until the opening was drawn; never where there is to be none.
        n_made: candidates that were begun so far.
        n_shown: points that were shown while they were drawn, for the caller to count.
        drawings: those that are under way, by their numbers in the batch.
        active: drawings that are not over.
        best: of all candidates that were looked at.
        decided: true once no more candidates will be made.
        owner: whose it is, for the caller to note.
    """

    decoder: LoadedDecoder
    prefix: Pixels
    options: SamplingOptions
    key: NoiseKey
    start: ActiveBatch
    room: Bounds | None = None
    opening: Continuation = NOTHING
    opens: bool = False
    n_made: int = 0
    n_shown: int = 0
    drawings: range = range(0)
    active: int = 0
    best: Candidate | None = None
    decided: bool = False
    owner: Any = None

    @property
    def chooses(self) -> bool:
        """Return true if the drawings that are under way are to be chosen among."""
        return self.options.drawings_each > 1 and not self.opens

    def next_round(self) -> range:
        """Return the numbers of the drawings that are to be made next: the opening, or candidates."""
        if self.opens:
            return range(1)
        most = FIRST_ROUND if self.n_made == 0 else self.options.drawings_each
        return range(self.n_made, min(most, self.options.drawings_each))

    def open(self, opening: Continuation, waiting: ActiveBatch) -> None:
        """Take in the opening; candidates begin where it waits."""
        self.opening, self.start, self.opens = opening, waiting.going_on(), False
        self.key = replace(self.key, later=True)

    def finished(self, drawn: Continuation) -> Pixels:
        """Return the prefix and what was added, as models see it."""
        return np.concatenate([self.prefix, self.decoder.config.normaliser.undo(drawn.points)])

    def stays_in_room(self, finished: Pixels) -> bool:
        """Return true if what was added to the prefix does not leave its room."""
        if self.room is None:
            return True
        x, y = finished[:, OFFSET].cumsum(axis=0)[len(self.prefix) :].T
        left, top, right, bottom = self.room
        return bool(((x >= left) & (x <= right) & (y >= top) & (y <= bottom)).all())

    def consider(self, candidates: Sequence[Candidate]) -> None:
        """Keep the best so far, and decide whether it is good enough; of equals the first is the best.

        A drawing that ended with its first stroke was shown already.
        """
        known = [self.best] if self.best else []
        self.best = max([*known, *candidates], key=lambda each: each.rank)
        self.decided = self.opens or self.best.good_enough or self.n_made == self.options.drawings_each


class DecoderBatch:
    """Hold all drawings that are under way of the decoders that share weights."""

    def __init__(self, weights: StepWeights) -> None:
        self.weights = weights
        self._drawings = Drawings(weights)
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
        counts = [len(each) for each in rounds]
        starts = ActiveBatch.joined([each.start for each in variations])
        keys = [
            replace(each.key, candidate=candidate)
            for each, numbers in zip(variations, rounds, strict=True)
            for candidate in numbers
        ]
        temperatures = [
            each.options.temperature for each, numbers in zip(variations, rounds, strict=True) for _ in numbers
        ]
        starts = starts.with_entries(pauses=[each.opens for each in variations])
        clones = starts.select(np.repeat(np.arange(len(variations)), counts))
        numbers = self._drawings.join(with_noise(self.weights, clones, keys, temperatures))
        start = numbers.start
        for each, made in zip(variations, rounds, strict=True):
            each.drawings, each.active = range(start, start + len(made)), len(made)
            each.n_made = 0 if each.opens else made.stop
            start = each.drawings.stop
            self._owners |= dict.fromkeys(each.drawings, each)

    def leave(self, variations: Sequence[Variation]) -> None:
        """Forget the drawings of these."""
        numbers = {number for each in variations for number in each.drawings}
        self._drawings.leave(numbers)
        for number in numbers:
            self._owners.pop(number, None)

    def step(self) -> Step:
        """Draw one more point of everything; :meth:`collect` tells which rounds are over now."""
        return self._drawings.step()

    def collect(self, step: Step) -> list[tuple[Variation, list[Continuation]]]:
        """Return the variations whose round ended with this step, and all that was drawn in it.

        Candidates of those whose opening was drawn are begun at once.
        """
        opened, over = [], []
        for number in step.drawings[step.paused].tolist():
            variation = self._owners.pop(number)
            variation.open(*self._drawings.collect_paused(number))
            opened.append(variation)
        for number in step.drawings[step.over].tolist():
            variation = self._owners.pop(number)
            variation.active -= 1
            if not variation.active:
                drawn = self._drawings.collect(variation.drawings)
                if variation.opens and not len(drawn[0]):  # it ended before anything was drawn: nothing was shown
                    variation.opens = False
                    opened.append(variation)
                else:
                    over.append((variation, [variation.opening.followed_by(each) for each in drawn]))
        if opened:
            self.begin(opened)
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
    keys, rows = iter(noise_keys(batch, options)), iter(np.arange(len(starts))[:, None])
    for prefix, each in zip(prefixes, options, strict=True):
        for _ in range(each.variations):
            yield Variation(decoder, prefix, each, next(keys), starts.select(next(rows)))


def draw_all(decoder: LoadedDecoder, models: Models | None, variations: Sequence[Variation]) -> list[Candidate]:
    """Draw variations of one decoder until each is decided, and return what was chosen.

    ``models`` choose; None will do where there are no candidates to choose among.
    """
    batch = DecoderBatch(decoder.stepper.weights)
    for start in range(0, len(variations), MAX_TOGETHER):
        waiting = list(variations[start : start + MAX_TOGETHER])
        while waiting:
            batch.begin(waiting)
            rounds = []
            while batch:
                rounds += batch.collect(batch.step())
            decide(models, rounds)
            waiting = [each for each in waiting if not each.decided]
    return [each.best for each in variations if each.best]


def decide(models: Models | None, rounds: Sequence[tuple[Variation, Sequence[Continuation]]]) -> None:
    """Look at rounds that are over: score what there is to choose among, and keep the best of each variation."""
    choices = [(variation, drawn) for variation, drawn in rounds if variation.chooses]
    sketches = [variation.finished(each) for variation, drawn in choices for each in drawn]
    rows = [len(variation.prefix) for variation, drawn in choices for _ in drawn]
    categories = [variation.decoder.category for variation, drawn in choices for _ in drawn]
    scores: Iterator[float] = iter(())
    if sketches:
        assert models, "there is nobody to choose"
        scores = iter(candidate_scores(models.router, models.critic, sketches, rows, categories))
    finished = iter(sketches)
    for variation, drawn in rounds:
        if variation.chooses:
            seen = ((each, next(scores), variation.stays_in_room(next(finished))) for each in drawn)
            variation.consider([Candidate(*each) for each in seen])
        else:
            variation.consider([Candidate(each) for each in drawn])
