"""Progress in a terminal is a bar, in a file it is lines."""

from __future__ import annotations

import io
import sys

import pytest

from codes import progress
from codes.progress import progress as bar_over


class Terminal(io.TextIOWrapper):
    """A terminal of some encoding; what it shows is kept."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)


def test_a_file_gets_a_line_at_the_start_and_at_the_end(capsys):
    assert list(bar_over(range(40), desc="work", unit=" pieces")) == list(range(40))
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("work:   0% 0/40 [")
    assert last.startswith("work: 100% 40/40 [") and "pieces/s" in last


def test_a_file_gets_a_line_each_time_the_interval_is_over(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_A_LINE", 1e-9)
    list(bar_over(range(3)))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["0/3", "1/3", "2/3", "3/3"]


def test_a_bar_moved_by_hand_counts_without_a_total(capsys):
    with bar_over(unit=" sketches") as bar:
        bar.update(7)
    assert capsys.readouterr().err.splitlines()[-1].startswith("7 sketches [")


def test_nothing_is_shown_where_it_is_disabled(capsys):
    list(bar_over(range(3), disable=True))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("encoding", "full"), [("ascii", "#"), ("utf-8", "█")])
def test_a_terminal_gets_a_bar_that_it_can_show(encoding, full, monkeypatch):
    terminal = Terminal(encoding)
    monkeypatch.setattr(sys, "stderr", terminal)
    list(bar_over(range(3), ncols=60))
    assert "\r" in terminal.shown() and full * 5 in terminal.shown()
