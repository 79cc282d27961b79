"""Caps as messages."""

from accio.domain.caps import Cap
from accio.v1 import workload_pb2


def cap_message(cap: Cap) -> workload_pb2.Cap:
    """Write a cap."""
    return workload_pb2.Cap(nodes=cap.nodes, milli_cpus=cap.milli_cpus)


def cap_of(message: workload_pb2.Cap) -> Cap:
    """Read a cap."""
    return Cap(
        nodes=message.nodes if message.HasField("nodes") else None,
        milli_cpus=message.milli_cpus if message.HasField("milli_cpus") else None,
    )
