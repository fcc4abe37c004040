"""Simulated people at a live canvas: they draw at a human pace, ask as the page does, and note what comes when.

A sketch is one of the examples, moved and scaled; its strokes are walked at the speed of a hand, with rests between
them. While a stroke is drawn only its category is asked for; at its end it is to be finished.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import EXAMPLES
from codes.formats.registry import read
from codes.sketch.geometry import bounds, resample

CANVAS = 1000.0
UNIT = CANVAS / 280  # of a canvas, see codes.sketch.geometry
SPEED = 700.0  # canvas units a second
SAMPLES = 60.0  # pen positions a second
GLANCE = 0.3  # seconds between two looks at an unfinished stroke
REST = 0.6  # seconds between strokes
ADMIRING = 1.5  # seconds between sketches

Line = NDArray[np.float64]


@dataclass
class Asked:
    """One question and what became of it; times in seconds."""

    message: dict[str, Any]
    sent: float
    routed: float | None = None
    inked: float | None = None
    ended: float | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, said: dict[str, Any], now: float) -> None:
        """Note what was said, and when."""
        assert self.ended is None, f"a question ended twice: {said}"
        self.heard.append(said)
        if said["type"] == "route":
            self.routed = now - self.sent
        elif said["type"] == "ink":
            self.inked = self.inked or now - self.sent
        elif said["type"] in ("done", "stopped", "refused"):
            self.ended = now - self.sent

    @property
    def draws(self) -> bool:
        """Whether it is more than a look."""
        return bool(self.message["draw"])


@dataclass(frozen=True)
class Moment:
    """When a person asks what: seconds since the beginning, and the message."""

    time: float
    message: dict[str, Any]


def moments(number: int, seconds: float, variations: int) -> Iterator[Moment]:
    """What a person asks, sketch after sketch, until the time is over; a function of the person's number."""
    rng = np.random.default_rng(number)
    now, count = rng.uniform(0, 2), 0
    while now < seconds:
        done: list[Line] = []
        for stroke in _placed(rng):
            for seen in _glances(stroke):
                yield Moment(now, _message(count, [*done, seen], pen_down=True, draw=0))
                now, count = now + GLANCE, count + 1
            done.append(stroke)
            yield Moment(now, _message(count, done, pen_down=False, draw=variations))
            now, count = now + REST * rng.uniform(0.5, 1.5), count + 1
        now += ADMIRING * rng.uniform(0.5, 1.5)


class Person:
    """Somebody at a canvas."""

    def __init__(self, number: int, seconds: float, variations: int) -> None:
        self.moments = moments(number, seconds, variations)
        self.asked: list[Asked] = []

    async def draw(self, address: str) -> None:
        """Sit down, draw, and leave when the last answer is there."""
        begun = time.perf_counter()
        async with connect(address, max_queue=None) as socket:
            listening = asyncio.create_task(self._listen(socket))
            for moment in self.moments:
                await asyncio.sleep(moment.time - (time.perf_counter() - begun))
                self.asked.append(Asked(moment.message, time.perf_counter()))
                await socket.send(json.dumps(moment.message))
            while self.asked[-1].ended is None:
                await asyncio.sleep(0.05)
            listening.cancel()

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            said = json.loads(text)
            self.asked[said["id"]].hear(said, time.perf_counter())


def _message(number: int, strokes: list[Line], pen_down: bool, draw: int) -> dict[str, Any]:
    sketch = {"strokes": [line.tolist() for line in strokes], "pen_down": pen_down, "unit": UNIT}
    return {"type": "ask", "id": number, "sketch": sketch, "draw": draw}


def _placed(rng: np.random.Generator) -> list[Line]:
    """An example's strokes somewhere on the canvas, as pen positions; ``[k, 2]`` each."""
    files = sorted(EXAMPLES.glob("*.svg"))
    lines = read(files[rng.integers(len(files))]).polylines()
    box = bounds(lines)
    scale = rng.uniform(0.5, 0.8) * CANVAS / box.longest
    corner = rng.uniform(0.05, 0.2, size=2) * CANVAS
    moved = [(line - [box.left, box.top]) * scale + corner for line in lines]
    return [np.round(resample(line, SPEED / SAMPLES), 1) for line in moved]


def _glances(stroke: Line) -> Iterator[Line]:
    """What is there of a stroke each time that it is looked at before its end."""
    step = round(GLANCE * SAMPLES)
    for end in range(step, len(stroke), step):
        yield stroke[:end]
