"""``python -m benchmarks.live people | engine | hostile | canvas``: measures a live canvas under many users.

The server is ``predict_client.py live`` in a process of its own. Each command prints one JSON object last.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from tqdm import tqdm
from websockets.sync.client import connect

from benchmarks import ROOT
from benchmarks.commands import Command
from benchmarks.live.canvas import canvas
from benchmarks.live.hostile import flood
from benchmarks.live.simulation import Simulation
from benchmarks.live.users import SentRequest, TimedMessage, User, example_sketches, user_messages
from codes.checkpoints.bundle import Bundle
from codes.errors import BadOption
from codes.formats.polyline_json import sketch_from_record
from codes.inference.completer import Completer, load
from codes.inference.requests import StreamedPoint
from codes.runtime import use_threads
from codes.strokes.stroke3 import Sketch

START_TIMEOUT = 120.0  # seconds that a server may take to start
MEMORY_READINGS = 12
TOLERANCE = 0.01  # absolute and relative, within which an answer is right
CATALOGUE = click.option(
    "--catalogue", is_flag=True, help="Let everyone draw other things, of the bundle's catalogue, not the examples."
)
MODEL = click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")


@dataclass(frozen=True)
class Server:
    """A server that is running."""

    port: int

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/live"

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=30) as answer:
            facts: dict[str, Any] = json.load(answer)
        return facts


@contextmanager
def serving(model: str) -> Iterator[Server]:
    """Run a server in a process of its own, for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="halfdrawn-bench-") as folder:
        words = ["live", "--port", str(port), "--no-open", "--model", model, "--gallery", folder]
        process = subprocess.Popen([sys.executable, str(ROOT / "predict_client.py"), *words], stdout=subprocess.DEVNULL)
        try:
            yield _started(Server(port))
        finally:
            process.terminate()
            process.wait()


def _started(server: Server) -> Server:
    give_up = time.monotonic() + START_TIMEOUT
    while True:
        try:
            server.health()
            return server
        except OSError:
            assert time.monotonic() < give_up, "the server does not start"
            time.sleep(0.2)


@click.group()
def main() -> None:
    """Measure the live canvas."""


@main.command(cls=Command)
@click.option("--people", "count", default=30, show_default=True, help="Users at a time.")
@click.option("--seconds", default=120.0, show_default=True, help="How long they draw.")
@click.option("--draw", default=9, show_default=True, help="Variations that each user asks for.")
@CATALOGUE
@MODEL
def people(count: int, seconds: float, draw: int, catalogue: bool, model: str) -> None:
    """Let users draw at a human pace, and compare every answer with what the Completer says alone."""
    users = [User(messages) for messages in messages_of(count, seconds, draw, model if catalogue else None)]
    with serving(model) as server:
        for category in load(model).categories:
            ask(server, category)
        memory = asyncio.run(_draw(users, server, seconds / MEMORY_READINGS))
    sent = [each for user in users for each in user.sent]
    figures = {"people": count, "seconds": seconds, "draw": draw, **waits(sent)}
    figures |= {"memory_mb": memory, "load": os.getloadavg()[0], **check(load(model), sent)}
    click.echo(json.dumps(figures))


async def _draw(users: Sequence[User], server: Server, pause: float) -> list[float]:
    """Let all draw at once; return the server's memory in MB before, every ``pause`` seconds, and after."""
    memory = [server.health()["memory_mb"]]
    drawing = asyncio.gather(*(user.draw(server.socket) for user in users))
    while not drawing.done():
        await asyncio.wait([drawing], timeout=pause)
        memory.append((await asyncio.to_thread(server.health))["memory_mb"])
    await drawing
    return memory


@main.command(cls=Command)
@click.option("--people", "count", default=30, show_default=True, help="Users at a time.")
@click.option("--seconds", default=20.0, show_default=True, help="How long they draw.")
@click.option("--draw", default=9, show_default=True, help="Variations that each user asks for.")
@CATALOGUE
@MODEL
def engine(count: int, seconds: float, draw: int, catalogue: bool, model: str) -> None:
    """Simulate the same users on the engine alone, in processor time: what else the machine does counts little."""
    use_threads(1)
    simulation = Simulation(load(model), messages_of(count, seconds, draw, model if catalogue else None))
    sent = simulation.run()
    figures = {"people": count, "seconds": seconds, "draw": draw, **waits(sent), **simulation.figures()}
    click.echo(json.dumps(figures))


def messages_of(count: int, seconds: float, draw: int, model: str | None) -> list[Iterator[TimedMessage]]:
    """Return what each user sends: of the examples, or each of other drawings of a bundle's catalogue.

    Raises:
        BadOption: the bundle has too few drawings.
    """
    if model is None:
        return [user_messages(number, seconds, draw, example_sketches()) for number in range(count)]
    drawings = list(Bundle.open(model).catalogue().values())
    if len(drawings) < count:
        raise BadOption(f"{model} has {len(drawings)} drawings in its catalogue, too few for {count} people")
    return [user_messages(number, seconds, draw, drawings[number::count]) for number in range(count)]


