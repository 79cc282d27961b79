"""From messages to views. The only file of the client that reads protobuf fields (apart from the export's columns).

Views are the client's own values: what the daemon writes such a message from is rows and facts, which only it has. So
this direction stands here, and the other one in `accio_daemon/services/messages`; what both have is in `accio.wire`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from accio.domain.datatypes import parse_type
from accio.domain.ids import AgentName, NodeName, OperatorName, PortName, RunId, WorkflowId, WorkflowVersion
from accio.domain.values import display
from accio.v1 import accio_pb2, runs_pb2, values_pb2, workflows_pb2, workload_pb2
from accio.wire.issues import issues_of
from accio.wire.states import NODE_STATES, RUN_STATES
from accio_client import views
from accio_client.from_wire_live import checkpoint, series
from accio_client.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS: dict[runs_pb2.RunKind.ValueType, views.RunKind] = {
    runs_pb2.RUN_KIND_SINGLE: "single",
    runs_pb2.RUN_KIND_PARENT: "parent",
    runs_pb2.RUN_KIND_CHILD: "child",
}


@lru_cache(maxsize=4096)
def _shown(type_name: str, canonical: str) -> Any:
    return display(parse_type(type_name), canonical)


def user_value(type_name: str, canonical: str) -> Any:
    """Return a value in the form in which it can be submitted again.

    Small ones are remembered, for the children of a sweep repeat them.
    """
    return _shown(type_name, canonical) if len(canonical) < 200 else _shown.__wrapped__(type_name, canonical)


def person(message: values_pb2.Person) -> views.PersonView:
    return views.PersonView(name=message.name, email=message.email)


def run_parameter(message: runs_pb2.RunParameter) -> views.ParameterView:
    if message.form_json:
        value = orjson.loads(message.form_json)
    else:
        value = user_value(message.type, message.json) if message.json else None
    return views.ParameterView(name=message.name, type=message.type, value=value, values=message.values)


def run(message: runs_pb2.Run) -> views.RunView:
    kind = _KINDS[message.kind]
    return views.RunView(
        id=RunId(message.id),
        kind=kind,
        parent=RunId(message.parent) if message.parent else None,
        index=message.index if kind == "child" else None,
        label=message.label,
        workflow_id=WorkflowId(message.workflow_id),
        workflow_version=WorkflowVersion(message.workflow_version),
        owner=person(message.owner),
        name=message.name,
        notes=message.notes,
        tags=tuple(message.tags),
        seed=message.seed,
        repeat=None if kind == "single" else message.repeat,
        params={each.name: run_parameter(each) for each in message.params},
        state=RUN_STATES[message.state],
        progress=message.progress,
        created_at=moment(message.created_at_ms),
        started_at=moment(message.started_at_ms),
        ended_at=moment(message.ended_at_ms),
        children=message.children if kind == "parent" else None,
        children_by_state=counts(message.children_by_state),
        nodes_by_state=counts(message.nodes_by_state),
        quarantined=message.quarantined,
        sweep=orjson.loads(message.sweep_json) if message.sweep_json else {},
        until=repeat_until(message.until) if message.HasField("until") else None,
    )


def repeat_until(message: runs_pb2.RepeatUntil) -> views.RepeatUntilView:
    return views.RepeatUntilView(
        output=message.output,
        ci95=message.ci95,
        relative=message.relative,
        min=message.min,
        points=message.points,
    )


def counts(messages: Iterable[runs_pb2.StateCount]) -> dict[str, int]:
    return {message.state: message.count for message in messages}


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


def value_view(message: values_pb2.Value) -> views.ValueView:
    value = user_value(message.type, message.json)
    return views.ValueView(type=message.type, value=value, canonical=message.json)


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
    )


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
    )


def _workflow_parameter(message: workflows_pb2.Parameter) -> views.WorkflowParameterView:
    has_default = message.HasField("default_json")
    return views.WorkflowParameterView(
        name=message.name,
        kind=message.kind,
        has_default=has_default,
        default=user_value(message.kind, message.default_json) if has_default else None,
        help=message.help,
    )


def dry_run(message: accio_pb2.DryRunResponse) -> views.DryRunView:
    return views.DryRunView(
        children=message.children,
        nodes=message.nodes,
        distinct_nodes=message.distinct_nodes,
        cached=message.cached,
        to_execute=message.to_execute,
        sampled=message.sampled,
        looked_up=message.looked_up,
        unknown=message.unknown,
        until=repeat_until(message.until) if message.HasField("until") else None,
        warnings=issues_of(message.warnings),
        forecast=forecast(message.forecast) if message.HasField("forecast") else None,
    )


def outcomes(message: accio_pb2.RunsResponse) -> tuple[views.RunOutcome, ...]:
    return tuple(
        views.RunOutcome(id=RunId(each.id), changed=each.changed, error=each.error or None) for each in message.runs
    )


def update(message: accio_pb2.RunUpdate) -> views.RunUpdate:
    first = None
    if message.HasField("first_failure"):
        found = message.first_failure
        first = views.NodeFailureView(run=RunId(found.run), node=NodeName(found.node), failure=failure(found.failure))
    away = tuple(views.NodesAwayView(agent=each.agent, reason=each.reason, nodes=each.nodes) for each in message.away)
    return views.RunUpdate(
        run=run(message.run),
        first_failure=first,
        warnings=issues_of(message.warnings),
        away=away,
        stuck=message.stuck,
    )


def why(message: accio_pb2.WhyAnswer) -> views.WhyView:
    return views.WhyView(
        run=RunId(message.run),
        node=NodeName(message.node),
        answer=message.answer,
        source=getattr(message, "from") or None,  # the field's name is a word of Python
        differences=tuple(
            views.DifferenceView(component=each.component, before=each.before, after=each.after)
            for each in message.differences
        ),
        reason=message.reason,
        computed_at=moment(message.computed_at_ms),
        agent=AgentName(message.agent) if message.agent else None,
    )


def operator_difference(message: accio_pb2.OperatorDifference) -> views.OperatorDifferenceView:
    components = (
        views.DifferenceView(component=each.component, before=each.before, after=each.after)
        for each in message.components
    )
    return views.OperatorDifferenceView(
        node=NodeName(message.node), first=message.first, second=message.second, components=tuple(components)
    )


def event(message: accio_pb2.Event) -> views.EventView:
    return views.EventView(
        at=moment(message.at_ms),
        kind=message.kind,
        run=RunId(message.run),
        node=NodeName(message.node) if message.node else None,
        attempt=message.attempt or None,
        detail=message.detail,
    )


def resources(message: values_pb2.Resources) -> views.ResourcesView:
    return views.ResourcesView(
        milli_cpus=message.milli_cpus,
        memory=message.memory,
        disk=message.disk,
        gpus=message.gpus,
        custom=dict(sorted(message.custom.items())),
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
        isolated=message.isolated,
        components=dict(sorted(message.components.items())),
        distribution=message.distribution,
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
    )


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
    )


def workload(message: workload_pb2.Workload) -> views.WorkloadView:
    return views.WorkloadView(
        agents=message.agents,
        resources=resources(message.resources),
        reserved=resources(message.reserved),
        active_runs=message.active_runs,
        runs=tuple(map(_run_load, message.runs)),
        demands=tuple(map(_demand_load, message.demands)),
        owners=tuple(
            views.OwnerLoadView(
                owner=person(each.owner),
                runs=each.runs,
                queued=each.queued,
                running=each.running,
                reserved=resources(each.reserved),
            )
            for each in message.owners
        ),
        forecast=forecast(message.forecast),
    )


def _run_load(message: workload_pb2.RunLoad) -> views.RunLoadView:
    return views.RunLoadView(
        run=RunId(message.run),
        workflow_id=WorkflowId(message.workflow_id),
        owner=person(message.owner),
        name=message.name,
        children=message.children,
        children_left=message.children_left,
        queued=message.queued,
        running=message.running,
        executions=message.executions,
        reserved=resources(message.reserved),
        forecast=forecast(message.forecast),
    )


def _demand_load(message: workload_pb2.DemandLoad) -> views.DemandLoadView:
    took = None
    if message.HasField("took"):
        took = views.TookView(
            low_s=message.took.low_s,
            high_s=message.took.high_s,
            measured=message.took.measured,
            earlier_version=message.took.earlier_version,
        )
    return views.DemandLoadView(
        operator=OperatorName(message.operator),
        resources=resources(message.resources),
        queued=message.queued,
        running=message.running,
        executions=message.executions,
        slots=message.slots,
        took=took,
        waits=message.waits,
        never=message.never,
    )


def forecast(message: workload_pb2.Forecast) -> views.ForecastView:
    return views.ForecastView(
        known=message.known,
        low_s=message.low_s,
        high_s=message.high_s,
        cpu_low_s=message.cpu_low_s,
        cpu_high_s=message.cpu_high_s,
        why=message.why,
        never=message.never,
    )


def garbage(message: accio_pb2.CollectGarbageResponse) -> views.GarbageView:
    freed = tuple(views.FreedView(digest=each.digest, bytes=each.bytes, reason=each.reason) for each in message.freed)
    return views.GarbageView(freed=freed, bytes=message.bytes, dry_run=message.dry_run)


def cache(message: accio_pb2.GetCacheResponse) -> views.CacheView:
    return views.CacheView(
        operators=tuple(
            views.CacheStatisticsView(
                operator=OperatorName(each.operator),
                results=each.results,
                bytes=each.bytes,
                hits=each.hits,
                misses=each.misses,
            )
            for each in message.operators
        ),
        entries=tuple(
            views.CacheEntryView(
                key=each.key,
                operator=OperatorName(each.operator),
                source=getattr(each, "from"),  # the field's name is a word of Python
                computed_at=moment(each.computed_at_ms),
                bytes=each.bytes,
            )
            for each in message.entries
        ),
    )


def token(message: accio_pb2.Token) -> views.TokenView:
    from accio.wire.token_kinds import TOKEN_KINDS

    return views.TokenView(
        id=message.id,
        kind=TOKEN_KINDS[message.kind].value,
        owner=person(message.owner),
        name=message.name,
        groups=tuple(message.groups),
        created_at=moment(message.created_at_ms),
        expires_at=moment(message.expires_at_ms),
        last_used_at=moment(message.last_used_at_ms),
        revoked_at=moment(message.revoked_at_ms),
        made_with=message.made_with,
    )


def change(message: accio_pb2.Change) -> views.ChangeView:
    return views.ChangeView(
        at=moment(message.at_ms), by=message.by, token=message.token, what=message.what, subject=message.subject
    )
