"""HTTP bodies: read within their bounds, made into objects, and errors made into answers.

What is answered at each address; models run in the engine, files are made by a worker thread."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.websockets import WebSocket

from codes.errors import BadOption, OverLimit, SketchError
from codes.formats.polyline_json import record_of
from codes.inference.options import SamplingOptions
from codes.runtime import resident_megabytes
from codes.sketch.stroke3 import Sketch
from codes.web.answers import answer
from codes.web.context import ServerContext
from codes.web.files import Content, converted, read_bytes, with_machine_strokes
from codes.web.gallery import Gallery
from codes.web.limits import Limits, over
from codes.web.protocol import options_in, record_in, simplified, sketch_in
from codes.web.socket import Session, turn_away

STATUS = {"requests": 503, "message_bytes": 413, "file_bytes": 413, "patience": 408, "kept": 507}


async def body_of(request: Request, limits: Limits, limit: str = "message_bytes") -> bytes:
    """The whole body, of no more bytes than the limit of that name.

    Raises:
        OverLimit: it is longer, or does not come.
        BadOption: it broke off.
    """
    most: int = getattr(limits, limit)
    body = bytearray()
    try:
        with fail_after(limits.patience):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    over(limit, f"more than {most} bytes are not taken")
    except TimeoutError:
        over("patience", f"the body did not come within {limits.patience:g} seconds")
    except ClientDisconnect as error:
        raise BadOption("the body broke off") from error
    return bytes(body)


def refused(error: SketchError) -> Response:
    """The sentence, and a status that fits it."""
    status = STATUS.get(error.limit, 400) if isinstance(error, OverLimit) else 400
    return JSONResponse({"error": str(error)}, status)


Result = TypeVar("Result")
STATIC = Path(__file__).parent / "static"


class Pages:
    """The endpoints of one application."""

    def __init__(self, house: ServerContext, gallery: Gallery) -> None:
        self.house, self.gallery = house, gallery
        self._started = time.monotonic()
        self._sockets = self._requests = 0

    async def index(self, request: Request) -> Response:
        """The canvas."""
        return FileResponse(STATIC / "index.html")

    async def health(self, request: Request) -> Response:
        """How the server does: what it is doing now, and how often each thing happened since it began."""
        counts = self.house.counters.counts()
        facts = {
            "seconds": round(time.monotonic() - self._started, 3),
            "memory_mb": resident_megabytes(),
            "connections": self._sockets,
            "requests": self._requests,
            "drawings": self.house.engine.n_drawings,
            "limits": {name: counts.pop(name, 0) for name in asdict(self.house.limits)},
            "counts": counts,
        }
        return JSONResponse(facts)

    async def model(self, request: Request) -> Response:
        """What can be drawn, and what may be asked."""
        bundle = self.house.engine.bundle
        facts = {"categories": list(bundle.categories), "name": bundle.folder.name}
        return JSONResponse({**facts, "limits": asdict(self.house.limits)})

    async def complete(self, request: Request) -> Response:
        """One sketch, recognised and finished."""
        async with self._working():
            body = await body_of(request, self.house.limits)
            sketch, options = await self._work(self.house.readers, self._question, body)
            self.house.counters.add("questions")
            return JSONResponse(await answer(self.house.engine, sketch, options))

    async def convert(self, request: Request) -> Response:
        """A sketch as a file."""
        async with self._working():
            body = await body_of(request, self.house.limits)
            content = await self._work(self.house.desk, self._converted, body, request.query_params.get("to"))
            name = f'attachment; filename="drawing.{content.suffix}"'
            return Response(content.data, media_type=content.media, headers={"content-disposition": name})

    async def read(self, request: Request) -> Response:
        """A file as a sketch."""
        async with self._working():
            body = await body_of(request, self.house.limits, "file_bytes")
            name = request.query_params.get("name", "")
            sketch = await self._work(self.house.desk, read_bytes, name, body, self.house.limits)
            return JSONResponse({"sketch": record_of(sketch)})

    async def drawings(self, request: Request) -> Response:
        """The gallery: the newest drawings, or one more."""
        async with self._working():
            if request.method == "POST":
                body = await body_of(request, self.house.limits)
                return JSONResponse({"name": await self._work(self.house.desk, self._keep, body)})
            return JSONResponse({"drawings": await self._work(self.house.desk, self.gallery.newest)})

    async def live(self, socket: WebSocket) -> None:
        """A canvas and the one who draws on it."""
        limits = self.house.limits
        await socket.accept()
        if self._sockets >= limits.connections:
            self.house.counters.add("connections")
            await turn_away(socket, f"{limits.connections} others are drawing already; try again later")
            return
        self._sockets += 1
        self.house.counters.add("sessions")
        try:
            await Session(socket, self.house).run()
        finally:
            self._sockets -= 1

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """One request more, if there are not too many."""
        most = self.house.limits.requests
        if self._requests >= most:
            over("requests", f"{most} requests are being worked on already; try again later")
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    async def _work(self, limiter: CapacityLimiter, work: Callable[..., Result], *what: Any) -> Result:
        """Off the event loop."""
        return await to_thread.run_sync(work, *what, limiter=limiter)

    def _question(self, body: bytes) -> tuple[Sketch, SamplingOptions]:
        record = self._record(body, "options")
        sketch = sketch_in(record, self.house.limits)
        simplified(sketch, self.house.limits)
        return sketch, options_in(record.get("options", {}), self.house.limits)

    def _converted(self, body: bytes, to: object) -> Content:
        record = self._record(body, "drawn")
        sketch = sketch_in(record, self.house.limits)
        return converted(with_machine_strokes(sketch, record["sketch"]["strokes"], record.get("drawn")), to)

    def _keep(self, body: bytes) -> str:
        record = self._record(body, "word")
        sketch = sketch_in(record, self.house.limits)
        simplified(sketch, self.house.limits)
        return self.gallery.keep(sketch, record.get("word"))

    def _record(self, body: bytes, *more: str) -> dict[str, Any]:
        """The object in a body, which has a sketch and, if need be, these fields."""
        record = record_in(body, self.house.limits)
        odd = sorted(record.keys() - {"sketch", *more})
        if odd:
            raise BadOption(f"the field {odd[0][:40]!r} is not known; known are sketch, {', '.join(more)}")
        return record
