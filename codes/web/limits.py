"""State how much one server takes from its clients, once for each limit, and count how often each was hit.

Knows numbers and time; knows no sockets and no sketches.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Lock

from codes.errors import OverLimit


@dataclass(frozen=True)
class Limits:
    """Hold the limits of a server; the defaults suit a few dozen people on two processors.

    Attributes:
        connections: sockets open at a time.
        requests: HTTP requests that are being worked on at a time.
        message_bytes: of one message or one JSON body.
        file_bytes: of one file that is to be read.
        messages_a_second: of one socket, in the long run.
        burst: messages of one socket at once.
        points: in one sketch, as drawn.
        strokes: in one sketch.
        rows: in one sketch after simplification, which is what a model reads.
        variations: of each category drawn.
        top: categories drawn for one question.
        max_points: added to one sketch.
        names: of categories in one question.
        letters: in one of these names.
        unread: messages that wait for one client; pieces of the same drawing count as one.
        client_timeout: seconds that a client may take to send a body or to take a message.
        frame: seconds between two pieces of ink to one client.
        word: letters of a drawing's name.
        listed: drawings that the gallery shows.
        kept: drawings that the gallery holds.
    """

    connections: int = 64
    requests: int = 8
    message_bytes: int = 256 * 1024
    file_bytes: int = 2 * 1024 * 1024
    messages_a_second: float = 20.0
    burst: int = 40
    points: int = 5_000
    strokes: int = 300
    rows: int = 400
    variations: int = 9
    top: int = 5
    max_points: int = 200
    names: int = 1_000
    letters: int = 200
    unread: int = 64
    client_timeout: float = 10.0
    frame: float = 0.02
    word: int = 40
    listed: int = 60
    kept: int = 2_000


class Counters:
    """Count how often each thing happened; any thread may add to it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, name: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[name] += 1

    def counts(self) -> dict[str, int]:
        """Return the counts so far, by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))


class TokenBucket:
    """Hold up to ``burst`` tokens, refilled at ``rate`` a second; a message costs one.

    Times are seconds of a monotonic clock, given by the caller.
    """

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._last_refill = float(burst), now

    def take(self, now: float) -> bool:
        """Take a token; return False where there is none."""
        self._tokens = min(self.burst, self._tokens + (now - self._last_refill) * self.rate)
        self._last_refill = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def check_limit(name: str, limit: float, value: float, unit: str) -> None:
    """Compare a value with a limit.

    Raises:
        OverLimit: the value is more than ``limit``; the sentence says how much is allowed.
    """
    if value > limit:
        raise OverLimit(name, f"{unit}: at most {limit:.10g} are taken, not {value:.10g}")
