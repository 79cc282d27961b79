"""Caps as messages."""

from accio.domain.caps import Cap
from accio.domain.problems import ValueProblem
from accio.domain.windows import Windows, parse_windows
from accio.errors import BadRequest
from accio.v1 import workload_pb2


def cap_message(cap: Cap) -> workload_pb2.Cap:
    """Write a cap."""
    during = "" if cap.during is None else cap.during.text
    return workload_pb2.Cap(nodes=cap.nodes, milli_cpus=cap.milli_cpus, during=during)


def cap_of(message: workload_pb2.Cap) -> Cap:
    """Read a cap; BadRequest if its times can't be read."""
    return Cap(
        nodes=message.nodes if message.HasField("nodes") else None,
        milli_cpus=message.milli_cpus if message.HasField("milli_cpus") else None,
        during=windows_of(message.during, "during"),
    )


def windows_of(text: str, where: str) -> Windows | None:
    """Read times of the week, None for an empty text; BadRequest names *where* it stands if it can't be read."""
    try:
        return parse_windows(text) if text else None
    except ValueProblem as problem:
        raise BadRequest(f"{where}: {problem.message}") from None
