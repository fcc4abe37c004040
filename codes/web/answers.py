"""A whole answer to one request, for clients that do not want it piece by piece."""

from __future__ import annotations

import asyncio
from typing import Any

from codes.errors import SketchError
from codes.inference.options import SamplingOptions, result_record
from codes.inference.requests import Classified, Completed, Event, Refused, SketchRequest, Stopped
from codes.sketch.stroke3 import Sketch
from codes.web.engine import Engine


async def answer(engine: Engine, sketch: Sketch, options: SamplingOptions) -> dict[str, Any]:
    """Return the result of ``predict_client.py complete --json`` for this sketch.

    Raises:
        SketchError: it cannot be answered.
    """
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if isinstance(event, Completed | Refused | Stopped):
            loop.call_soon_threadsafe(over.set)

    request = SketchRequest(sketch, options, tell, streams=False)
    engine.submit(request)
    try:
        await over.wait()
    finally:
        engine.cancel(request)
    match events:
        case [*_, Refused(error)]:
            raise error
        case [Classified(route), *_, Completed(completions)]:
            return result_record(route, completions)
    raise SketchError("the server was closed before this was finished")
