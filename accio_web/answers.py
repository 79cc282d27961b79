"""JSON answers."""

from typing import Any

import orjson
from starlette.responses import Response


def answer(content: Any, status: int = 200) -> Response:
    """Return a document as an answer that no cache keeps."""
    return Response(orjson.dumps(content), status, headers={"cache-control": "no-store"}, media_type="application/json")
