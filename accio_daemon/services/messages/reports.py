"""The hot path between agents and the core: reports in, assignments out.

Each node passes through here twice, so that a few microseconds count: fields are read once, nothing is built that
most reports don't have. Numbers and lengths have been checked when the message was read, and what a success gives is
checked by `result_checks`.
"""

from collections.abc import Iterable, Iterator, Sequence

import orjson

from accio.content.digest import is_digest
from accio.domain.failures import Failure
from accio.domain.quantities import LAST_MS
from accio.errors import BadRequest
from accio.v1 import agents_pb2
from accio.wire.failures import Metrics, failure_of
from accio.wire.operators import resources_message
from accio_daemon.core.commands import AttemptNo, Report
from accio_daemon.core.outgoing import Assignment, NodeClass

WORK_LIMIT = 128
"""Assignments in one message: more gain nothing, and delay the first."""

_WORK_BYTES = 512 * 1024  # of inputs in one message
_NO_METRICS: Metrics = (0, 0, 0, 0, 0, 0, "")
_NO_CONTENTS: list[tuple[str, int]] = []
_BIG = 1 << 63


def reports_of(message: agents_pb2.Reports) -> list[Report]:
    """Read a group of reports; a malformed digest is a BadRequest."""
    return [_report(report) for report in message.reports]


def _report(report: agents_pb2.Report) -> Report:
    attempt = report.attempt
    if attempt >= _BIG or report.seq >= _BIG:
        raise BadRequest(f"expected 63-bit numbers in a report, found seq {report.seq}, attempt {attempt}")
    outputs: dict[str, str] | None = None
    failure: Failure | None = None
    if report.success:
        sent = report.outputs
        outputs = {port: sent[port] for port in sent}  # dict(sent) takes three times as long
    else:
        failure = failure_of(report.failure)
    blobs = None
    if outputs is not None and report.large_outputs:
        blobs = {large.port: (_digest(large.digest), large.size) for large in report.large_outputs}
    contents = report.contents
    return Report(
        seq=report.seq,
        attempt=AttemptNo(attempt),
        outputs=outputs,
        blobs=blobs,
        failure=failure,
        metrics=_metrics(report) if report.HasField("metrics") else _NO_METRICS,
        started_ms=min(report.started_at_ms, LAST_MS),
        ended_ms=min(report.ended_at_ms, LAST_MS),
        log_bytes=report.log_bytes,
        contents=[(_digest(each.digest), each.bytes) for each in contents] if contents else _NO_CONTENTS,
        missing=tuple(_digest(digest) for digest in report.missing) if report.missing else (),
        absent=tuple(report.absent) if report.absent else (),
    )


def _metrics(report: agents_pb2.Report) -> Metrics:
    metrics = report.metrics
    custom = metrics.custom_json
    if custom and not _is_numbers(custom):
        custom = ""
    return (
        metrics.wall_us,
        metrics.user_cpu_us,
        metrics.system_cpu_us,
        metrics.peak_memory,
        metrics.bytes_in,
        metrics.bytes_out,
        custom,
    )


def _is_numbers(text: str) -> bool:
    """Whether a text is a JSON object of numbers (null stands for one that is none)."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and all(
        value is None or type(value) in (int, float) for value in document.values()
    )


def _digest(text: str) -> str:
    if not is_digest(text):
        raise BadRequest(f"expected a digest, found {text[:100]!r}")
    return text


class WorkWriter:
    """Makes the Work messages of one session: each node class is described in front of its first node."""

    def __init__(self, operators: Sequence[int]) -> None:
        """Take the operator number of each operator that the agent announced, in its order."""
        self._places: dict[int, int] = {}
        for place, number in enumerate(operators):
            self._places.setdefault(number, place)
        self._known: set[int] = set()

    def messages(self, work: Sequence[Assignment], acks: Sequence[int] = ()) -> Iterator[agents_pb2.DaemonMessage]:
        """Give the messages for these assignments, in their order; the first one acknowledges reports, too."""
        for group in _groups(work):
            message = agents_pb2.DaemonMessage()
            if acks:
                message.work.acked.extend(acks)
                acks = ()
            classes, add = message.work.classes, message.work.assignments.add
            for assignment in group:
                node_class = assignment.node_class
                if node_class.id not in self._known:
                    self._known.add(node_class.id)
                    classes.append(self._class_message(node_class))
                wire = add(
                    attempt=assignment.attempt,
                    inputs_json=assignment.inputs,
                    seed=assignment.seed,
                    reserved=assignment.reserved,
                    node=assignment.node,
                    number=assignment.number,
                    gpus=assignment.gpus,
                    **{"class": node_class.id},
                )
                if assignment.contents:
                    for text, digest in assignment.contents.items():
                        wire.contents.add(text=text, digest=digest)
                if assignment.blobs:
                    for port, (digest, size) in assignment.blobs.items():
                        wire.large_inputs.add(port=port, digest=digest, size=size)
            yield message

    def _class_message(self, node_class: NodeClass) -> agents_pb2.NodeClass:
        return agents_pb2.NodeClass(
            id=node_class.id,
            operator=self._places[node_class.operator_no],
            resources=resources_message(node_class.resources),
            timeout_ms=node_class.timeout_ms or 0,
        )


def _groups(work: Sequence[Assignment]) -> Iterable[Sequence[Assignment]]:
    """Split work into pieces of at most WORK_LIMIT assignments, and of so many bytes that a message stays far below its
    limit.
    """
    start = size = 0
    for place, assignment in enumerate(work):
        length = len(assignment.inputs)
        if place > start and (place - start >= WORK_LIMIT or size + length > _WORK_BYTES):
            yield work[start:place]
            start, size = place, 0
        size += length
    if start < len(work):
        yield work[start:] if start else work
