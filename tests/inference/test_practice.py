"""What a critic learns from: the person's own sketches as they are, and the decoder's from their beginnings."""

from __future__ import annotations

import numpy as np
import torch

from codes.inference.practice import SEEN, TEMPERATURES, practise
from tests.helpers import doodles


def test_each_sketch_is_seen_whole_and_finished_at_every_temperature(completer):
    sketches = doodles(7, categories=["square"])
    practice = practise(completer, "square", sketches)
    expected = next(completer.router.looks([each.astype(np.float64) for each in sketches])).features
    torch.testing.assert_close(practice.theirs, expected.half())
    assert practice.ours.shape == (7 * len(TEMPERATURES), expected.shape[1])


def test_it_is_a_function_of_the_seed(completer):
    sketches = doodles(4, categories=["zigzag"])
    first, again, other = (practise(completer, "zigzag", sketches, seed).ours for seed in (0, 0, 9))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_the_decoder_finishes_begins_as_the_persons_and_is_cut_within_bounds(completer, monkeypatch):
    sketches = [rows for rows in doodles(30, categories=["zigzag"]) if len(rows) >= 10]
    asked = []
    draw = completer.complete_many
    monkeypatch.setattr(
        completer, "complete_many", lambda begun, options: asked.append((begun, options)) or draw(begun, options)
    )
    practise(completer, "zigzag", sketches)
    assert [options.temperature for _, options in asked] == list(TEMPERATURES)
    assert len({options.seed for _, options in asked}) == len(TEMPERATURES)
    assert all((options.category, options.candidates) == ("zigzag", 1) for _, options in asked)
    shares = []
    for begun, _ in asked:
        for prefix, rows in zip(begun, sketches, strict=True):
            np.testing.assert_array_equal(prefix.points, rows[: len(prefix)])
            shares.append(len(prefix) / len(rows))
    assert SEEN[0] - 0.05 <= min(shares) < 0.3
    assert 0.7 < max(shares) <= SEEN[1] + 0.05
