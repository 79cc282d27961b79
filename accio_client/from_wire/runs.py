"""Runs and parameters as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from accio.domain.ids import RunId, WorkflowId, WorkflowVersion
from accio.v1 import accio_pb2, runs_pb2
from accio.wire.states import RUN_STATES
from accio_client import views
from accio_client.from_wire.values import person, user_value
from accio_client.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterable


_KINDS: dict[runs_pb2.RunKind.ValueType, views.RunKind] = {
    runs_pb2.RUN_KIND_SINGLE: "single",
    runs_pb2.RUN_KIND_PARENT: "parent",
    runs_pb2.RUN_KIND_CHILD: "child",
}


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
        nice=message.nice,
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


def outcomes(message: accio_pb2.RunsResponse) -> tuple[views.RunOutcome, ...]:
    return tuple(
        views.RunOutcome(
            id=RunId(each.id), changed=each.changed, error=each.error or None, warnings=tuple(each.warnings)
        )
        for each in message.runs
    )
