"""Hold what all clients of one server share.

Knows nothing of HTTP or sockets; the endpoints and the sessions use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from anyio import CapacityLimiter

from codes.web.engine import Engine
from codes.web.limits import Counters, Limits

PARSER_THREADS = 2
FILE_THREADS = 1


@dataclass(frozen=True)
class ServerContext:
    """Bundle the engine, the limits and the worker threads of one server.

    Attributes:
        engine: answers requests.
        limits: how much is taken from one client.
        counters: how often each thing happened.
        parsers: the threads that make sketches of messages.
        file_workers: the threads that make and read files.
    """

    engine: Engine
    limits: Limits
    counters: Counters
    parsers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(PARSER_THREADS))
    file_workers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(FILE_THREADS))
