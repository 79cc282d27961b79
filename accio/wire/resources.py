"""Amounts of resources."""

from accio.domain.problems import ValueProblem
from accio.domain.resources import MAX_AMOUNT, Resources, check_counter_name, sorted_counters
from accio.errors import BadRequest
from accio.v1 import values_pb2


def resources_of(message: values_pb2.Resources) -> Resources:
    """Read an amount of resources; BadRequest for more than there can be, and for names that no counter has."""
    amounts = (message.milli_cpus, message.memory, message.disk, *message.custom.values())
    if max(amounts) > MAX_AMOUNT:
        raise BadRequest(f"expected resources of at most {MAX_AMOUNT}, found {max(amounts)}")
    for name in message.custom:
        try:
            check_counter_name(name)
        except ValueProblem as problem:
            raise BadRequest(problem.message) from None
    return Resources(
        milli_cpus=message.milli_cpus,
        memory=message.memory,
        disk=message.disk,
        gpus=message.gpus,
        custom=sorted_counters(message.custom),
    )


def resources_message(resources: Resources) -> values_pb2.Resources:
    """Write an amount of resources."""
    return values_pb2.Resources(
        milli_cpus=resources.milli_cpus,
        memory=resources.memory,
        disk=resources.disk,
        gpus=resources.gpus,
        custom=dict(resources.custom),
    )
