"""Run the application on a port, with uvicorn.

Knows sockets of the operating system; its limits lie just above those of messages. Knows no messages.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

import uvicorn
import websockets  # noqa: F401  uvicorn imports it late; here its absence is noticed at once
from starlette.types import ASGIApp, Receive, Scope, Send

from codes.errors import BadOption
from codes.web.limits import Limits

SLACK = 4  # a message this many times too long closes its socket without an answer


class ListeningSocket(socket.socket):
    """Listen at an address, and remember the connections that were accepted, so that one can be cut.

    A server closes a connection once all that was written has left, which a client that reads nothing can put off for
    ever. uvicorn has no setting for that and keeps its transports to itself; the socket below them is ours.
    """

    def __init__(self, host: str, port: int) -> None:
        """Listen at once; connections wait until a server accepts them.

        Raises:
            BadOption: the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::" and socket.has_dualstack_ipv6()
        try:
            place = socket.create_server((host, port), family=family, dualstack_ipv6=both)
            super().__init__(fileno=place.detach())
        except OSError as error:
            raise BadOption(f"port {port} of {host} cannot be listened at ({error.strerror or error})") from error
        self._connections: WeakValueDictionary[Any, socket.socket] = WeakValueDictionary()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its client's address."""
        connection, address = super().accept()
        self._connections[address[:2]] = connection
        return connection, address

    def connection_of(self, client: Any) -> socket.socket | None:
        """Return the newest connection of a client, by its host and port; None where it is closed."""
        return self._connections.get(tuple(client))


class CutAfterSession:
    """Cut a WebSocket some time after its session is over, also where its client reads nothing any more.

    Args:
        app: what answers.
        listener: where the connections come in.
        seconds: how long the last messages may take to leave.
    """

    def __init__(self, app: ASGIApp, listener: ListeningSocket, seconds: float) -> None:
        self.app, self.listener, self.seconds = app, listener, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        try:
            await self.app(scope, receive, send)
        finally:
            if scope["type"] == "websocket":
                connection = self.listener.connection_of(scope["client"])
                asyncio.get_running_loop().call_later(self.seconds, _cut, connection)


def make_server(app: ASGIApp, listener: ListeningSocket, limits: Limits) -> uvicorn.Server:
    """Return a server of this application; ``run([listener])`` answers until it is told to exit."""
    config = uvicorn.Config(
        CutAfterSession(app, listener, limits.client_timeout),
        loop="asyncio",  # others accept connections themselves, past the listener
        ws="websockets-sansio",
        ws_max_size=SLACK * limits.message_bytes,
        ws_per_message_deflate=False,
        limit_concurrency=SLACK * limits.connections,
        timeout_graceful_shutdown=1,
        log_level="warning",
        server_header=False,
    )
    return uvicorn.Server(config)


def _cut(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):  # it is closed already
            connection.shutdown(socket.SHUT_RDWR)
