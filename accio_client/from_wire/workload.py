"""The workload and when it ends, as views."""

from __future__ import annotations

from accio.domain.ids import OperatorName, RunId, WorkflowId
from accio.v1 import workload_pb2
from accio_client import views
from accio_client.from_wire.values import person, resources
from accio_client.moments import moment


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
        memo_hits=message.memo_hits,
        recent=_recent(message.recent) if message.HasField("recent") else None,
    )


def _recent(message: workload_pb2.Recent) -> views.RecentView:
    return views.RecentView(
        succeeded=message.succeeded,
        failed=message.failed,
        since=moment(message.since_ms),
        more=message.more,
        concurrency=tuple(message.concurrency),
        sampled=message.concurrency_sampled,
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
        nice=message.nice,
        created_at=moment(message.created_ms),
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
