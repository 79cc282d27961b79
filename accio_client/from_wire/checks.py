"""What a check of a definition found, as views."""

from __future__ import annotations

from accio.v1 import accio_pb2, workflows_pb2
from accio.wire.issues import issues_of
from accio_client import views
from accio_client.from_wire.runs import repeat_until
from accio_client.from_wire.values import value_view
from accio_client.from_wire.workload import forecast


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
        nice=message.nice,
    )


def validation(message: workflows_pb2.ValidateResponse) -> views.Validation:
    return views.Validation(
        valid=message.valid,
        errors=issues_of(message.errors),
        warnings=issues_of(message.warnings),
        children=message.children or None,
        until=repeat_until(message.until) if message.HasField("until") else None,
        points=tuple({each.name: value_view(each.value) for each in point.values} for point in message.points),
    )
