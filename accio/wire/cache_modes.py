"""How a run uses the memo. Who sets nothing uses it."""

from collections.abc import Mapping

from accio.domain.cache_mode import CacheMode
from accio.domain.problems import quote
from accio.errors import BadRequest
from accio.v1 import accio_pb2

CACHE_MODE_MESSAGES: Mapping[str, accio_pb2.CacheMode.ValueType] = {
    CacheMode.USE: accio_pb2.CACHE_MODE_UNSPECIFIED,
    CacheMode.NONE: accio_pb2.CACHE_MODE_NONE,
    CacheMode.REFRESH: accio_pb2.CACHE_MODE_REFRESH,
}
CACHE_MODES: Mapping[int, CacheMode] = {number: CacheMode(mode) for mode, number in CACHE_MODE_MESSAGES.items()}


def cache_mode_message(mode: object) -> accio_pb2.CacheMode.ValueType:
    """Return a mode by its word; BadRequest if there is none of it."""
    found = CACHE_MODE_MESSAGES.get(mode) if isinstance(mode, str) else None
    if found is None:
        raise BadRequest(f"cache: expected {', '.join(map(str, CacheMode))}, found {quote(mode)}")
    return found
