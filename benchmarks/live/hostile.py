"""A flood of messages that no page sends: malformed, enormous, deeply nested, wrong, or cut off."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

DOT = {"strokes": [[[0, 0], [9, 9]]]}
BROKEN = ["", "nonsense", "{", "[]", "null", "[" * 50_000, "7" * 50_000, '{"type": "ask", "type": "ask"}', "\x00"]
WRONG: list[dict[str, Any]] = [
    {"type": "ask"},
    {"type": "draw", "id": 1, "sketch": DOT},
    {"type": "ask", "id": "1", "sketch": DOT},
    {"type": "ask", "id": 1, "sketch": {"strokes": [[[float("nan"), 0]]]}},
    {"type": "ask", "id": 1, "sketch": {"strokes": [[[1e300, 0]]]}},
    {"type": "ask", "id": 1, "sketch": {"strokes": [[[0, 0], [9, 9]]] * 5_000}},
    {"type": "ask", "id": 1, "sketch": {"strokes": [[[i, 90 * (i % 2)] for i in range(6_000)]]}},
    {"type": "ask", "id": 1, "sketch": {"strokes": [[[i, 300 * (i % 2)] for i in range(3_000)]], "unit": 1}},
    {"type": "ask", "id": 1, "sketch": DOT, "draw": 10_000},
    {"type": "ask", "id": 1, "sketch": DOT, "category": "../../etc/passwd"},
    {"type": "ask", "id": 1, "sketch": DOT, "temperature": -1},
    {"type": "ask", "id": 1, "sketch": {**DOT, "unit": 0}},
]
MEGABYTE = " " * 2**20
CUT = 0.1  # share of the sockets that are cut before the answers come
QUIET = 10.0  # seconds without an answer after which no more are waited for


async def flood(address: str, messages: int, sockets: int) -> dict[str, int]:
    """Send so many messages in all; return how many were answered and how many sockets were cut, by either side."""
    shares = [messages // sockets + (i < messages % sockets) for i in range(sockets)]
    outcomes = await asyncio.gather(*(_attack(address, share, number) for number, share in enumerate(shares)))
    return {name: sum(outcome[name] for outcome in outcomes) for name in ("answers", "cut")}


async def _attack(address: str, messages: int, number: int) -> dict[str, int]:
    rng, outcome = random.Random(number), {"answers": 0, "cut": 0}
    texts = _texts(rng)
    while messages > 0:
        burst = min(messages, rng.randint(1, 45))
        try:
            async with connect(address, max_queue=None) as socket:
                for _ in range(burst):
                    await socket.send(next(texts))
                    messages -= 1
                if rng.random() < CUT:
                    socket.transport.abort()
                    outcome["cut"] += 1
                else:
                    outcome["answers"] += await _count_answers(socket, burst)
        except (ConnectionClosed, OSError):
            outcome["cut"] += 1
    return outcome


async def _count_answers(socket: ClientConnection, most: int) -> int:
    """Count the messages that are answered, until ``most`` are or none comes for a while."""
    count = 0
    while count < most:
        try:
            said = json.loads(await asyncio.wait_for(socket.recv(), timeout=QUIET))
        except TimeoutError:
            break
        count += said["type"] in ("done", "stopped", "refused")
    return count


def _texts(rng: random.Random) -> Iterator[str | bytes]:
    while True:
        kind = rng.random()
        if kind < 0.45:
            yield rng.choice(BROKEN)
        elif kind < 0.97:
            yield json.dumps(rng.choice(WRONG))
        else:
            yield rng.choice([MEGABYTE, b"\xff\x00"])
