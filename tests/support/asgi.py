"""An ASGI server without a port for one test at a time, where it matters when messages are taken.

Starlette's TestClient takes whatever the application sends; here a test can stop taking, or leave a body unfinished.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

TIMEOUT = 60  # seconds; a test that waits longer has failed


class Connection:
    """One call of the application: a request or a socket, with the messages of both sides."""

    def __init__(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.received: asyncio.Queue[Message] = asyncio.Queue()
        self.takes = asyncio.Event()
        self.takes.set()
        full = {"asgi": {"version": "3.0"}, "headers": [(b"host", b"127.0.0.1:8000")], "query_string": b"", **scope}
        self.task = asyncio.ensure_future(app(full, self.sent.get, self._take))

    async def _take(self, message: Message) -> None:
        await self.takes.wait()
        await self.received.put(message)

    async def receive(self) -> Message:
        return await asyncio.wait_for(self.received.get(), TIMEOUT)

    def send_json(self, message: Any) -> None:
        self.sent.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def over(self) -> None:
        """Wait until the application has nothing more to say."""
        await asyncio.wait_for(self.task, TIMEOUT)


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[Callable[[dict[str, Any]], Connection]]:
    """Start the application; gives a function that opens connections to it."""
    life = Connection(app, {"type": "lifespan"})
    life.sent.put_nowait({"type": "lifespan.startup"})
    assert (await life.receive())["type"] == "lifespan.startup.complete"
    yield lambda scope: Connection(app, scope)
    life.sent.put_nowait({"type": "lifespan.shutdown"})
    await life.over()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 2 * TIMEOUT))  # type: ignore[arg-type]
