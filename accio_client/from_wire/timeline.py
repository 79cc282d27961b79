"""The cluster's timeline as a view."""

from __future__ import annotations

from accio.v1 import workload_pb2
from accio_client import views
from accio_client.moments import moment


def timeline(message: workload_pb2.Timeline) -> views.TimelineView:
    return views.TimelineView(
        bars=tuple(
            views.TimelineBarView(
                agent=bar.agent,
                state=bar.state,
                started_at=moment(bar.started_at_ms),
                ended_at=moment(bar.ended_at_ms),
                run=bar.run or None,
                node=bar.node or None,
                operator=bar.operator or None,
            )
            for bar in message.bars
        ),
        earlier=message.earlier,
    )
