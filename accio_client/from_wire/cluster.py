"""The cluster and its agents as views."""

from __future__ import annotations

from accio.domain.ids import AgentName
from accio.v1 import accio_pb2, workload_pb2
from accio_client import views
from accio_client.from_wire.values import person, resources
from accio_client.moments import moment


def agent(message: accio_pb2.Agent) -> views.AgentView:
    return views.AgentView(
        name=AgentName(message.name),
        state=message.state,
        resources=resources(message.resources),
        reserved=resources(message.reserved),
        running=message.running,
        last_seen=moment(message.last_seen_ms),
        operators=message.operators,
        reason=message.reason,
        version=message.version,
        lease_left_ms=message.lease_left_ms,
        prefetched=message.prefetched,
        owners=tuple(message.owners),
        left_out=tuple(message.left_out),
        window=window(message.window) if message.HasField("window") else None,
    )


def window(message: workload_pb2.AgentWindow) -> views.WindowView:
    return views.WindowView(
        name=message.name,
        begins_at=moment(message.begins_at_ms),
        ends_at=moment(message.ends_at_ms),
        agents=tuple(message.agents),
    )


def cluster(message: accio_pb2.ClusterState) -> views.ClusterView:
    return views.ClusterView(
        version=message.version,
        epoch=message.epoch,
        resources=resources(message.resources),
        reserved=resources(message.reserved),
        queued_nodes=message.queued_nodes,
        running_nodes=message.running_nodes,
        active_runs=message.active_runs,
        refusing=message.refusing,
        agents=message.agents,
        started_at=moment(message.started_at_ms),
        caller=person(message.caller) if message.HasField("caller") else None,
    )
