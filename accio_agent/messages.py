"""The agent's values as messages of the contract, and back. Nothing else in the agent knows protobuf, but the session.

Reports are serialised once: the same bytes go to the journal and, as often as need be, to the daemon.
"""

from collections.abc import Iterable, Sequence

from accio.domain.failures import Failure
from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.v1 import agents_pb2, runs_pb2, values_pb2
from accio_agent.outcome import Outcome, Task
from accio_agent.work import Holding

REPORTS_PER_MESSAGE = 128
BYTES_PER_MESSAGE = 1 << 20

_REPORTS_FIELD = bytes([agents_pb2.AgentMessage.REPORTS_FIELD_NUMBER << 3 | 2])
_REPORT_FIELD = bytes([agents_pb2.Reports.REPORTS_FIELD_NUMBER << 3 | 2])

_HELD = {
    Holding.PENDING: agents_pb2.HeldAttempt.PENDING,
    Holding.RUNNING: agents_pb2.HeldAttempt.RUNNING,
    Holding.FINISHED: agents_pb2.HeldAttempt.FINISHED,
    Holding.GONE: agents_pb2.HeldAttempt.GONE,
}


def report(seq: int, attempt: int, outcome: Outcome) -> bytes:
    """A serialised Report."""
    message = agents_pb2.Report(
        seq=seq,
        attempt=attempt,
        success=outcome.failure is None,
        outputs=outcome.outputs,
        metrics=runs_pb2.Metrics(
            wall_us=outcome.wall_us,
            user_cpu_us=outcome.user_us,
            system_cpu_us=outcome.system_us,
            peak_memory=outcome.peak_memory,
            bytes_in=outcome.bytes_in,
            bytes_out=outcome.bytes_out,
            custom_json=outcome.metrics_json,
        ),
        started_at_ms=outcome.started_ms,
        ended_at_ms=outcome.ended_ms,
        log_bytes=outcome.log_bytes,
    )
    if outcome.failure is not None:
        message.failure.CopyFrom(failure(outcome.failure))
    for port, digest, size in outcome.large:
        message.large_outputs.add(port=port, digest=digest, size=size)
    for digest, size in outcome.contents:
        message.contents.add(digest=digest, bytes=size)
    return message.SerializeToString()


def failure(found: Failure) -> runs_pb2.Failure:
    return runs_pb2.Failure(
        cause=found.cause.value,
        message=found.message,
        exit_code=found.exit_code or 0,
        signal=found.signal or 0,
        exception=found.exception,
        traceback=found.traceback,
        stdout_tail=found.stdout_tail,
        stderr_tail=found.stderr_tail,
        predecessor=found.predecessor,
    )


def reports(serialised: Sequence[bytes]) -> bytes:
    """A serialised AgentMessage that holds these serialised Reports."""
    parts: list[bytes] = []
    for content in serialised:
        parts += (_REPORT_FIELD, _varint(len(content)), content)
    body = b"".join(parts)
    return _REPORTS_FIELD + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def resources(found: Resources) -> values_pb2.Resources:
    return values_pb2.Resources(
        milli_cpus=found.milli_cpus,
        memory=found.memory,
        disk=found.disk,
        gpus=found.gpus,
        custom=dict(found.custom),
    )


def operator(spec: OperatorSpec) -> values_pb2.Operator:
    return values_pb2.Operator(
        name=spec.name,
        digest=spec.digest or "",
        uncacheable=spec.uncacheable or "",
        category=spec.category,
        help=spec.help,
        unstable=spec.unstable,
        deprecated=spec.deprecated or "",
        inputs=[
            values_pb2.InputPort(
                name=port.name, type=str(port.type), default_json=port.default, optional=port.optional, help=port.help
            )
            for port in spec.inputs
        ],
        outputs=[values_pb2.OutputPort(name=port.name, type=str(port.type), help=port.help) for port in spec.outputs],
        resources=resources(spec.resources),
        timeout_ms=spec.timeout_ms or 0,
        retries=spec.retries,
        retry_backoff_ms=spec.retry_backoff_ms,
        isolated=spec.isolated,
        components=dict(spec.components),
        distribution=spec.distribution,
    )


def held(attempts: Iterable[tuple[int, Holding]]) -> list[agents_pb2.HeldAttempt]:
    return [agents_pb2.HeldAttempt(attempt=no, state=_HELD[state]) for no, state in attempts]


def task(assignment: agents_pb2.Assignment) -> Task:
    """What a worker needs of an assignment."""
    contents = assignment.contents
    large = assignment.large_inputs
    return Task(
        inputs_json=assignment.inputs_json,
        seed=assignment.seed if assignment.HasField("seed") else None,
        node=assignment.node,
        number=assignment.number,
        contents=tuple((each.text, each.digest) for each in contents) if contents else (),
        large=tuple((each.port, each.digest, each.size) for each in large) if large else (),
        gpus=tuple(assignment.gpus),
    )
