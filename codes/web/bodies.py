"""HTTP bodies: read within their bounds, made into objects, and errors made into answers."""

from __future__ import annotations

from anyio import fail_after
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from codes.errors import BadOption, OverLimit, SketchError
from codes.web.limits import Limits, over

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
