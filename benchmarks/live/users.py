"""Simulated users of a live canvas: they draw at a human pace, ask as the page does, and note what comes when.

A sketch is one of the examples, or of a bundle's catalogue, moved and scaled; its strokes are drawn at the speed of a
hand, with rests between them. While a stroke is drawn only its category is asked for; at its end it is to be finished.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import EXAMPLES
from codes.formats.registry import read
from codes.strokes.geometry import bounds, resample
from codes.strokes.stroke3 import Floats, Sketch

CANVAS = 1000.0
UNIT = CANVAS / 280  # of a canvas, see codes.strokes.geometry
PEN_SPEED = 700.0  # canvas units a second
SAMPLE_RATE = 60.0  # pen positions a second
ASK_EVERY = 0.3  # seconds between two requests about an unfinished stroke
REST = 0.6  # seconds between strokes
PAUSE = 1.5  # seconds between sketches


@dataclass
class SentRequest:
    """One request and what became of it; times in seconds.

    Attributes:
        message: as the page sends it.
        sent: when it was sent, on the sender's clock.
        classified, first_point, ended: seconds after that until its route, its first point and its end came.
        heard: every message that answered it.
    """

    message: dict[str, Any]
    sent: float
    classified: float | None = None
    first_point: float | None = None
    ended: float | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, message: dict[str, Any], now: float) -> None:
        """Note a message, and when it came."""
        assert self.ended is None, f"a request ended twice: {message}"
        self.heard.append(message)
        if message["type"] == "route":
            self.classified = now - self.sent
        elif message["type"] == "ink":
            self.first_point = self.first_point or now - self.sent
        elif message["type"] in ("done", "stopped", "refused"):
            self.ended = now - self.sent

    @property
    def draws(self) -> bool:
        """Return true if it asks for a drawing and not only for a category."""
        return bool(self.message["draw"])


@dataclass(frozen=True)
class TimedMessage:
    """A message, and when a user sends it: seconds since the beginning."""

    time: float
    message: dict[str, Any]


def example_sketches() -> list[Sketch]:
    """Return the examples."""
    return [read(file) for file in sorted(EXAMPLES.glob("*.svg"))]


def user_messages(number: int, seconds: float, variations: int, sketches: Sequence[Sketch]) -> Iterator[TimedMessage]:
    """Yield what a user sends, one of the sketches after another, until the time is over; a function of the number."""
    rng = np.random.default_rng(number)
    now, count = rng.uniform(0, 2), 0
    while now < seconds:
        done: list[Floats] = []
        for stroke in _place(sketches[rng.integers(len(sketches))], rng):
            for begun in _begun_strokes(stroke):
                yield TimedMessage(now, _message(count, [*done, begun], pen_down=True, draw=0))
                now, count = now + ASK_EVERY, count + 1
            done.append(stroke)
            yield TimedMessage(now, _message(count, done, pen_down=False, draw=variations))
            now, count = now + REST * rng.uniform(0.5, 1.5), count + 1
        now += PAUSE * rng.uniform(0.5, 1.5)


class User:
    """A client at a socket that sends messages at their times."""

    def __init__(self, messages: Iterator[TimedMessage]) -> None:
        self.messages = messages
        self.sent: list[SentRequest] = []

    async def draw(self, address: str) -> None:
        """Connect, draw, and leave when the last answer has come."""
        begun = time.perf_counter()
        async with connect(address, max_queue=None) as socket:
            listening = asyncio.create_task(self._listen(socket))
            for each in self.messages:
                await asyncio.sleep(each.time - (time.perf_counter() - begun))
                self.sent.append(SentRequest(each.message, time.perf_counter()))
                await socket.send(json.dumps(each.message))
            while self.sent[-1].ended is None:
                await asyncio.sleep(0.05)
            listening.cancel()

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            self.sent[message["id"]].hear(message, time.perf_counter())


def _message(number: int, strokes: list[Floats], pen_down: bool, draw: int) -> dict[str, Any]:
    sketch = {"strokes": [line.tolist() for line in strokes], "pen_down": pen_down, "unit": UNIT}
    return {"type": "ask", "id": number, "sketch": sketch, "draw": draw}


def _place(sketch: Sketch, rng: np.random.Generator) -> list[Floats]:
    """Return a sketch's strokes somewhere on the canvas, as pen positions ``[k, 2]``."""
    lines = sketch.polylines()
    box = bounds(lines)
    scale = rng.uniform(0.5, 0.8) * CANVAS / box.longest
    corner = rng.uniform(0.05, 0.2, size=2) * CANVAS
    moved = [(line - [box.left, box.top]) * scale + corner for line in lines]
    return [np.round(resample(line, PEN_SPEED / SAMPLE_RATE), 1) for line in moved]


def _begun_strokes(stroke: Floats) -> Iterator[Floats]:
    """Yield what there is of a stroke each time that it is asked about before its end."""
    step = round(ASK_EVERY * SAMPLE_RATE)
    for end in range(step, len(stroke), step):
        yield stroke[:end]
