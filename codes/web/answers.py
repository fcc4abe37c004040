"""A whole answer to one question, for those who do not want it piece by piece."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from codes.errors import SketchError
from codes.inference.options import Completion, Route, SamplingOptions, result_record
from codes.inference.requests import Classified, Completed, Event, PointsDrawn, Refused, Row, SketchRequest, Stopped
from codes.sketch.stroke3 import Floats, Sketch
from codes.web.engine import Engine


async def answer(engine: Engine, sketch: Sketch, options: SamplingOptions) -> dict[str, Any]:
    """The result of ``predict_client.py complete --json`` for this sketch.

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

    question = SketchRequest(sketch, options, tell)
    engine.ask(question)
    try:
        await over.wait()
    finally:
        engine.cancel(question)
    return result_record(*completions_of(sketch, events))


def completions_of(sketch: Sketch, events: Sequence[Event]) -> tuple[Route, list[Completion]]:
    """What the events of a question say, put together.

    Raises:
        SketchError: it was refused.
    """
    rows: defaultdict[int, list[Row]] = defaultdict(list)
    for event in events:
        if isinstance(event, Refused):
            raise event.error
        if isinstance(event, Classified):
            route = event.route
        elif isinstance(event, PointsDrawn):
            for row in event.rows:
                rows[row[0]].append(row)
    if not isinstance(events[-1], Completed):
        raise SketchError("the server was closed before this was finished")
    return route, [
        Completion(
            sketch=_finished(sketch, each.category, rows[each.variation], each.ended),
            category=each.category,
            probability=route.probabilities[each.category],
            route=route,
            ended=each.ended,
            log_likelihood=each.log_likelihood,
        )
        for each in events[-1].drawings
    ]


def _finished(sketch: Sketch, category: str, rows: Sequence[Row], ended: bool) -> Sketch:
    added = [row[1:4] for row in rows if not row[4]]
    ours: Floats = np.array(added, dtype=np.float64).reshape(-1, 3)
    if ended and len(ours):
        ours[-1, 2] = 1
    points = np.concatenate([sketch.points, ours])
    return replace(sketch, points=points, category=category, prefix_rows=len(sketch))
