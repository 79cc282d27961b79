"""Pictures of one run's nodes: the graph with their states, and when and where they ran; of a sweep, the graph with
the states of the nodes over its children, and when and where these ran.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accio_client.analysis.pictures.specification import (
    Counted,
    Graph,
    GraphEdge,
    GraphNode,
    Head,
    Kind,
    PictureAxis,
    Scale,
    Span,
    Timeline,
    command_of,
)
from accio_client.graph_layout import edges_of, layout
from accio_client.views import NodeCountsView, NodeCountView, NodeView, TimelineView


def node_graph(run: str, graph: Sequence[Mapping[str, Any]], nodes: Sequence[NodeView]) -> Graph:
    """Return the graph of a workflow with the states of a run's nodes; those of other runs have none."""
    names, edges = edges_of(graph)
    operators = dict(zip(names, (str(each["op"]) for each in graph), strict=True))
    placed, known = layout(names, edges), {str(each.name): each for each in nodes}
    shown = [_graph_node(name, operators[name], placed.nodes[name], known.get(name)) for name in names]
    states = {each.state for each in shown if each.state}
    return Graph(
        head=Head(
            kind=Kind.GRAPH,
            title=f"nodes of {run}",
            counted=Counted(len(shown), len(shown), sum(not each.state for each in shown), "nodes"),
            remarks=("nodes without a state belong to the children",) if states and len(nodes) < len(names) else (),
            command=command_of(run, Kind.GRAPH),
        ),
        width=placed.width,
        height=placed.height,
        nodes=tuple(shown),
        edges=tuple(
            GraphEdge(source=first, target=second, points=points) for (first, second), points in placed.edges.items()
        ),
    )


def sweep_graph(graph: Sequence[Mapping[str, Any]], found: NodeCountsView, own: Sequence[NodeView]) -> Graph:
    """Return the graph of a workflow with the states of a sweep's nodes: over its children, and of its *own*."""
    whole = node_graph(found.run, graph, own)
    counted = {str(each.node): each for each in found.nodes}
    uncounted = found.children - found.counted
    return replace(
        whole,
        head=replace(
            whole.head,
            title=f"nodes of {found.run} over its children",
            counted=Counted(found.counted, found.children, 0),
            remarks=("the children that were counted lie evenly over the sweep",) if uncounted else (),
        ),
        nodes=tuple(_over_children(each, counted[each.name]) if each.name in counted else each for each in whole.nodes),
    )


def _over_children(node: GraphNode, found: NodeCountView) -> GraphNode:
    state = next((state for state in _STRIKING if found.by_state.get(state)), "")
    return replace(
        node,
        operator=str(found.operator),
        state=state,
        counts=dict(found.by_state),
        taken=found.cached,
        seconds=found.median_s,
    )


# What catches the eye of a node that is in several states.
_STRIKING = ("failed", "lost", "running", "killed", "queued", "waiting", "cancelled", "success")


def _graph_node(name: str, operator: str, place: tuple[float, float], found: NodeView | None) -> GraphNode:
    x, y = place
    if found is None:
        return GraphNode(name=name, operator=operator, state="", cached=False, seconds=None, x=x, y=y)
    took = None if found.cached or None in (found.started_at, found.ended_at) else _seconds(found)
    return GraphNode(
        name=name, operator=found.operator, state=found.state.value, cached=found.cached, seconds=took, x=x, y=y
    )


def _seconds(node: NodeView) -> float:
    assert node.started_at is not None
    assert node.ended_at is not None
    return (node.ended_at - node.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ran:
    """What a timeline has of an execution."""

    run: str
    node: str
    agent: str
    state: str
    began: datetime
    ended: datetime | None
    operator: str


def node_timeline(run: str, nodes: Sequence[NodeView], now: datetime) -> Timeline:
    """Return when the nodes that were executed ran; those that run still, until *now*."""
    ran = [
        _Ran(
            run=node.run,
            node=node.name,
            agent=node.agent or "",
            state=node.state.value,
            began=node.started_at,
            ended=node.ended_at,
            operator=node.operator,
        )
        for node in nodes
        if node.started_at is not None and not node.cached
    ]
    head = Head(
        kind=Kind.TIMELINE,
        title=f"when the nodes of {run} ran",
        counted=Counted(len(ran), len(nodes), 0, "nodes"),
        remarks=("the others were taken from the memo, or haven't begun",) if len(ran) < len(nodes) else (),
        command=command_of(run, Kind.TIMELINE),
    )
    return _in_lanes(head, ran, now)


EXECUTIONS = 500
"""How many executions that have ended the timeline of a sweep or the cluster shows, unless it is told otherwise."""


def sweep_timeline(run: str, found: TimelineView, now: datetime, limit: int = EXECUTIONS) -> Timeline:
    """Return when the executions of a sweep that were *found* (at most *limit*, and those that go on) ran."""
    return _of_executions(f"when the nodes of {run} and its children ran", run, found, now, limit)


def cluster_timeline(found: TimelineView, now: datetime, limit: int = EXECUTIONS) -> Timeline:
    """Return when the executions of all agents that were *found* (at most *limit*, and those that go on) ran."""
    return _of_executions("what ran when, and where", "", found, now, limit)


def _of_executions(title: str, run: str, found: TimelineView, now: datetime, limit: int) -> Timeline:
    ran = [
        _Ran(
            run=bar.run or "",
            node=bar.node or "",
            agent=bar.agent or REMOVED,
            state=bar.state,
            began=bar.started_at,
            ended=bar.ended_at,
            operator=bar.operator or "",
        )
        for bar in found.bars
        if bar.started_at is not None
    ]
    head = Head(
        kind=Kind.TIMELINE,
        title=title,
        counted=Counted(len(ran), len(ran), 0, "executions"),
        remarks=("those that ended last, and those that go on; there were more before",) if found.earlier else (),
        command=command_of(run, Kind.TIMELINE, limit="" if limit == EXECUTIONS else str(limit)),
    )
    return _in_lanes(head, ran, now)


REMOVED = "removed"
"""Stands for an agent that the cluster doesn't know any more."""


def _in_lanes(head: Head, executions: Sequence[_Ran], now: datetime) -> Timeline:
    ran = sorted(
        ((each.began, max(each.began, each.ended or now), each) for each in executions), key=lambda each: each[:2]
    )
    first = ran[0][0] if ran else now
    lanes: list[tuple[str, datetime]] = []  # the agent of each, and until when it is taken
    taken: list[int] = []
    for began, ended, each in ran:
        free = (at for at, (whose, until) in enumerate(lanes) if whose == each.agent and until <= began)
        taken.append(next(free, len(lanes)))
        lanes[taken[-1] : taken[-1] + 1] = [(each.agent, ended)]
    order = sorted(range(len(lanes)), key=lambda lane: (lanes[lane][0], lane))  # those of an agent beside each other
    spans = [
        Span(
            run=each.run,
            node=each.node,
            agent=each.agent,
            lane=order.index(lane),
            state=each.state,
            began=_written(began),
            ended="" if each.ended is None else _written(ended),
            start=(began - first).total_seconds(),
            end=(ended - first).total_seconds(),
            operator=each.operator,
        )
        for lane, (began, ended, each) in zip(taken, ran, strict=True)
    ]
    return Timeline(
        head=head,
        x=PictureAxis(f"since {first.isoformat(timespec='seconds')}", "s", Scale.LINEAR),
        lanes=tuple(lanes[lane][0] for lane in order),
        spans=tuple(spans),
    )


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
