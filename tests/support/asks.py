"""Canvases that tests open, the messages that they send, and what comes back put together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.testclient import TestClient, WebSocketTestSession

from codes.formats.polyline_json import record_of
from codes.strokes.stroke3 import Sketch

HOST = "127.0.0.1:8000"


def sketch_record(sketch: Sketch) -> dict[str, Any]:
    """As a canvas sends it."""
    record = record_of(sketch)
    return {"strokes": record["strokes"], "unit": record["unit"], "pen_down": bool(sketch.points[-1, 2] == 0)}


def canvas(client: TestClient, **headers: str) -> WebSocketTestSession:
    """A socket to the live canvas, to be entered; headers are changes to those of a program on this machine."""
    return client.websocket_connect("/live", headers={"host": HOST, **headers})


def answers_to(number: int, socket: WebSocketTestSession) -> list[dict[str, Any]]:
    """All messages about one ask, up to the last."""
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] not in ("done", "refused", "stopped"):
        message = socket.receive_json()
        if message["id"] == number:
            heard.append(message)
    return heard


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait until something is true; fail where it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} seconds in vain"
        time.sleep(0.01)


def ask(number: int, sketch: Sketch, **options: Any) -> dict[str, Any]:
    return {"type": "ask", "id": number, "sketch": sketch_record(sketch), **options}


def drawn(heard: list[dict[str, Any]]) -> dict[int, np.ndarray]:
    """The rows of each variation, ``[n, 3]``, out of all pieces of ink."""
    rows: dict[int, list[list[float]]] = {}
    for message in heard:
        for variation, dx, dy, lift, end in message.get("rows", []):
            rows.setdefault(variation, [])
            if not end:
                rows[variation].append([dx, dy, lift])
    return {variation: np.reshape(some, (-1, 3)) for variation, some in rows.items()}


def types(heard: list[dict[str, Any]]) -> list[str]:
    """The types of messages, with neighbours of the same type taken as one."""
    kinds = [message["type"] for message in heard]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]]
