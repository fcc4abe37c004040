"""What a critic learns from: people's sketches, and what decoders make of their beginnings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from codes.building import critic_examples as module
from codes.building.critic_examples import (
    PREFIX_FRACTIONS,
    SCALES,
    TEMPERATURES,
    CriticExamples,
    critic_examples,
    evenly_spaced,
)
from codes.inference.options import SamplingOptions
from codes.strokes.ink import AddedInk, added_ink
from codes.strokes.stroke3 import AnyStroke3
from tests.support.worlds import doodles


def test_each_sketch_is_seen_whole_and_finished_at_every_temperature(completer):
    sketches = doodles(7, categories=["square"])
    examples = critic_examples(completer, "square", sketches)
    expected = next(completer.models.router.encode([each.astype(np.float64) for each in sketches])).features
    torch.testing.assert_close(examples.human, expected.half())
    assert examples.generated.shape == (7 * len(TEMPERATURES), expected.shape[1])
    assert len(examples.human_ink.counts) == len(examples.generated_ink.counts) == 7 * len(TEMPERATURES)


def test_what_people_added_is_cut_where_the_decoder_went_on_and_neither_has_its_own_size(completer, monkeypatch):
    asked: list[tuple[list[AnyStroke3], Sequence[int]]] = []
    monkeypatch.setattr(module, "added_ink", lambda *ink: asked.append(ink) or added_ink(*ink))
    sketches = doodles(8, categories=["zigzag"])
    critic_examples(completer, "zigzag", sketches)
    (human, cuts), (generated, same) = asked
    assert cuts == same
    scales = []
    for number, (rows, others, cut) in enumerate(zip(human, generated, cuts, strict=True)):
        person = sketches[number % 8]
        scales.append(float(rows[0, :2].sum() / person[0, :2].sum()))
        np.testing.assert_allclose(rows, person * [scales[-1], scales[-1], 1])
        np.testing.assert_allclose(others[:cut], rows[:cut])
    assert SCALES[0] <= min(scales) < 0.9 < 1.05 < max(scales) <= SCALES[1]


def test_it_is_a_function_of_the_seed(completer):
    sketches = doodles(4, categories=["zigzag"])
    first, again, other = (critic_examples(completer, "zigzag", sketches, seed).generated for seed in (0, 0, 9))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_the_decoder_finishes_begins_as_the_persons_and_is_cut_within_bounds(completer, monkeypatch):
    sketches = [rows for rows in doodles(30, categories=["zigzag"]) if len(rows) >= 10]
    asked = []
    draw = completer.complete_many
    monkeypatch.setattr(
        completer, "complete_many", lambda begun, options: asked.append((begun, options)) or draw(begun, options)
    )
    critic_examples(completer, "zigzag", sketches)
    temperatures = [options.temperature for _, options in asked]
    assert temperatures == list(TEMPERATURES)
    assert len(set(temperatures)) >= 3, "a critic must have seen decoders at several temperatures"
    assert temperatures.count(SamplingOptions().temperature) > len(temperatures) / 2
    assert len({options.seed for _, options in asked}) == len(TEMPERATURES)
    assert all((options.category, options.candidates) == ("zigzag", 1) for _, options in asked)
    shares = []
    for begun, _ in asked:
        for prefix, rows in zip(begun, sketches, strict=True):
            np.testing.assert_array_equal(prefix.points, rows[: len(prefix)])
            shares.append(len(prefix) / len(rows))
    assert PREFIX_FRACTIONS[0] - 0.05 <= min(shares) < 0.3
    assert 0.7 < max(shares) <= PREFIX_FRACTIONS[1] + 0.05


def test_a_critics_sketches_are_spread_over_all_there_are():
    sketches = doodles(23)
    for max_count in (1, 2, 5, 22, 23, 500):
        kept = [
            next(i for i, rows in enumerate(sketches) if rows is each) for each in evenly_spaced(sketches, max_count)
        ]
        assert kept == sorted(set(kept))
        assert len(kept) == min(max_count, 23)
        assert {0} <= set(kept) if max_count == 1 else {0, 22} <= set(kept)
    assert evenly_spaced([], 5) == []


def test_examples_are_read_as_they_were_kept(completer, tmp_path):
    made = critic_examples(completer, "square", doodles(5, categories=["square"]))
    made.save(tmp_path / "square.safetensors", {})
    read = CriticExamples.read(tmp_path / "square.safetensors")
    assert torch.equal(read.human, made.human)
    assert torch.equal(read.generated, made.generated)
    for before, after in ((made.human_ink, read.human_ink), (made.generated_ink, read.generated_ink)):
        assert isinstance(after, AddedInk)
        for name in ("strokes", "counts", "summaries"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
            assert getattr(after, name).dtype == getattr(before, name).dtype
