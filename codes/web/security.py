"""What is true of every request and every answer: whose pages may ask, and what a page may load.

Knows headers; knows no routes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from codes.web.limits import Counters

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    ]
)
SECURITY_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


class OriginGuard:
    """An application behind a door: strangers' pages are turned away, every answer carries the headers above.

    Scripts send no Origin and are let in. A page of another site has one that is not ours. A name that leads here
    without being ours (DNS rebinding) is no host of ours, where ``hosts`` says which are.
    """

    def __init__(self, app: ASGIApp, counters: Counters, hosts: Collection[str] | None = None) -> None:
        self.app, self.counters, self.hosts = app, counters, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through or turn away."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, _with_headers(send))
            return
        self.counters.add("origin")
        answer = JSONResponse({"error": refusal}, 403)
        if scope["type"] == "http":
            await answer(scope, receive, _with_headers(send))
        else:
            await WebSocket(scope, receive, _with_headers(send)).send_denial_response(answer)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.hosts is not None and _name(host) not in self.hosts:
            return "this server does not go by that name"
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if origin is not None and not reads and urlsplit(origin).netloc.lower() != host.lower():
            return "only this server's own page may ask that"
        return None


def _name(host: str) -> str | None:
    """A Host header without its port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers: Any = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
