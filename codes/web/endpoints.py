"""Answer HTTP requests: read a body within its limits, have it parsed in a worker thread, and return the result.

Knows HTTP, and at which function each address ends. Models run in the engine's thread; files are made and read by a
worker thread; nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anyio import fail_after, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.websockets import WebSocket

from codes.checkpoints.bundle import CATALOGUE
from codes.errors import BadOption, OverLimit, SketchError
from codes.formats.polyline_json import record_of
from codes.inference.options import SamplingOptions, result_record
from codes.inference.requests import Classified, Completed, Event, Refused, SketchRequest, Stopped
from codes.runtime import resident_megabytes
from codes.strokes.stroke3 import Sketch
from codes.vocabulary import words_for
from codes.web.context import ServerContext
from codes.web.conversion import ConvertedFile, convert, read_bytes
from codes.web.engine import Engine
from codes.web.gallery import Gallery
from codes.web.limits import Limits
from codes.web.protocol import parse_complete, parse_convert, parse_keep
from codes.web.socket import ClientSession, reject
from codes.web.visitors import Visitors, qr_rows

STATIC = Path(__file__).parent / "static"
STATUS = {"requests": 503, "message_bytes": 413, "file_bytes": 413, "client_timeout": 408, "kept": 507}


class Endpoints:
    """Hold the endpoints of one application; each method answers one address, listed in ``docs/protocol.md``."""

    def __init__(self, context: ServerContext, gallery: Gallery, visitors: Visitors) -> None:
        self.context = context
        self._gallery, self._visitors = gallery, visitors
        self._started = time.monotonic()
        self._sockets = self._requests = 0

    async def index(self, request: Request) -> Response:
        """Send the page."""
        return FileResponse(STATIC / "index.html")

    async def icon(self, request: Request) -> Response:
        """Send the page's icon; browsers ask for this address without being told to."""
        return FileResponse(STATIC / "icon.svg")

    async def health(self, request: Request) -> Response:
        """Return what the server is doing now, and how often each thing has happened."""
        counts = self.context.counters.counts()
        facts = {
            "seconds": round(time.monotonic() - self._started, 3),
            "memory_mb": resident_megabytes(),
            "connections": self._sockets,
            "requests": self._requests,
            "drawings": self.context.engine.n_drawings,
            "limits": {name: counts.pop(name, 0) for name in asdict(self.context.limits)},
            "counts": counts,
        }
        return JSONResponse(facts)

    async def model(self, request: Request) -> Response:
        """Return what can be drawn, and the limits."""
        bundle = self.context.engine.bundle
        categories = list(bundle.categories)
        facts = {"categories": categories, "words": words_for(categories), "name": bundle.folder.name}
        return JSONResponse({**facts, "limits": asdict(self.context.limits)})

    async def catalogue(self, request: Request) -> Response:
        """Return a drawing of each category; a browser that has them already is told so."""
        bundle = self.context.engine.bundle
        etag = f'"{bundle.hashes[CATALOGUE]}"' if bundle.has_catalogue else '"none"'
        headers = {"etag": etag}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)

        def read() -> list[dict[str, Any]]:
            return [{"category": name, "sketch": record_of(sketch)} for name, sketch in bundle.catalogue().items()]

        async with self._counted():
            drawings = await to_thread.run_sync(read, limiter=self.context.file_workers)
            return JSONResponse({"drawings": drawings}, headers=headers)

    async def complete(self, request: Request) -> Response:
        """Recognise a sketch and finish it."""
        limits, parsers = self.context.limits, self.context.parsers
        async with self._counted():
            body = await read_body(request, limits)
            sketch, options = await to_thread.run_sync(parse_complete, body, limits, limiter=parsers)
            self.context.counters.add("questions")
            return JSONResponse(await answer(self.context.engine, sketch, options))

    async def convert(self, request: Request) -> Response:
        """Make a file of a sketch."""
        limits = self.context.limits

        def parse_and_convert(body: bytes, to: str) -> ConvertedFile:
            return convert(parse_convert(body, limits), to)

        async with self._counted():
            body, to = await read_body(request, limits), request.query_params.get("to", "")
            file = await to_thread.run_sync(parse_and_convert, body, to, limiter=self.context.file_workers)
            name = f'attachment; filename="drawing.{file.suffix}"'
            return Response(file.data, media_type=file.media_type, headers={"content-disposition": name})

    async def read(self, request: Request) -> Response:
        """Read the sketch in a file."""
        limits, workers = self.context.limits, self.context.file_workers
        async with self._counted():
            body, name = await read_body(request, limits, "file_bytes"), request.query_params.get("name", "")
            sketch = await to_thread.run_sync(read_bytes, name, body, limits, limiter=workers)
            return JSONResponse({"sketch": record_of(sketch)})

    async def phone(self, request: Request) -> Response:
        """Return the address at which other devices reach this server, and its QR code."""
        address = self._visitors.phone_address
        return JSONResponse({"address": address, "code": qr_rows(address) if address else []})

    async def gallery(self, request: Request) -> Response:
        """List the newest drawings, or keep one more; without leave to hang it, it lies aside."""
        limits, workers = self.context.limits, self.context.file_workers
        may_arrange = self._visitors.may_arrange(request)

        def parse_and_keep(body: bytes) -> str:
            return self._gallery.keep(*parse_keep(body, limits), hung=may_arrange)

        def listed() -> dict[str, Any]:
            aside = self._gallery.aside() if may_arrange else []
            return {"drawings": self._gallery.newest(), "aside": aside, "may_arrange": may_arrange}

        async with self._counted():
            if request.method == "POST":
                name = await to_thread.run_sync(parse_and_keep, await read_body(request, limits), limiter=workers)
                return JSONResponse({"name": name, "hung": may_arrange})
            return JSONResponse(await to_thread.run_sync(listed, limiter=workers))

    async def arrange(self, request: Request) -> Response:
        """Hang a drawing of the gallery, or take it down."""
        if not self._visitors.may_arrange(request):
            return JSONResponse({"error": "only the teacher arranges this gallery"}, 403)
        hung = request.method == "PUT"
        move = self._gallery.hang if hung else self._gallery.take_down
        async with self._counted():
            await to_thread.run_sync(move, request.path_params["name"], limiter=self.context.file_workers)
            return JSONResponse({"name": request.path_params["name"], "hung": hung})

    async def live(self, socket: WebSocket) -> None:
        """Answer a canvas until it leaves."""
        limit = self.context.limits.connections
        await socket.accept()
        if self._sockets >= limit:
            self.context.counters.add("connections")
            await reject(socket, f"{limit} others are drawing already; try again later")
            return
        self._sockets += 1
        self.context.counters.add("sessions")
        try:
            await ClientSession(socket, self.context).run()
        finally:
            self._sockets -= 1

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        """Count a request while it is worked on, and refuse it where there are too many."""
        limit = self.context.limits.requests
        if self._requests >= limit:
            raise OverLimit("requests", f"{limit} requests are being worked on already; try again later")
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1


