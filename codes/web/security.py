"""Turn away the pages of other sites, and tell every page what it may load.

Knows headers; knows no routes.
"""

from __future__ import annotations

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
    """Refuse what a page of another origin posts or opens, and add the security headers to every answer.

    Programs send no ``Origin`` and are let in. A page that only reads may have any origin: without a CORS header its
    browser does not show it the answer.
    """

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self.app, self.counters = app, counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not _is_foreign(scope):
            await self.app(scope, receive, _with_headers(send))
        else:
            self.counters.add("origin")
            refusal = JSONResponse({"error": "only this server's own page may ask that"}, 403)
            if scope["type"] == "http":
                await refusal(scope, receive, _with_headers(send))
            else:
                await WebSocket(scope, receive, _with_headers(send)).send_denial_response(refusal)


def _is_foreign(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    host, origin = headers.get("host", ""), headers.get("origin")
    reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return origin is not None and not reads and urlsplit(origin).netloc.lower() != host.lower()


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers: Any = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
