"""Operators and their ports. What an agent announces is checked as it is read, for everything behind relies on it."""

from accio.domain.datatypes import TypeProblem, parse_type
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.errors import BadRequest
from accio.v1 import values_pb2
from accio.wire.resources import resources_message, resources_of


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
            inputs=tuple(input_of(port) for port in message.inputs),
            outputs=tuple(output_of(port) for port in message.outputs),
            resources=resources_of(message.resources),
            timeout_ms=message.timeout_ms or None,
            retries=message.retries,
            retry_backoff_ms=message.retry_backoff_ms,
            retry_memory=message.retry_memory or None,
            memory_limit=message.memory_limit or None,
            isolated=message.isolated,
            components=tuple(sorted(message.components.items())),
            distribution=message.distribution,
            draws=tuple(message.draws),
        )
    except TypeProblem as problem:
        raise BadRequest(f"operator {message.name[:200]}: {problem.message}") from None
    if problems := spec.problems():
        raise BadRequest("; ".join(issue.message for issue in problems))
    return spec


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
        inputs=[input_message(port) for port in spec.inputs],
        outputs=[output_message(port) for port in spec.outputs],
        resources=resources_message(spec.resources),
        timeout_ms=spec.timeout_ms or 0,
        retries=spec.retries,
        retry_backoff_ms=spec.retry_backoff_ms,
        retry_memory=spec.retry_memory or 0.0,
        memory_limit=spec.memory_limit or 0,
        isolated=spec.isolated,
        components=dict(spec.components),
        distribution=spec.distribution,
        draws=spec.draws,
    )


def input_of(port: values_pb2.InputPort) -> InputPort:
    """Read an input port; TypeProblem if its type is none."""
    return InputPort(
        name=port.name,
        type=parse_type(port.type),
        default=port.default_json if port.HasField("default_json") else None,
        optional=port.optional,
        help=port.help,
        choices=tuple(port.choices_json),
    )


def input_message(port: InputPort) -> values_pb2.InputPort:
    """Write an input port."""
    return values_pb2.InputPort(
        name=port.name,
        type=str(port.type),
        default_json=port.default,
        optional=port.optional,
        help=port.help,
        choices_json=port.choices,
    )


def output_of(port: values_pb2.OutputPort) -> OutputPort:
    """Read an output port; TypeProblem if its type is none."""
    return OutputPort(name=port.name, type=parse_type(port.type), help=port.help)


def output_message(port: OutputPort) -> values_pb2.OutputPort:
    """Write an output port."""
    return values_pb2.OutputPort(name=port.name, type=str(port.type), help=port.help)