async def answer(engine: Engine, sketch: Sketch, options: SamplingOptions) -> dict[str, Any]:
    """Return the result of ``predict_client.py complete --json`` for this sketch.

    Raises:
        SketchError: it cannot be answered.
    """
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, Completed | Refused | Stopped):
            loop.call_soon_threadsafe(finished.set)

    request = SketchRequest(sketch, options, on_event, streams=False)
    engine.submit(request)
    try:
        await finished.wait()
    finally:
        engine.cancel(request)
    match events:
        case [*_, Refused(error)]:
            raise error
        case [Classified(route), *_, Completed(completions)]:
            return result_record(route, completions)
    raise SketchError("the server was closed before this was finished")


async def read_body(request: Request, limits: Limits, limit_name: str = "message_bytes") -> bytes:
    """Return the whole body of a request.

    Args:
        request: whose body is read.
        limits: how long a body may be, and how long it may take.
        limit_name: the name of the limit on its length.

    Raises:
        OverLimit: it is too long, or does not come in time.
        BadOption: the client left before its end.
    """
    limit: int = getattr(limits, limit_name)
    body = bytearray()
    try:
        with fail_after(limits.client_timeout):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise OverLimit(limit_name, f"more than {limit} bytes are not taken")
    except TimeoutError as error:
        raise OverLimit("client_timeout", f"the body did not come within {limits.client_timeout:g} seconds") from error
    except ClientDisconnect as error:
        raise BadOption("the body broke off") from error
    return bytes(body)


def error_response(error: SketchError) -> Response:
    """Return an error's sentence, and the limit it hit, with a status that fits it."""
    if isinstance(error, OverLimit):
        return JSONResponse({"error": str(error), "limit": error.limit}, STATUS.get(error.limit, 400))
    return JSONResponse({"error": str(error)}, 400)
