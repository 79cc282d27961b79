"""JSON answers."""

from typing import Any

import orjson
from starlette.responses import Response


def answer(content: Any, status: int = 200) -> Response:
    """Return a document as an answer that no cache keeps."""
    return answer_bytes(orjson.dumps(content), status)


def answer_bytes(body: bytes, status: int = 200) -> Response:
    """Return what `orjson` has written as an answer that no cache keeps."""
    return Response(body, status, headers={"cache-control": "no-store"}, media_type="application/json")
