"""What travels between agent and worker in the daemon's own words: assignments in, reports out, as serialised messages.

An assignment goes to the worker as the daemon wrote it, and a report is serialised once, by the worker, as `accio.wire`
writes it. Workers know protobuf by this module alone; it must not import grpc.
"""

from collections.abc import Iterable, Sequence

from google.protobuf.message import DecodeError

from accio.domain.series import Series
from accio.v1 import agents_pb2
from accio.wire.reports import result_report as result_report
from accio.wire.series import series_message

Task = agents_pb2.Assignment
"""An attempt to execute, as a worker receives it."""


def series_frame(attempt: int, name: str, series: Series) -> bytes:
    """Serialise a series of an attempt as it is now."""
    return agents_pb2.AttemptSeries(attempt=attempt, series=series_message(name, series)).SerializeToString()


def read_series(serialised: bytes) -> agents_pb2.AttemptSeries:
    """Read what `series_frame` wrote; ValueError for what it can't have written."""
    try:
        return agents_pb2.AttemptSeries.FromString(serialised)
    except DecodeError as error:
        raise ValueError(str(error)) from None


def write_tasks(tasks: Iterable[Task]) -> bytes:
    """Serialise attempts for a WORK frame."""
    return agents_pb2.Work(assignments=tasks).SerializeToString()


def read_tasks(serialised: bytes) -> Sequence[Task]:
    """Read the attempts of a WORK frame."""
    return agents_pb2.Work.FromString(serialised).assignments
