"""Workflows and operators as views."""

from __future__ import annotations

import orjson

from accio.domain.ids import NodeName, OperatorName, PortName, WorkflowId, WorkflowVersion
from accio.v1 import accio_pb2, values_pb2, workflows_pb2
from accio_client import views
from accio_client.from_wire.values import person, resources, user_value
from accio_client.moments import moment


def workflow(message: workflows_pb2.Workflow) -> views.WorkflowView:
    return views.WorkflowView(
        id=WorkflowId(message.id),
        version=WorkflowVersion(message.version),
        name=message.name,
        notes=message.notes,
        owner=person(message.owner),
        created_at=moment(message.created_at_ms),
        params=tuple(_workflow_parameter(each) for each in message.params),
        definition=orjson.loads(message.definition_json) if message.definition_json else {},
        versions=message.versions,
        history=tuple(
            views.VersionView(version=WorkflowVersion(each.version), created_at=moment(each.created_at_ms))
            for each in message.history
        ),
    )


def _workflow_parameter(message: workflows_pb2.Parameter) -> views.WorkflowParameterView:
    has_default = message.HasField("default_json")
    return views.WorkflowParameterView(
        name=message.name,
        kind=message.kind,
        has_default=has_default,
        default=user_value(message.kind, message.default_json) if has_default else None,
        help=message.help,
        choices=tuple(user_value(message.kind, text) for text in message.choices_json),
    )


def operator(message: values_pb2.Operator) -> views.OperatorView:
    return views.OperatorView(
        name=OperatorName(message.name),
        digest=message.digest or None,
        uncacheable=message.uncacheable or None,
        category=message.category,
        help=message.help,
        unstable=message.unstable,
        deprecated=message.deprecated or None,
        inputs=tuple(_input_port(each) for each in message.inputs),
        outputs=tuple(
            views.OutputPortView(name=PortName(each.name), type=each.type, help=each.help) for each in message.outputs
        ),
        resources=resources(message.resources),
        timeout_ms=message.timeout_ms or None,
        retries=message.retries,
        retry_backoff_ms=message.retry_backoff_ms,
        retry_memory=message.retry_memory or None,
        memory_limit=message.memory_limit or None,
        isolated=message.isolated,
        components=dict(sorted(message.components.items())),
        distribution=message.distribution,
        draws=tuple(message.draws),
        differing=message.differing,
        stale=message.stale,
    )


def _input_port(message: values_pb2.InputPort) -> views.InputPortView:
    has_default = message.HasField("default_json")
    return views.InputPortView(
        name=PortName(message.name),
        type=message.type,
        has_default=has_default,
        default=user_value(message.type, message.default_json) if has_default else None,
        optional=message.optional,
        help=message.help,
        choices=tuple(user_value(message.type, text) for text in message.choices_json),
    )


def operator_difference(message: accio_pb2.OperatorDifference) -> views.OperatorDifferenceView:
    components = (
        views.DifferenceView(component=each.component, before=each.before, after=each.after)
        for each in message.components
    )
    return views.OperatorDifferenceView(
        node=NodeName(message.node), first=message.first, second=message.second, components=tuple(components)
    )
