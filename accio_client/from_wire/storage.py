"""The memo and what is freed, as views."""

from __future__ import annotations

from accio.domain.ids import OperatorName
from accio.v1 import accio_pb2
from accio_client import views
from accio_client.moments import moment


def garbage(message: accio_pb2.CollectGarbageResponse) -> views.GarbageView:
    freed = tuple(views.FreedView(digest=each.digest, bytes=each.bytes, reason=each.reason) for each in message.freed)
    return views.GarbageView(freed=freed, bytes=message.bytes, dry_run=message.dry_run)


def cache(message: accio_pb2.GetCacheResponse) -> views.CacheView:
    return views.CacheView(
        operators=tuple(
            views.CacheStatisticsView(
                operator=OperatorName(each.operator),
                results=each.results,
                bytes=each.bytes,
                hits=each.hits,
                misses=each.misses,
                took_s=each.took_s or None,
            )
            for each in message.operators
        ),
        entries=tuple(
            views.CacheEntryView(
                key=each.key,
                operator=OperatorName(each.operator),
                source=getattr(each, "from"),  # the field's name is a word of Python
                computed_at=moment(each.computed_at_ms),
                bytes=each.bytes,
            )
            for each in message.entries
        ),
    )
