"""How a run uses the memo. Who sets nothing uses it."""

from collections.abc import Mapping

from accio.domain.cache_mode import CacheMode
from accio.v1 import accio_pb2

CACHE_MODE_MESSAGES: Mapping[str, accio_pb2.CacheMode.ValueType] = {
    CacheMode.USE: accio_pb2.CACHE_MODE_UNSPECIFIED,
    CacheMode.NONE: accio_pb2.CACHE_MODE_NONE,
    CacheMode.REFRESH: accio_pb2.CACHE_MODE_REFRESH,
}
CACHE_MODES: Mapping[int, CacheMode] = {number: CacheMode(mode) for mode, number in CACHE_MODE_MESSAGES.items()}
