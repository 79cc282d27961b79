"""What nodes leave while they run, as views: checkpoints."""

from accio.v1 import runs_pb2
from accio_client import views
from accio_client.moments import moment


def checkpoint(message: runs_pb2.Checkpoint) -> views.CheckpointView:
    return views.CheckpointView(
        digest=message.digest, size=message.bytes, attempt=message.attempt, saved_at=moment(message.saved_at_ms)
    )
