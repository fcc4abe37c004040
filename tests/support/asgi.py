"""An application driven without a port: an event loop in a thread, and plain calls from the test."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from types import TracebackType
from typing import Any, Self

PATIENCE = 60  # seconds; a test that waits longer has failed
HOST = "127.0.0.1:8000"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Runs the application, from entering it until leaving."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        self.life = Exchange(self, {"type": "lifespan"})
        self.life.give({"type": "lifespan.startup"})
        assert self.life.take()["type"] == "lifespan.startup.complete"
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.life.give({"type": "lifespan.shutdown"})
        assert self.life.take()["type"] == "lifespan.shutdown.complete"
        self.life.over.result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, b"", headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        exchange = Exchange(self, {"type": "http", "method": method, **scope_of(path, headers)})
        exchange.give({"type": "http.request", "body": body, "more_body": False})
        exchange.over.result(PATIENCE)
        start, *parts = [exchange.take() for _ in range(exchange.taken.qsize())]
        content = b"".join(part.get("body", b"") for part in parts)
        return Answer(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, content)

    def socket(self, **headers: str) -> Socket:
        socket = Socket(Exchange(self, {"type": "websocket", "subprotocols": [], **scope_of("/live", headers)}))
        socket.exchange.give({"type": "websocket.connect"})
        return socket


class Exchange:
    """One call of the application, and what is said in it both ways."""

    def __init__(self, client: Client, scope: dict[str, Any]) -> None:
        self.client = client
        self.given: asyncio.Queue[Any] = asyncio.Queue()
        self.open = asyncio.Event()
        self.open.set()
        self.taken: queue.Queue[Any] = queue.Queue()
        extensions = {"websocket.http.response": {}}
        full = {"asgi": {"version": "3.0"}, "state": {}, "extensions": extensions, **scope}
        self.over = asyncio.run_coroutine_threadsafe(client.app(full, self.given.get, self._send), client.loop)

    async def _send(self, message: Any) -> None:
        await self.open.wait()
        self.taken.put(message)

    def block(self) -> None:
        """Take nothing any more."""
        self.client.loop.call_soon_threadsafe(self.open.clear)

    def give(self, message: Any) -> None:
        self.client.loop.call_soon_threadsafe(self.given.put_nowait, message)

    def take(self) -> Any:
        return self.taken.get(timeout=PATIENCE)


class Socket:
    """A canvas; the first thing it is told must be that it may speak, see :meth:`opened`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def __enter__(self) -> Self:
        assert self.exchange.take()["type"] == "websocket.accept"
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        """Cut the line."""
        self.exchange.give({"type": "websocket.disconnect", "code": 1006})
        self.exchange.over.result(PATIENCE)

    def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.exchange.give({"type": "websocket.receive", "text": text})

    def hear(self) -> dict[str, Any]:
        """The next message; a close is ``{"type": "close", "code": ...}``."""
        message = self.exchange.take()
        if message["type"] == "websocket.close":
            return {**message, "type": "close"}
        heard: dict[str, Any] = json.loads(message["text"])
        return heard

    def hear_out(self, number: int) -> list[dict[str, Any]]:
        """All that is said about one ask, up to its end."""
        heard = []
        while not heard or heard[-1]["type"] not in ("done", "refused", "stopped"):
            message = self.hear()
            if message["id"] == number:
                heard.append(message)
        return heard


def scope_of(path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    plain, _, query = path.partition("?")
    given = {"host": HOST, **headers}
    return {
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }
