"""What the agent itself says of attempts. What workers say, and all that others have too, is in `accio.wire`."""

from accio.v1 import agents_pb2, runs_pb2
from accio.wire.failures import failure_message
from accio_agent.agent.core.outcome import Outcome


def report(outcome: Outcome, attempt: int) -> bytes:
    """Write a serialised Report of an attempt that no worker reports; it lacks its number."""
    message = agents_pb2.Report(
        attempt=attempt,
        metrics=runs_pb2.Metrics(wall_us=outcome.wall_us),
        started_at_ms=outcome.started_ms,
        ended_at_ms=outcome.ended_ms,
        log_bytes=outcome.log_bytes,
        failure=failure_message(outcome.failure),
        missing=outcome.missing,
        absent=outcome.absent,
        disk_full=outcome.disk_full,
    )
    return message.SerializeToString()


def not_delivered(report: agents_pb2.Report, outcome: Outcome) -> bytes:
    """Make a failure of the report of a success whose inputs or outputs didn't stand up; returns it serialised."""
    report.success = False
    for name in ("outputs", "large_outputs", "contents"):
        report.ClearField(name)
    report.failure.CopyFrom(failure_message(outcome.failure))
    report.disk_full = outcome.disk_full
    return report.SerializeToString()
