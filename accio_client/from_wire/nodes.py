"""Nodes, their attempts, and what they leave, as views."""

from __future__ import annotations

import orjson

from accio.domain.ids import AgentName, NodeName, OperatorName, PortName, RunId
from accio.v1 import runs_pb2
from accio.wire.states import NODE_STATES
from accio_client import views
from accio_client.from_wire.live import checkpoint, series
from accio_client.from_wire.values import resources, user_value, value_view
from accio_client.moments import moment


def failure(message: runs_pb2.Failure) -> views.FailureView:
    return views.FailureView(
        cause=message.cause,
        message=message.message,
        exit_code=message.exit_code,
        signal=message.signal,
        exception=message.exception,
        traceback=message.traceback,
        stdout_tail=message.stdout_tail,
        stderr_tail=message.stderr_tail,
        predecessor=message.predecessor,
    )


def node(message: runs_pb2.Node) -> views.NodeView:
    return views.NodeView(
        run=RunId(message.run),
        name=NodeName(message.name),
        operator=OperatorName(message.operator),
        state=NODE_STATES[message.state],
        cached=message.cached,
        attempts=message.attempts,
        agent=AgentName(message.agent) if message.agent else None,
        started_at=moment(message.started_at_ms),
        ended_at=moment(message.ended_at_ms),
        failure=failure(message.failure) if message.HasField("failure") else None,
        reason=message.reason,
        progress=message.progress,
        shares=message.shares,
    )


def attempt(message: runs_pb2.Attempt) -> views.AttemptView:
    return views.AttemptView(
        id=message.id,
        agent=AgentName(message.agent),
        state=message.state,
        started_at=moment(message.started_at_ms),
        ended_at=moment(message.ended_at_ms),
        failure=failure(message.failure) if message.HasField("failure") else None,
    )


def artifact(message: runs_pb2.Artifact) -> views.ArtifactView:
    return views.ArtifactView(
        port=PortName(message.port),
        type=message.type,
        value=user_value(message.type, message.json) if message.json else None,
        canonical=message.json,
        blob=message.blob or None,
        size=message.size,
    )


def metrics(message: runs_pb2.Metrics) -> views.MetricsView:
    return views.MetricsView(
        wall_us=message.wall_us,
        user_cpu_us=message.user_cpu_us,
        system_cpu_us=message.system_cpu_us,
        peak_memory=message.peak_memory,
        bytes_in=message.bytes_in,
        bytes_out=message.bytes_out,
        custom=orjson.loads(message.custom_json) if message.custom_json else {},
    )


def node_details(message: runs_pb2.NodeDetails) -> views.NodeDetailsView:
    return views.NodeDetailsView(
        node=node(message.node),
        attempts=tuple(attempt(each) for each in message.attempts),
        inputs={port: value_view(value) for port, value in sorted(message.inputs.items())},
        artifacts=tuple(artifact(each) for each in message.artifacts),
        metrics=metrics(message.metrics) if message.HasField("metrics") else None,
        seed=message.seed if message.HasField("seed") else None,
        operator_digest=message.operator_digest,
        key=message.key or None,
        demand=resources(message.demand) if message.HasField("demand") else None,
        timeout_ms=message.timeout_ms or None,
        demand_changed=message.demand_changed,
        checkpoint=checkpoint(message.checkpoint) if message.HasField("checkpoint") else None,
        series=tuple(map(series, message.measured)),
        pinned_digest=message.pinned_digest,
    )
