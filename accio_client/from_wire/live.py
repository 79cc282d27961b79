"""What nodes leave while they run, as views: checkpoints, and what they measure."""

from __future__ import annotations

from accio.domain.ids import NodeName, RunId
from accio.domain.series import unpack
from accio.v1 import runs_pb2
from accio_client import views
from accio_client.moments import moment


def checkpoint(message: runs_pb2.Checkpoint) -> views.CheckpointView:
    return views.CheckpointView(
        digest=message.digest, size=message.bytes, attempt=message.attempt, saved_at=moment(message.saved_at_ms)
    )


def series(message: runs_pb2.NodeSeries) -> views.SeriesView:
    return views.SeriesView(
        run=RunId(message.run),
        node=NodeName(message.node),
        attempt=message.attempt,
        running=message.running,
        name=message.series.name,
        total=message.series.total,
        points=tuple(unpack(message.series.points)),
    )
