"""``python -m benchmarks.live people | engine | hostile | canvas``: a live canvas used by many, and attacked.

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
from benchmarks.live.canvas import canvas
from benchmarks.live.hostile import flood
from benchmarks.live.simulation import Play
from benchmarks.live.users import Asked, Moment, Person, moments
from codes.formats.polyline_json import sketch_from_record
from codes.inference.completer import Completer, load
from codes.inference.options import Completion, SamplingOptions
from codes.runtime import use_threads
from codes.sketch.stroke3 import OFFSET

START = 120.0  # seconds that a server may take to start
MOMENTS = 12  # at which the memory is looked at
CLOSE = 0.01  # of a canvas unit, or of a number, whichever is more: an answer is right


@dataclass(frozen=True)
class Server:
    """A server that runs."""

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
    """A server in a process of its own, and all decoders read."""
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
    give_up = time.monotonic() + START
    while True:
        try:
            server.health()
            return server
        except OSError:
            assert time.monotonic() < give_up, "the server does not start"
            time.sleep(0.2)


@click.group()
def main() -> None:
    """A live canvas, measured."""


@main.command()
@click.option("--people", "count", default=30, show_default=True)
@click.option("--seconds", default=120.0, show_default=True)
@click.option("--draw", default=9, show_default=True, help="Variations that each asks for.")
@click.option("-m", "--model", default="starter", show_default=True)
def people(count: int, seconds: float, draw: int, model: str) -> None:
    """People who draw at a human pace; every answer is compared with what the Completer says alone."""
    crowd = [Person(number, seconds, draw) for number in range(count)]
    with serving(model) as server:
        for category in load(model).categories:
            good_ask(server, category)
        memory = asyncio.run(_draw(crowd, server, seconds / MOMENTS))
    asked = [each for person in crowd for each in person.asked]
    figures = {"people": count, "seconds": seconds, "draw": draw, **waits(asked)}
    figures |= {"memory_mb": memory, "load": os.getloadavg()[0], **check(load(model), asked)}
    click.echo(json.dumps(figures))


async def _draw(crowd: Sequence[Person], server: Server, pause: float) -> list[float]:
    """All of them at once; the memory that the server holds, before, every ``pause`` seconds, and after."""
    memory = [server.health()["memory_mb"]]
    drawing = asyncio.gather(*(person.draw(server.socket) for person in crowd))
    while not drawing.done():
        await asyncio.wait([drawing], timeout=pause)
        memory.append((await asyncio.to_thread(server.health))["memory_mb"])
    await drawing
    return memory


@main.command("engine")
@click.option("--people", "count", default=30, show_default=True)
@click.option("--seconds", default=20.0, show_default=True)
@click.option("--draw", default=9, show_default=True, help="Variations that each asks for.")
@click.option("-m", "--model", default="starter", show_default=True)
def engine_(count: int, seconds: float, draw: int, model: str) -> None:
    """The same people and the engine alone, in processor time: what else the machine does counts little."""
    use_threads(1)
    played = Play(load(model), [moments(number, seconds, draw) for number in range(count)])
    asked = played.run()
    figures = {"people": count, "seconds": seconds, "draw": draw, **waits(asked), **played.figures()}
    click.echo(json.dumps(figures))


def waits(asked: Sequence[Asked]) -> dict[str, Any]:
    """How long people waited, in ms, and how their questions ended."""
    ends = [each.heard[-1]["type"] for each in asked]
    figures: dict[str, Any] = {"asks": len(asked), **{end: ends.count(end) for end in ("done", "stopped", "refused")}}
    drawn = [each for each in asked if each.draws]
    for name, times in {
        "bars": [each.routed for each in asked],
        "ink": [each.inked for each in drawn],
        "done": [each.ended for each in drawn if each.heard[-1]["type"] == "done"],
    }.items():
        known = [1000 * each for each in times if each is not None]
        for share in (50, 95):
            figures[f"{name}_p{share}_ms"] = round(float(np.percentile(known, share)), 1)
    return figures


def check(completer: Completer, asked: Sequence[Asked]) -> dict[str, Any]:
    """How many answers are those of the Completer alone; of those that were stopped, as far as they went."""
    use_threads(1)
    routed = [each for each in asked if each.routed is not None]
    wrong = sum(not _is_right(completer, each) for each in tqdm(routed, unit=" answers"))
    return {"checked": len(routed), "wrong": wrong}


def ask_engine(completer: Completer, message: dict[str, Any]) -> Asked:
    """One question, answered by an engine of its own."""
    return Play(completer, [iter([Moment(0.0, message)])]).run()[0]


def _is_right(completer: Completer, asked: Asked) -> bool:
    sketch, said = sketch_from_record(asked.message["sketch"]), asked.heard[0]
    route = completer.classify(sketch)
    if said["decision"] != route.decision or not _near(
        [said["probabilities"][name] for name in completer.categories],
        [route.probabilities[name] for name in completer.categories],
    ):
        return False
    ink = [row for message in asked.heard if message["type"] == "ink" for row in message["rows"]]
    if not ink:
        return True
    alone = completer.finish(sketch, route, SamplingOptions(variations=asked.message["draw"], candidates=1))
    return all(_is_part(ink, number, completion) for number, completion in enumerate(alone))


def _is_part(ink: Sequence[Sequence[float]], number: int, alone: Completion) -> bool:
    """Whether what came of a variation is the beginning of what the Completer draws, and its end if it ended."""
    mine = [row for row in ink if row[0] == number]
    rows = [row[1:3] for row in mine if not row[4]]
    theirs = alone.sketch.points[alone.sketch.prefix_rows :, OFFSET]
    ended = bool(mine) and bool(mine[-1][4])
    return len(rows) <= len(theirs) and (not ended or len(rows) == len(theirs)) and _near(rows, theirs[: len(rows)])


def _near(ours: Any, theirs: Any) -> bool:
    return bool(np.allclose(np.reshape(ours, -1), np.reshape(theirs, -1), rtol=CLOSE, atol=CLOSE))


@main.command()
@click.option("--messages", default=10_000, show_default=True)
@click.option("--sockets", default=16, show_default=True)
@click.option("-m", "--model", default="starter", show_default=True)
def hostile(messages: int, sockets: int, model: str) -> None:
    """Hostile messages over many sockets; then how long the next good client waits, against before."""
    with serving(model) as server:
        good_answer_ms(server)
        asyncio.run(flood(server.socket, messages // 10, sockets))  # buffers have their size
        before = {"good_before_ms": good_answer_ms(server), "memory_before_mb": server.health()["memory_mb"]}
        started = time.perf_counter()
        outcome = asyncio.run(flood(server.socket, messages, sockets))
        seconds = round(time.perf_counter() - started, 1)
        after = {"good_after_ms": good_answer_ms(server), "memory_after_mb": server.health()["memory_mb"]}
        health = server.health()
    hits = {name: count for name, count in health["limits"].items() if count}
    figures = {"messages": messages, "sockets": sockets, "seconds": seconds, **outcome, **before, **after}
    click.echo(json.dumps({**figures, "limits": hits, "counts": health["counts"], "open": health["connections"]}))


def good_answer_ms(server: Server, rounds: int = 15) -> float:
    """The median time of a whole answer to a good client."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        good_ask(server, "cat")
        times.append(time.perf_counter() - started)
    return round(1000 * float(np.median(times)), 1)


def good_ask(server: Server, category: str) -> None:
    """One question on a socket of its own, and its whole answer."""
    sketch = {"strokes": [[[100, 100], [300, 120], [350, 300]], [[150, 160], [180, 190]]], "unit": 3}
    with connect(server.socket) as line:
        line.send(json.dumps({"type": "ask", "id": 1, "sketch": sketch, "category": category, "max_points": 40}))
        while json.loads(line.recv(timeout=60))["type"] not in ("done", "refused"):
            continue


main.add_command(canvas)


if __name__ == "__main__":
    main()
