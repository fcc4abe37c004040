"""The web application as a value: ``make_app(completer)`` gives what any ASGI server runs.

Knows routes; what they do is in the modules beside it. It owns no model code: the engine does, in its own thread.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from codes.errors import BadFile, SketchError
from codes.inference.completer import Completer
from codes.web.engine import Engine
from codes.web.headers import Guarded
from codes.web.limits import Limits, Tally
from codes.web.live import House, Session, turn_away

STATIC = Path(__file__).parent / "static"
WORKERS = 2  # threads that read what clients send


def make_app(completer: Completer, limits: Limits | None = None, hosts: Collection[str] | None = None) -> Starlette:
    """The live canvas of a completer.

    Args:
        completer: what answers; from then on the application's own.
        limits: what is taken from clients.
        hosts: the names that this server goes by; any, if None.

    Raises:
        BadFile: the page is missing.
    """
    if not (STATIC / "index.html").is_file():
        raise BadFile(STATIC / "index.html", "the page is missing")
    house = House(Engine(completer), limits or Limits(), Tally(), CapacityLimiter(WORKERS))
    pages = Pages(house)
    return Starlette(
        routes=[
            Route("/", pages.index),
            Route("/health", pages.health),
            Route("/api/model", pages.model),
            WebSocketRoute("/live", pages.live),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guarded, tally=house.tally, hosts=hosts)],
        exception_handlers={SketchError: _refused, 404: _missing, 405: _missing},
        lifespan=_lifespan_of(house.engine),
    )


def _lifespan_of(engine: Engine) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.close()

    return lifespan


class Pages:
    """What is answered at each address."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.started = time.monotonic()
        self.open = 0

    async def index(self, request: Request) -> Response:
        """The canvas."""
        return FileResponse(STATIC / "index.html")

    async def health(self, request: Request) -> Response:
        """How the server does."""
        facts = {"seconds": time.monotonic() - self.started, "connections": self.open}
        return JSONResponse({**facts, "counts": self.house.tally.counts()})

    async def model(self, request: Request) -> Response:
        """What can be drawn, and what may be asked."""
        bundle = self.house.engine.completer.bundle
        facts = {"categories": list(bundle.categories), "name": bundle.folder.name}
        return JSONResponse({**facts, "limits": asdict(self.house.limits)})

    async def live(self, socket: WebSocket) -> None:
        """A canvas and the one who draws on it."""
        limits = self.house.limits
        await socket.accept()
        if self.open >= limits.connections:
            self.house.tally.add("connections")
            await turn_away(socket, f"{limits.connections} others are drawing already; try again later")
            return
        self.open += 1
        self.house.tally.add("sessions")
        try:
            await Session(socket, self.house).run()
        finally:
            self.open -= 1


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _missing(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "there is nothing at this address"}, getattr(error, "status_code", 404))
