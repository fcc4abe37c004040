"""What all who come to one server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyio import CapacityLimiter

from codes.web.engine import Engine
from codes.web.limits import Counters, Limits

READERS = 2  # threads that make sketches of what clients send
DESK = 1  # threads that make and read files


@dataclass(frozen=True)
class ServerContext:
    """The engine, the rules and the hands.

    Attributes:
        engine: answers.
        limits: what is taken from one client.
        tally: what is counted.
        readers: how many texts are read at a time.
        desk: how many files are made or read at a time.
    """

    engine: Engine
    limits: Limits
    counters: Counters
    readers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(READERS))
    desk: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(DESK))
