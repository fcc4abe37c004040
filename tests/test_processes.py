"""Work is done by one process or by several, and comes out the same."""

from __future__ import annotations

import os

import pytest

from codes.processes import Processes


def halved(number: int) -> tuple[float, int]:
    """Half of a number, and the process that found it."""
    if number < 0:
        raise ValueError("a negative number")
    return number / 2, os.getpid()


@pytest.mark.parametrize("count", [1, 2])
def test_each_item_is_worked_on_once(count, capsys):
    found = list(Processes(count).results(halved, range(6), "halves"))
    assert sorted(half for half, _ in found) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert ({process for _, process in found} == {os.getpid()}) == (count == 1)
    assert "halves: 100% 6/6" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 2])
def test_what_an_item_raises_is_raised(count):
    with pytest.raises(ValueError, match="negative"):
        list(Processes(count).results(halved, [1, -1, 2]))
