"""Messages that wait for one client: put in by any thread, taken by one task, never more than a few.

Ink is joined while it waits, so a client that is slow gets larger pieces, not a longer queue; what is not drawn any
more is thrown away. Whoever still lets them pile up is cut off.

One socket: reads what a client asks, one question at a time, and tells it what becomes of that.

Knows sockets and messages; the engine knows models. Nothing that takes long runs on the event loop: texts are made
into sketches by a worker thread, models run in the engine's.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any

from anyio import CancelScope, create_task_group, fail_after, move_on_after, sleep, to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from codes.errors import BadOption, OverLimit, SketchError
from codes.inference.requests import Event, SketchRequest
from codes.web.context import ServerContext
from codes.web.limits import TokenBucket
from codes.web.protocol import Ask, InvalidMessage, message_of, parse_message, refusal

Said = dict[str, Any]


class Outbox:
    """What one client is to be told.

    Attributes:
        full: more waited than ``most``; nothing is taken in any more.
    """

    def __init__(self, most: int, wake: Callable[[], None]) -> None:
        self.most, self.full = most, False
        self._wake = wake
        self._lock = Lock()
        self._waiting: list[Said] = []

    def put(self, message: Said) -> None:
        """Add a message."""
        with self._lock:
            asleep = not self._waiting
            self._add(message)
            self.full = self.full or len(self._waiting) > self.most
        if asleep or self.full:
            self._wake()

    def take(self) -> list[Said]:
        """All that waits, in order."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        return taken

    def _add(self, message: Said) -> None:
        if self.full:
            return
        if message["type"] == "stopped":  # what was not read of it is of no use
            self._waiting = [each for each in self._waiting if not _is_ink(each, message)]
        last = self._waiting[-1] if self._waiting else None
        if last is not None and message["type"] == "ink" and _is_ink(last, message):
            last["rows"] += message["rows"]
        else:
            self._waiting.append(message)


def _is_ink(message: Said, other: Said) -> bool:
    return bool(message["type"] == "ink" and message["id"] == other["id"])


TRY_AGAIN_LATER, TOO_SLOW = 1013, 1008
GOODBYE = 1.0  # seconds that a client who does not read is given to read why


class Session:
    """One client, from the moment that the socket is open until it is not."""

    def __init__(self, socket: WebSocket, house: ServerContext) -> None:
        self.socket, self.house = socket, house
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(house.limits.unread, self._wake)
        self._question: SketchRequest | None = None

    async def run(self) -> None:
        """Answer until the client leaves, or is too slow."""
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(_until_over, tasks.cancel_scope, self._read)
                tasks.start_soon(_until_over, tasks.cancel_scope, self._write)
        finally:
            self._cancel()

    async def _read(self) -> None:
        async for text in self._texts():
            said = await to_thread.run_sync(parse_message, text, self.house.limits, limiter=self.house.readers)
            if isinstance(said, InvalidMessage):
                self._refuse(said.id, said.error)
                continue
            self._cancel()
            if isinstance(said, Ask):
                self._ask(said)

    async def _texts(self) -> AsyncIterator[str]:
        """The texts that come, no faster than is allowed: whoever sends faster is read more slowly."""
        limits = self.house.limits
        pace = TokenBucket(limits.messages_a_second, limits.burst, time.monotonic())
        while (message := await self.socket.receive())["type"] == "websocket.receive":
            if not pace.take(time.monotonic()):
                await sleep(1 / limits.messages_a_second)
                sentence = f"more than {limits.messages_a_second:g} messages a second: this one was not read"
                self._refuse(None, OverLimit("messages_a_second", sentence))
            elif message.get("text") is None:
                self._refuse(None, BadOption("a message is a text frame"))
            else:
                yield message["text"]

    def _ask(self, ask: Ask) -> None:
        self.house.counters.add("questions")
        self._question = SketchRequest(ask.sketch, ask.options, partial(self._tell, ask.id))
        self.house.engine.submit(self._question)

    def _cancel(self) -> None:
        if self._question is not None:
            self.house.engine.cancel(self._question)
            self._question = None

    def _tell(self, number: int, event: Event) -> None:
        """Called by the engine's thread."""
        self._outbox.put(message_of(number, event))

    def _wake(self) -> None:
        """Called by any thread."""
        self._loop.call_soon_threadsafe(self._news.set)

    def _refuse(self, number: int | None, error: SketchError) -> None:
        self.house.counters.add(error.limit if isinstance(error, OverLimit) else "misunderstood")
        self._outbox.put(refusal(number, error))

    async def _write(self) -> None:
        """Send what waits, a piece at a time, until the client does not take it any more."""
        limits = self.house.limits
        while not self._outbox.full:
            await self._news.wait()
            self._news.clear()
            try:
                with fail_after(limits.patience):
                    for message in self._outbox.take():
                        await self.socket.send_text(json.dumps(message, separators=(",", ":")))
            except TimeoutError:
                return await self._give_up("patience")
            await sleep(limits.frame)
        return await self._give_up("unread")

    async def _give_up(self, limit: str) -> None:
        self.house.counters.add(limit)
        with move_on_after(GOODBYE):
            await self.socket.close(TOO_SLOW, "the answers were not read")


async def _until_over(scope: CancelScope, work: Callable[[], Awaitable[None]]) -> None:
    """Work, and when it is over or the client is gone, end what goes on beside it."""
    with suppress(WebSocketDisconnect):
        await work()
    scope.cancel()


async def turn_away(socket: WebSocket, sentence: str) -> None:
    """Tell a client that there is no place, and close."""
    with suppress(WebSocketDisconnect):
        await socket.send_text(json.dumps(refusal(None, OverLimit("connections", sentence))))
        await socket.close(TRY_AGAIN_LATER, sentence)
