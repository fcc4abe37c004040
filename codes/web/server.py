"""The application on a port; uvicorn runs it. Knows the bounds of the line, which lie just above those of messages."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from codes.errors import BadOption
from codes.web.limits import Limits

FLUSH = 5.0  # seconds that the last answers may take to leave
SLACK = 4  # a message so many times as long as is taken is not even told why


class Line(WebSocketsSansIOProtocol):
    """A socket that is cut soon after its session is over, also where the client takes nothing any more."""

    async def run_asgi(self) -> None:
        """Run the session, then give what is unsent a little time."""
        await super().run_asgi()
        self.loop.call_later(FLUSH, self.transport.abort)


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections already; they wait until a server runs.

    Raises:
        BadOption: the address cannot be had.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise BadOption(f"port {port} of {host} cannot be listened at ({error.strerror or error})") from error


def server_of(app: Starlette, limits: Limits) -> uvicorn.Server:
    """A server of this application; give it a socket that listens and it runs until it is told to exit."""
    config = uvicorn.Config(
        app,
        ws=Line,
        ws_max_size=SLACK * limits.message_bytes,
        ws_per_message_deflate=False,
        limit_concurrency=SLACK * limits.connections,
        timeout_graceful_shutdown=1,
        log_level="warning",
        server_header=False,
    )
    return uvicorn.Server(config)
