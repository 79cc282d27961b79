"""The nodes of a sweep's graph over its children, as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.domain.ids import NodeName, OperatorName, RunId
from accio_client import views
from accio_client.from_wire.runs import counts

if TYPE_CHECKING:
    from accio.v1 import runs_pb2


def node_counts(message: runs_pb2.NodeCounts) -> views.NodeCountsView:
    return views.NodeCountsView(
        run=RunId(message.run),
        nodes=tuple(
            views.NodeCountView(
                node=NodeName(each.node),
                operator=OperatorName(each.operator),
                by_state=counts(each.states),
                cached=each.cached,
                median_s=each.median_us / 1e6 if each.measured else None,
                measured=each.measured,
            )
            for each in message.nodes
        ),
        counted=message.counted,
        children=message.children,
    )
