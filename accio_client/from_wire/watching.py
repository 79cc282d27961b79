"""What is told of a run as it goes on, as views."""

from __future__ import annotations

from accio.domain.ids import AgentName, NodeName, RunId
from accio.v1 import accio_pb2
from accio.wire.issues import issues_of
from accio_client import views
from accio_client.from_wire.nodes import failure
from accio_client.from_wire.runs import run
from accio_client.moments import moment


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


def event(message: accio_pb2.Event) -> views.EventView:
    return views.EventView(
        at=moment(message.at_ms),
        kind=message.kind,
        run=RunId(message.run),
        node=NodeName(message.node) if message.node else None,
        attempt=message.attempt or None,
        detail=message.detail,
    )
