"""Build the web application; any ASGI server can run it.

Knows which address leads to which endpoint and what every request passes through. Models belong to the engine, which
lives as long as the application runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from codes.errors import BadFile, OverLimit, SketchError
from codes.inference.completer import Completer
from codes.inference.requests import OUR_MISTAKE
from codes.web.context import ServerContext
from codes.web.endpoints import STATIC, Endpoints, error_response
from codes.web.engine import Engine
from codes.web.gallery import Gallery
from codes.web.limits import Counters, Limits
from codes.web.security import SECURITY_HEADERS, OriginGuard
from codes.web.visitors import Visitors

LIMITS = Limits()
VISITORS = Visitors()


def make_app(
    completer: Completer,
    gallery: Path,
    limits: Limits = LIMITS,
    hosts: Collection[str] | None = None,
    visitors: Visitors = VISITORS,
) -> Starlette:
    """Return the application that serves a completer's live canvas.

    Args:
        completer: what answers; from then on its models belong to the engine.
        gallery: the folder of drawings that are kept; made when it is needed.
        limits: how much is taken from one client.
        hosts: the names and addresses by which this server may be called, without ports; any, if None. Others are
            refused, so that no stranger's domain can lead here (DNS rebinding).
        visitors: what people at other devices are told and may do.

    Raises:
        BadFile: the page is missing.
    """
    if not (STATIC / "index.html").is_file():
        raise BadFile(STATIC / "index.html", "the page is missing")
    context = ServerContext(Engine(completer), limits, Counters())
    allowed = ["*"] if hosts is None else [f"[{host}]" if ":" in host else host for host in hosts]
    return Starlette(
        routes=_routes(Endpoints(context, Gallery(gallery, limits, context.counters), visitors)),
        middleware=[
            Middleware(OriginGuard, counters=context.counters),
            Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False),
        ],
        exception_handlers={
            SketchError: _sketch_error_handler(context.counters),
            HTTPException: _http_error,
            Exception: _server_error,
        },
        lifespan=_lifespan(context.engine),
    )


def _routes(endpoints: Endpoints) -> list[BaseRoute]:
    return [
        Route("/", endpoints.index),
        Route("/favicon.ico", endpoints.icon),
        Route("/health", endpoints.health),
        Route("/api/model", endpoints.model),
        Route("/api/catalogue", endpoints.catalogue),
        Route("/api/complete", endpoints.complete, methods=["POST"]),
        Route("/api/phone", endpoints.phone),
        Route("/api/gallery", endpoints.gallery, methods=["GET", "POST"]),
        Route("/api/gallery/{name}", endpoints.arrange, methods=["PUT", "DELETE"]),
        Route("/api/convert", endpoints.convert, methods=["POST"]),
        Route("/api/read", endpoints.read, methods=["POST"]),
        WebSocketRoute("/live", endpoints.live),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def _lifespan(engine: Engine) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.close()

    return lifespan


def _sketch_error_handler(counters: Counters) -> Callable[[Request, Exception], Response]:
    """Return a handler that counts what a client caused and answers with its sentence."""

    def handle(_: Request, error: Exception) -> Response:
        assert isinstance(error, SketchError)
        counters.add(error.limit if isinstance(error, OverLimit) else "misunderstood")
        return error_response(error)

    return handle


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {404: "there is nothing at this address", 405: "this address is not asked in that way"}
    return JSONResponse({"error": sentence.get(error.status_code, error.detail)}, error.status_code)


def _server_error(_: Request, error: Exception) -> Response:
    """Answer without details; the server writes the traceback to its log."""
    return JSONResponse({"error": OUR_MISTAKE}, 500, headers=SECURITY_HEADERS)
