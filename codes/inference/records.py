"""Results as plain values for JSON: one form for the command line, for HTTP and for whoever reads either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codes.formats.polylines import record_of
from codes.inference.options import Completion, Route


def result_record(route: Route, completions: Sequence[Completion]) -> dict[str, Any]:
    """What became of one sketch."""
    return {**route_record(route), "completions": [_completion_record(each) for each in completions]}


def route_record(route: Route) -> dict[str, Any]:
    """What it was recognised as."""
    return {
        "category": route.category,
        "decision": route.decision,
        "known_score": route.known_score,
        "probabilities": route.probabilities,
    }


def _completion_record(completion: Completion) -> dict[str, Any]:
    return {
        "category": completion.category,
        "probability": completion.probability,
        "ended": completion.ended,
        "log_likelihood": completion.log_likelihood,
        "sketch": record_of(completion.sketch),
    }
