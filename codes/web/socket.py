"""Talk with one client over a WebSocket: read its messages, hand its requests to the engine, send what comes back.

Messages wait in an :class:`Outbox`, filled by the engine's thread and emptied by a task here. Ink is joined while it
waits, so a slow client gets larger messages, not more of them; a client that still lets them pile up is cut off.
Knows sockets and messages; the engine knows models. Nothing slow runs on the event loop: texts are parsed by a worker
thread.
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
from codes.web.protocol import Ask, InvalidMessage, error_message, parse_message, payload

TRY_AGAIN_LATER, TOO_SLOW = 1013, 1008  # close codes
CLOSE_TIMEOUT = 1.0  # seconds in which a client that reads nothing may still read why it is cut off

Payload = dict[str, Any]


class Outbox:
    """Hold the messages that wait for one client; any thread may add to it.

    Attributes:
        full: more than ``capacity`` messages waited; no more are taken in.
    """

    def __init__(self, capacity: int, wake: Callable[[], None]) -> None:
        self.capacity, self.full = capacity, False
        self._wake = wake
        self._lock = Lock()
        self._waiting: list[Payload] = []

    def put(self, message: Payload) -> None:
        """Add a message and wake the task that sends."""
        with self._lock:
            asleep = not self._waiting
            self._add(message)
            self.full = self.full or len(self._waiting) > self.capacity
        if asleep or self.full:
            self._wake()

    def take(self) -> list[Payload]:
        """Remove and return all messages, in order."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        return taken

    def _add(self, message: Payload) -> None:
        if self.full:
            return
        if message["type"] == "stopped":  # what was not read of it is of no use
            self._waiting = [each for each in self._waiting if not _is_ink(each, message)]
        last = self._waiting[-1] if self._waiting else None
        if last is not None and message["type"] == "ink" and _is_ink(last, message):
            last["rows"] += message["rows"]
        else:
            self._waiting.append(message)


def _is_ink(message: Payload, other: Payload) -> bool:
    return bool(message["type"] == "ink" and message["id"] == other["id"])


class ClientSession:
    """Answer one client while its socket is open, one request at a time."""

    def __init__(self, socket: WebSocket, context: ServerContext) -> None:
        self.socket, self.context = socket, context
        self._messages_waiting = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(context.limits.unread, self._wake)
        self._request: SketchRequest | None = None

    async def run(self) -> None:
        """Answer until the client leaves or is too slow."""
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(_until_over, tasks.cancel_scope, self._read)
                tasks.start_soon(_until_over, tasks.cancel_scope, self._write)
        finally:
            self._cancel()

    async def _read(self) -> None:
        async for text in self._texts():
            message = await to_thread.run_sync(parse_message, text, self.context.limits, limiter=self.context.parsers)
            if isinstance(message, InvalidMessage):
                self._refuse(message.id, message.error)
                continue
            self._cancel()
            if isinstance(message, Ask):
                self._submit(message)

    async def _texts(self) -> AsyncIterator[str]:
        """Yield the texts that come; a client that sends too fast is read more slowly, and told so."""
        limits = self.context.limits
        bucket = TokenBucket(limits.messages_a_second, limits.burst, time.monotonic())
        while (message := await self.socket.receive())["type"] == "websocket.receive":
            if not bucket.take(time.monotonic()):
                await sleep(1 / limits.messages_a_second)
                sentence = f"more than {limits.messages_a_second:g} messages a second: this one was not read"
                self._refuse(None, OverLimit("messages_a_second", sentence))
            elif message.get("text") is None:
                self._refuse(None, BadOption("a message is a text frame"))
            else:
                yield message["text"]

    def _submit(self, ask: Ask) -> None:
        self.context.counters.add("questions")
        self._request = SketchRequest(ask.sketch, ask.options, partial(self._on_event, ask.id), draws=ask.draws)
        self.context.engine.submit(self._request)

    def _cancel(self) -> None:
        if self._request is not None:
            self.context.engine.cancel(self._request)
            self._request = None

    def _on_event(self, number: int, event: Event) -> None:
        """Pass an event on; the engine's thread calls this."""
        self._outbox.put(payload(number, event))

    def _wake(self) -> None:
        """Wake the task that sends; any thread calls this."""
        self._loop.call_soon_threadsafe(self._messages_waiting.set)

    def _refuse(self, number: int | None, error: SketchError) -> None:
        self.context.counters.add(error.limit if isinstance(error, OverLimit) else "misunderstood")
        self._outbox.put(error_message(number, error))

    async def _write(self) -> None:
        """Send what waits, at most once in ``frame`` seconds, until the client takes nothing any more."""
        limits = self.context.limits
        while not self._outbox.full:
            await self._messages_waiting.wait()
            self._messages_waiting.clear()
            try:
                with fail_after(limits.client_timeout):
                    for message in self._outbox.take():
                        await self.socket.send_text(json.dumps(message, separators=(",", ":")))
            except TimeoutError:
                return await self._give_up("client_timeout")
            await sleep(limits.frame)
        return await self._give_up("unread")

    async def _give_up(self, limit: str) -> None:
        self.context.counters.add(limit)
        with move_on_after(CLOSE_TIMEOUT):
            await self.socket.close(TOO_SLOW, "the answers were not read")


async def _until_over(scope: CancelScope, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work; once it is over or the client is gone, end the task beside it."""
    with suppress(WebSocketDisconnect):
        await work()
    scope.cancel()


async def reject(socket: WebSocket, sentence: str) -> None:
    """Say that the server is full, and close the socket."""
    with suppress(WebSocketDisconnect):
        await socket.send_text(json.dumps(error_message(None, OverLimit("connections", sentence))))
        await socket.close(TRY_AGAIN_LATER, sentence)
