"""Operators and resources between messages and values. What an agent announces is checked here, for everything behind
relies on it.
"""

from accio.domain.datatypes import TypeProblem, parse_type
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.resources import Resources, sorted_counters
from accio.errors import BadRequest
from accio.v1 import values_pb2

_MOST = 2**62


def resources_of(message: values_pb2.Resources) -> Resources:
    """Read an amount of resources."""
    amounts = (message.milli_cpus, message.memory, message.disk, *message.custom.values())
    if max(amounts) > _MOST:
        raise BadRequest(f"expected resources of at most {_MOST}, found {max(amounts)}")
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


def operator_of(message: values_pb2.Operator) -> OperatorSpec:
    """Read an operator as an agent announced it; BadRequest if it contradicts itself."""
    try:
        spec = OperatorSpec(
            name=message.name,
            digest=message.digest or None,
            uncacheable=message.uncacheable or (None if message.digest else "its digest isn't known"),
            category=message.category,
            help=message.help,
            unstable=message.unstable,
            deprecated=message.deprecated or None,
            inputs=tuple(_input(port) for port in message.inputs),
            outputs=tuple(output_of(port) for port in message.outputs),
            resources=resources_of(message.resources),
            timeout_ms=message.timeout_ms or None,
            retries=message.retries,
            retry_backoff_ms=message.retry_backoff_ms,
            isolated=message.isolated,
            components=tuple(sorted(message.components.items())),
            distribution=message.distribution,
        )
    except TypeProblem as problem:
        raise BadRequest(f"operator {message.name[:200]}: {problem.message}") from None
    if problems := spec.problems():
        raise BadRequest("; ".join(issue.message for issue in problems))
    return spec


def _input(port: values_pb2.InputPort) -> InputPort:
    return InputPort(
        name=port.name,
        type=parse_type(port.type),
        default=port.default_json if port.HasField("default_json") else None,
        optional=port.optional,
        help=port.help,
    )


def output_of(port: values_pb2.OutputPort) -> OutputPort:
    """Read an output port."""
    return OutputPort(name=port.name, type=parse_type(port.type), help=port.help)


def operator_message(spec: OperatorSpec) -> values_pb2.Operator:
    """Write an operator."""
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
        outputs=[output_message(port) for port in spec.outputs],
        resources=resources_message(spec.resources),
        timeout_ms=spec.timeout_ms or 0,
        retries=spec.retries,
        retry_backoff_ms=spec.retry_backoff_ms,
        isolated=spec.isolated,
        components=dict(spec.components),
        distribution=spec.distribution,
    )


def output_message(port: OutputPort) -> values_pb2.OutputPort:
    """Write an output port."""
    return values_pb2.OutputPort(name=port.name, type=str(port.type), help=port.help)
