"""Plain reports, which nearly all are of short nodes: successes that say nothing but short outputs, and what they cost.

They are tuples on their way from worker to agent, and columns on their way to the daemon: a message is read by column,
with a twelfth of the calls that one message for each report takes. Whoever doesn't know of columns gets reports.
"""

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, TypeAlias

import orjson

from accio.domain.attempts import PlainReport, Report
from accio.domain.ids import AttemptNo
from accio.domain.quantities import LAST_MS
from accio.errors import BadRequest
from accio.v1 import agents_pb2
from accio.wire.reports import NO_CONTENTS, TOO_BIG, result_report, with_log

Numbered: TypeAlias = tuple[int, PlainReport]
"""Its number in the outbox, and what it says."""


def plain_report(plain: PlainReport) -> bytes:
    """Write a plain report as a serialised Report that lacks its number."""
    attempt, wall_us, user_us, system_us, peak, bytes_in, bytes_out, started_ms, log_bytes, outputs = plain
    content = result_report(
        attempt=attempt,
        outputs=orjson.loads(outputs),
        failure=None,
        large=(),
        contents=(),
        metrics=(wall_us, user_us, system_us, peak, bytes_in, bytes_out, ""),
        started_ms=started_ms,
    )
    return with_log(content, log_bytes) if log_bytes else content


def in_columns(reports: Sequence[Numbered]) -> bytes:
    """Put plain reports, of which there is one at least, into one serialised AgentMessage."""
    seqs, plain = zip(*reports, strict=True)
    attempts, wall, user, system, peak, bytes_in, bytes_out, started, logs, outputs = zip(*plain, strict=True)
    columns = agents_pb2.ReportColumns(
        seq=seqs,
        attempt=attempts,
        wall_us=wall,
        user_cpu_us=user,
        system_cpu_us=system,
        peak_memory=peak,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        started_at_ms=started,
        log_bytes=logs if any(logs) else (),
        outputs_json=(b"[" + b",".join(outputs) + b"]").decode(),
    )
    return agents_pb2.AgentMessage(reports=agents_pb2.Reports(columns=columns)).SerializeToString()


def reports_in(columns: agents_pb2.ReportColumns) -> list[Report]:
    """Read plain reports; BadRequest for what can't be any."""
    seqs, attempts = columns.seq[:], columns.attempt[:]  # as lists, which are read faster than columns
    outputs = _outputs(columns.outputs_json)
    numbers = (
        columns.wall_us[:],
        columns.user_cpu_us[:],
        columns.system_cpu_us[:],
        columns.peak_memory[:],
        columns.bytes_in[:],
        columns.bytes_out[:],
    )
    started, logs = columns.started_at_ms[:], columns.log_bytes[:]
    count = len(seqs)
    others = (attempts, *numbers, started, outputs, *((logs,) if logs else ()))
    if not all(len(column) == count for column in others):
        raise BadRequest(f"expected columns of {count} reports, found {[len(column) for column in others]} entries")
    if count and (max(seqs) >= TOO_BIG or max(attempts) >= TOO_BIG):
        raise BadRequest(f"expected 63-bit numbers in reports, found seq {max(seqs)}, attempt {max(attempts)}")
    metrics = zip(*numbers, repeat(""), strict=False)
    each = zip(seqs, attempts, outputs, metrics, started, numbers[0], logs or repeat(0), strict=False)
    return [
        Report(
            seq,
            AttemptNo(attempt),
            given,
            None,
            None,
            cost,
            started_ms if started_ms < LAST_MS else LAST_MS,
            min(started_ms + wall_us // 1000, LAST_MS),
            log_bytes,
            NO_CONTENTS,
        )
        for seq, attempt, given, cost, started_ms, wall_us, log_bytes in each
    ]


def _outputs(text: str) -> list[dict[str, str]]:
    """Read the outputs of each."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"expected outputs as a JSON array, found none ({error.msg})") from None
    if not isinstance(found, list) or not {dict}.issuperset(map(type, found)):
        raise BadRequest("expected outputs as a JSON array of objects, found something else")
    if not {str}.issuperset(map(type, chain.from_iterable(map(dict[str, Any].values, found)))):
        raise BadRequest("expected canonical JSON as a string for each output, found something else")
    return found
