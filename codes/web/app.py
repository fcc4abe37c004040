"""The web application as a value: ``make_app(completer)`` gives what any ASGI server runs.

Knows which address is whose; what is answered there is in ``pages``. Models belong to the engine, which lives as long
as the application runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from codes.errors import BadFile, OverLimit, SketchError
from codes.inference.completer import Completer
from codes.inference.requests import OUR_MISTAKE
from codes.web.context import ServerContext
from codes.web.endpoints import STATIC, Pages, refused
from codes.web.engine import Engine
from codes.web.gallery import Gallery
from codes.web.limits import Counters, Limits
from codes.web.security import SECURITY_HEADERS, OriginGuard

GALLERY = Path("drawings")
LIMITS = Limits()


def make_app(
    completer: Completer, gallery: Path = GALLERY, limits: Limits = LIMITS, hosts: Collection[str] | None = None
) -> Starlette:
    """The live canvas of a completer.

    Args:
        completer: what answers; its models are from then on the engine's.
        gallery: the folder of drawings that are kept; made when it is needed.
        limits: what is taken from one client.
        hosts: the names that this server goes by; any, if None.

    Raises:
        BadFile: the page is missing.
    """
    if not (STATIC / "index.html").is_file():
        raise BadFile(STATIC / "index.html", "the page is missing")
    house = ServerContext(Engine(completer), limits, Counters())
    return Starlette(
        routes=_routes(Pages(house, Gallery(gallery, limits, house.counters))),
        middleware=[Middleware(OriginGuard, counters=house.counters, hosts=hosts)],
        exception_handlers={SketchError: _teller(house.counters), HTTPException: _elsewhere, Exception: _failed},
        lifespan=_lifespan(house.engine),
    )


def _routes(pages: Pages) -> list[BaseRoute]:
    return [
        Route("/", pages.index),
        Route("/health", pages.health),
        Route("/api/model", pages.model),
        Route("/api/complete", pages.complete, methods=["POST"]),
        Route("/api/gallery", pages.drawings, methods=["GET", "POST"]),
        Route("/api/convert", pages.convert, methods=["POST"]),
        Route("/api/read", pages.read, methods=["POST"]),
        WebSocketRoute("/live", pages.live),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def _lifespan(engine: Engine) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.close()

    return lifespan


def _teller(counters: Counters) -> Callable[[Request, Exception], Response]:
    """What a client can cause is counted and told in a sentence."""

    def tell(_: Request, error: Exception) -> Response:
        assert isinstance(error, SketchError)
        counters.add(error.limit if isinstance(error, OverLimit) else "misunderstood")
        return refused(error)

    return tell


def _elsewhere(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {404: "there is nothing at this address", 405: "this address is not asked in that way"}
    return JSONResponse({"error": sentence.get(error.status_code, error.detail)}, error.status_code)


def _failed(_: Request, error: Exception) -> Response:
    """Our own mistake; the traceback goes to the log."""
    return JSONResponse({"error": OUR_MISTAKE}, 500, headers=SECURITY_HEADERS)
