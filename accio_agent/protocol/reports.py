"""What travels between agent and worker in the daemon's own words: assignments in, reports out, as serialised messages.

An assignment goes to the worker as the daemon wrote it, and a report is serialised once, by the worker. Workers know
protobuf by this module alone; it must not import grpc.
"""

from collections.abc import Iterable, Mapping, Sequence

from accio.domain.failures import Failure
from accio.v1 import agents_pb2, runs_pb2
from accio.wire.failures import failure_message

Task = agents_pb2.Assignment
"""An attempt to execute, as a worker receives it."""


def write_tasks(tasks: Iterable[Task]) -> bytes:
    """Serialise attempts for a WORK frame."""
    return agents_pb2.Work(assignments=tasks).SerializeToString()


def read_tasks(serialised: bytes) -> Sequence[Task]:
    """Read the attempts of a WORK frame."""
    return agents_pb2.Work.FromString(serialised).assignments


def result_report(
    *,
    attempt: int,
    outputs: Mapping[str, str] | None,
    failure: Failure | None,
    large: Iterable[tuple[str, str, int]],
    contents: Iterable[tuple[str, int]],
    wall_us: int,
    user_us: int,
    system_us: int,
    peak_memory: int,
    bytes_in: int,
    bytes_out: int,
    metrics_json: str,
    started_ms: int,
) -> bytes:
    """Serialise what a worker says of an attempt: a Report that lacks its number and the size of the log."""
    message = agents_pb2.Report(
        attempt=attempt,
        success=failure is None,
        metrics=runs_pb2.Metrics(
            wall_us=wall_us,
            user_cpu_us=user_us,
            system_cpu_us=system_us,
            peak_memory=peak_memory,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            custom_json=metrics_json,
        ),
        started_at_ms=started_ms,
        ended_at_ms=started_ms + wall_us // 1000,
    )
    if outputs:
        kept = message.outputs  # filled one by one: given to the constructor they would cost four times as much
        for port, text in outputs.items():
            kept[port] = text
    if failure is not None:
        message.failure.CopyFrom(failure_message(failure))
    for port, digest, size in large:
        message.large_outputs.add(port=port, digest=digest, size=size)
    for digest, size in contents:
        message.contents.add(digest=digest, bytes=size)
    return message.SerializeToString()
