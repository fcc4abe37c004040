"""Messages that wait for one client: put in by any thread, taken by one task, never more than a few.

Ink is joined while it waits, so a client that is slow gets larger pieces, not a longer queue; what is not drawn any
more is thrown away. Whoever still lets them pile up is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

Said = dict[str, Any]


class Outbox:
    """What one client is to be told.

    Attributes:
        full: more waited than ``most``; nothing is taken in any more.
    """

    def __init__(self, most: int, wake: Callable[[], None]) -> None:
        self.most, self.full = most, False
        self._wake = wake
        self._lock = Lock()
        self._waiting: list[Said] = []

    def put(self, message: Said) -> None:
        """Add a message."""
        with self._lock:
            asleep = not self._waiting
            self._add(message)
            self.full = self.full or len(self._waiting) > self.most
        if asleep or self.full:
            self._wake()

    def take(self) -> list[Said]:
        """All that waits, in order."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        return taken

    def _add(self, message: Said) -> None:
        if self.full:
            return
        if message["type"] == "stopped":  # what was not read of it is of no use
            self._waiting = [each for each in self._waiting if not _is_ink(each, message)]
        last = self._waiting[-1] if self._waiting else None
        if last is not None and message["type"] == "ink" and _is_ink(last, message):
            last["rows"] += message["rows"]
        else:
            self._waiting.append(message)


def _is_ink(message: Said, other: Said) -> bool:
    return bool(message["type"] == "ink" and message["id"] == other["id"])