def waits(sent: Sequence[SentRequest]) -> dict[str, Any]:
    """Return how long users waited, in ms, and how their requests ended."""
    ends = [each.heard[-1]["type"] for each in sent]
    figures: dict[str, Any] = {"asks": len(sent), **{end: ends.count(end) for end in ("done", "stopped", "refused")}}
    drawn = [each for each in sent if each.draws]
    for name, times in {
        "bars": [each.classified for each in sent],
        "ink": [each.first_point for each in drawn],
        "done": [each.ended for each in drawn if each.heard[-1]["type"] == "done"],
    }.items():
        known = [1000 * each for each in times if each is not None]
        for share in (50, 95):
            figures[f"{name}_p{share}_ms"] = round(float(np.percentile(known, share)), 1)
    return figures


def check(completer: Completer, sent: Sequence[SentRequest]) -> dict[str, Any]:
    """Count the answers, and those that differ from the Completer's; stopped ones are compared as far as they went."""
    use_threads(1)
    answered = [each for each in sent if each.classified is not None]
    wrong = sum(not _is_right(completer, each) for each in tqdm(answered, unit=" answers"))
    return {"checked": len(answered), "wrong": wrong}


def ask_engine(completer: Completer, message: dict[str, Any]) -> SentRequest:
    """Have one request answered by an engine of its own."""
    return Simulation(completer, [iter([TimedMessage(0.0, message)])]).run()[0]


def _is_right(completer: Completer, sent: SentRequest) -> bool:
    sketch, told = sketch_from_record(sent.message["sketch"]), sent.heard[0]
    route = completer.classify(sketch)
    if told["decision"] != route.decision or not _near(
        [told["probabilities"][name] for name in completer.categories],
        [route.probabilities[name] for name in completer.categories],
    ):
        return False
    ink = [row for message in sent.heard if message["type"] == "ink" for row in message["rows"]]
    if not ink:
        return True
    candidates = next(message["candidates"] for message in sent.heard if message["type"] == "drawing")
    alone = {count: _streamed(completer, sketch, sent.message["draw"], count) for count in set(candidates)}
    return all(_is_beginning(ink, number, alone[count]) for number, count in enumerate(candidates))


def _streamed(completer: Completer, sketch: Sketch, variations: int, candidates: int) -> list[StreamedPoint]:
    """Return what the Completer streams alone, in the likeliest category."""
    return list(completer.stream(sketch, variations=variations, candidates=candidates))


def _is_beginning(ink: Sequence[Sequence[float]], number: int, alone: Sequence[StreamedPoint]) -> bool:
    """Return true if a variation's rows are the first of what the Completer draws, or all of them if it ended."""
    own = [row for row in ink if row[0] == number]
    rows = [row[1:3] for row in own if not row[4]]
    expected = [(each.dx, each.dy) for each in alone if each.variation == number and not each.end]
    ended = bool(own) and bool(own[-1][4])
    complete = len(rows) == len(expected) or not ended
    return len(rows) <= len(expected) and complete and _near(rows, expected[: len(rows)])


def _near(values: Any, expected: Any) -> bool:
    return bool(np.allclose(np.reshape(values, -1), np.reshape(expected, -1), rtol=TOLERANCE, atol=TOLERANCE))


@main.command(cls=Command)
@click.option("--messages", default=10_000, show_default=True, help="Hostile messages in all.")
@click.option("--sockets", default=16, show_default=True, help="Over how many sockets they come.")
@MODEL
def hostile(messages: int, sockets: int, model: str) -> None:
    """Send hostile messages over many sockets, and measure how long a good client waits before and after."""
    with serving(model) as server:
        answer_ms(server)
        asyncio.run(flood(server.socket, messages // 10, sockets))  # so that buffers have their size
        before = {"good_before_ms": answer_ms(server), "memory_before_mb": server.health()["memory_mb"]}
        started = time.perf_counter()
        outcome = asyncio.run(flood(server.socket, messages, sockets))
        seconds = round(time.perf_counter() - started, 1)
        after = {"good_after_ms": answer_ms(server), "memory_after_mb": server.health()["memory_mb"]}
        health = server.health()
    hits = {name: count for name, count in health["limits"].items() if count}
    figures = {"messages": messages, "sockets": sockets, "seconds": seconds, **outcome, **before, **after}
    click.echo(json.dumps({**figures, "limits": hits, "counts": health["counts"], "open": health["connections"]}))


def answer_ms(server: Server, rounds: int = 15) -> float:
    """Return the median time of a whole answer to a good client."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        ask(server, "cat")
        times.append(time.perf_counter() - started)
    return round(1000 * float(np.median(times)), 1)


def ask(server: Server, category: str) -> None:
    """Send one request on a socket of its own and wait for its whole answer."""
    sketch = {"strokes": [[[100, 100], [300, 120], [350, 300]], [[150, 160], [180, 190]]], "unit": 3}
    with connect(server.socket) as connection:
        connection.send(json.dumps({"type": "ask", "id": 1, "sketch": sketch, "category": category, "max_points": 40}))
        while json.loads(connection.recv(timeout=60))["type"] not in ("done", "refused"):
            continue


main.add_command(canvas)


if __name__ == "__main__":
    main()
