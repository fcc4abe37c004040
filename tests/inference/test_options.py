"""Options are refused at the door, one sentence each."""

from __future__ import annotations

import numpy as np
import pytest

from codes.errors import BadOption
from codes.inference.options import SamplingOptions, with_changes


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"variations": 0}, "variations must be 1 to 4096, not 0"),
        ({"variations": 4097}, "variations must be 1 to 4096"),
        ({"variations": 1.5}, "variations must be a whole number"),
        ({"variations": "9"}, "variations must be a whole number"),
        ({"temperature": 0, "variations": 2}, "at temperature 0 all variations are the same drawing; ask for 1"),
        ({"temperature": -1.0}, "temperature must be 0 to 2"),
        ({"temperature": 2.1}, "must be 0 to 2"),
        ({"temperature": float("nan")}, "temperature must be 0 to 2"),
        ({"temperature": float("inf")}, "must be 0 to 2"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"temperature": None}, "temperature must be a number"),
        ({"seed": -1}, "seed must be 0 or a positive"),
        ({"seed": 2**63}, "seed must be 0 or a positive"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"candidates": 0}, "candidates must be 1 to 4096, not 0"),
        ({"candidates": 4097}, "candidates must be 1 to 4096"),
        ({"candidates": 2.0}, "candidates must be a whole number"),
        ({"max_points": 0}, "max_points must be 1 to 1000"),
        ({"max_points": 1001}, "max_points must be 1 to 1000"),
        ({"top": 0}, "top must be at least 1"),
        ({"top": 2, "category": "sun"}, "give one of the two"),
        ({"latent": "hidden"}, "latent must be prefix, zero or prior"),
    ],
)
def test_what_is_out_of_range_is_named(fields, reason):
    with pytest.raises(BadOption, match=reason) as error:
        SamplingOptions(**fields)
    assert "\n" not in str(error.value)
    with pytest.raises(BadOption, match=reason):
        with_changes(None, fields)


def test_an_unknown_option_is_named_with_those_there_are():
    with pytest.raises(BadOption, match="no option 'warmth'; there are variations, temperature, seed"):
        with_changes(None, {"warmth": 3})


def test_changes_leave_the_rest_as_it_was():
    options = SamplingOptions(variations=3, seed=5)
    assert with_changes(options, {"temperature": 0.7}) == SamplingOptions(variations=3, seed=5, temperature=0.7)
    assert with_changes(options, {}) == options
    assert with_changes(None, {}) == SamplingOptions()


def test_the_edges_and_numbers_of_numpy_are_taken():
    SamplingOptions(variations=4096, candidates=4096, temperature=2, seed=2**63 - 1, max_points=1000)
    SamplingOptions(temperature=0, variations=2, latent="prior")
    SamplingOptions(variations=np.int64(3), temperature=np.float32(0.5), seed=np.uint8(1))
