"""Pictures of one run's nodes, in the terminal, as rows and as files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accio.domain.ids import AgentName, NodeName, OperatorName, RunId
from accio.domain.states import NodeState
from accio_client.analysis.figures import save
from accio_client.analysis.pictures import (
    Graph,
    Timeline,
    node_graph,
    node_timeline,
    rows,
    sweep_graph,
    sweep_timeline,
    to_json,
)
from accio_client.analysis.pictures.specification import Picture
from accio_client.analysis.terminal import render
from accio_client.views import NodeCountsView, NodeCountView, NodeView, TimelineBarView, TimelineView

RUN = RunId("01j9zk3m5q8w2xyz")
BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
DIAMOND: list[dict[str, Any]] = [
    {"op": "Source"},
    {"op": "Work", "name": "Left", "inputs": {"a": {"reference": "Source/value"}}},
    {"op": "Work", "name": "Right", "inputs": {"a": {"reference": "Source/value"}}},
    {"op": "Join", "inputs": {"a": {"reference": "Left/value"}, "b": {"gather": "Right/value"}}},
]


def node(name: str, state: NodeState, start: float | None = None, end: float | None = None, **other: Any) -> NodeView:
    """A node that ran from and until so many seconds after the beginning."""
    given: dict[str, Any] = {"operator": OperatorName(name), "cached": False, "agent": AgentName("a1"), **other}
    return NodeView(
        run=RUN,
        name=NodeName(name),
        state=state,
        attempts=1,
        started_at=None if start is None else BEGAN + timedelta(seconds=start),
        ended_at=None if end is None else BEGAN + timedelta(seconds=end),
        failure=None,
        reason="",
        progress=0.0,
        **given,
    )


NODES = [
    node("Source", NodeState.SUCCESS, 0, 2, cached=True),
    node("Left", NodeState.SUCCESS, 0, 4, operator=OperatorName("Work"), agent=AgentName("b1")),
    node("Right", NodeState.FAILED, 1, 3, operator=OperatorName("Work")),
    node("Join", NodeState.RUNNING, 3),
    node("Late", NodeState.WAITING, agent=None),
]


def graph() -> Graph:
    return node_graph(RUN, DIAMOND, NODES[:3])


def timeline() -> Timeline:
    return node_timeline(RUN, NODES, BEGAN + timedelta(seconds=8))


def over_children(counted: int = 12) -> Graph:
    """The graph of a sweep of twelve children; what joins theirs is its own."""
    by_state = {
        "Source": {"success": 12},
        "Left": {"success": 6, "running": 2, "waiting": 4},
        "Right": {"success": 8, "failed": 3, "cancelled": 1},
    }
    nodes = tuple(
        NodeCountView(
            node=NodeName(name),
            operator=OperatorName(name),
            by_state=counts,
            cached=4 * (name == "Source"),
            median_s=0.25 if name == "Right" else None,
            measured=8 * (name == "Right"),
        )
        for name, counts in by_state.items()
    )
    found = NodeCountsView(run=RUN, nodes=nodes, counted=counted, children=12)
    return sweep_graph(DIAMOND, found, [node("Join", NodeState.RUNNING, 3)])


def test_a_sweeps_graph_in_the_terminal() -> None:
    """Each node says in how many children it is in which state, and its median time; a node of the sweep itself has its
    own state.
    """
    assert render(over_children(), width=70) == [
        f"nodes of {RUN} over its children",
        "  1 ✓ Source  12 of 12, 4 cached",
        "  2 ▶ Left    6 of 12, 2 running  ← Source",
        "  2 ✗ Right   8 of 12, 3 failed, 1 cancelled, ~0.25 s  ← Source",
        "  3 ▶ Join    ← Left, Right",
        "12 of 12 children",
    ]
    assert render(over_children(10), width=60)[-2:] == [
        "10 of 12 children",
        "the children that were counted lie evenly over the sweep",
    ]


def test_a_sweeps_graph_as_a_table() -> None:
    """The table twin has a column for each state, of which a sweep's own node is in one."""
    table = rows(over_children())
    states = ("success", "running", "queued", "waiting", "failed", "killed", "lost", "cancelled")
    assert table.columns == ("node", "operator", *states, "cached", "median_s", "takes from")
    found = list(table.rows)
    assert found[2] == ("Right", "Right", 8, 0, 0, 0, 3, 0, 0, 1, 0, "0.250000", "Source")
    assert found[3] == ("Join", "Join", 0, 1, 0, 0, 0, 0, 0, 0, 0, None, "Left Right")
    assert to_json(over_children())["nodes"][1]["counts"] == {"success": 6, "running": 2, "waiting": 4}


def test_a_graph_in_the_terminal() -> None:
    """Each node has its layer, its state, what it took, and what it takes from which."""
    assert render(graph(), width=60) == [
        f"nodes of {RUN}",
        "  1 ✓ Source  cached",
        "  2 ✓ Left    Work, 4 s  ← Source",
        "  2 ✗ Right   Work, 2 s  ← Source",
        "  3 · Join    ← Left, Right",
        "4 of 4 nodes, 1 without value",
        "nodes without a state belong to the children",
    ]


def test_a_timeline_in_the_terminal() -> None:
    """Spans of one agent share a lane where they don't overlap; what runs still goes on until now."""
    assert render(timeline(), width=54) == [
        f"when the nodes of {RUN} ran",
        "          a1 │     ✗━━━━━━━━━▶━━━━━━━━━━━━━━━━━━━━━━━━",
        "          b1 │✓━━━━━━━━━━━━━━━━━━━",
        f"             └{'─' * 40}",
        f"              0{'8 s':>39}",
        "3 of 5 nodes",
        "the others were taken from the memo, or haven't begun",
    ]


def test_lanes_do_not_overlap() -> None:
    """What runs at the same time at one agent has lanes of its own, which stand beside each other."""
    nodes = [
        node(name, NodeState.SUCCESS, start, end, agent=AgentName(agent))
        for name, agent, start, end in (("A", "a", 0, 4), ("B", "b", 0, 9), ("C", "a", 1, 2), ("D", "a", 2, 3))
    ]
    found = node_timeline(RUN, nodes, BEGAN)
    assert found.lanes == ("a", "a", "b")
    assert {span.node: span.lane for span in found.spans} == {"A": 0, "B": 2, "C": 1, "D": 1}


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Long and hostile names are cut and shown as they are written."""
    name = "a\u202e\x1b[31m" + "n" * 300
    graph = node_graph(RUN, [{"op": name}, {"op": "B", "inputs": {"a": {"reference": f"{name}/v"}}}], [])
    spans = node_timeline(RUN, [node("A", NodeState.SUCCESS, 0, 1, agent=AgentName(name))], BEGAN)
    lines = [*render(graph, width=width), *render(spans, width=width)]
    assert max(map(len, lines)) <= width
    assert all(line.isprintable() for line in lines)


def bar(child: int, start: float, end: float | None, agent: str = "a1", state: str = "success") -> TimelineBarView:
    """An execution of a child, from and until so many seconds after the beginning."""
    return TimelineBarView(
        agent=agent,
        state=state,
        started_at=BEGAN + timedelta(seconds=start),
        ended_at=None if end is None else BEGAN + timedelta(seconds=end),
        run=f"{RUN}.{child}",
        node="Work",
        operator="Work",
    )


def test_a_sweeps_timeline() -> None:
    """It tells of executions, from the first of those that were found: at agents that were removed, too."""
    bars = (bar(0, 2, 4), bar(1, 2, None, state="running"), bar(2, 4, 5, state="failed"), bar(3, 3, 6, agent=""))
    found = sweep_timeline(RUN, TimelineView(bars=bars, earlier=True), BEGAN + timedelta(seconds=10), 4)
    assert found.lanes == ("a1", "a1", "removed")
    assert [row[0].rpartition(".")[2] for row in rows(found).rows] == ["0", "2", "1", "3"]
    assert [(span.state, span.start, span.end) for span in found.spans[:2]] == [("success", 0, 2), ("running", 0, 8)]
    assert found.head.command == f"accio plot {RUN} -kind=timeline -limit=4"
    assert render(found, width=80)[-2:] == [
        "4 of 4 executions",
        "those that ended last, and those that go on; there were more before",
    ]


def test_a_sweeps_whole_timeline() -> None:
    """Where there is nothing more, nothing is remarked; the usual number isn't a part of the command."""
    found = sweep_timeline(RUN, TimelineView(bars=(bar(0, 0, 1),), earlier=False), BEGAN)
    assert (found.head.remarks, found.head.command) == ((), f"accio plot {RUN} -kind=timeline")
    assert render(sweep_timeline(RUN, TimelineView(bars=(), earlier=False), BEGAN), width=80)[1:] == [
        "0 of 0 executions"
    ]


def test_tables_and_documents() -> None:
    """The table twins have a row for each node and span; documents say which shape they have."""
    assert list(rows(graph()).rows)[3] == ("Join", "Join", "", "false", "Left Right")
    table = rows(timeline())
    assert table.columns == ("run", "node", "agent", "lane", "state", "began", "ended", "seconds")
    found = list(table.rows)
    assert [row[1:4] for row in found] == [("Right", "a1", 1), ("Join", "a1", 1), ("Left", "b1", 2)]
    assert found[2] == (RUN, "Left", "b1", 2, "success", "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:04.000Z", 4.0)
    assert found[1][6:] == ("", 5.0)
    assert [to_json(each)["shape"] for each in (graph(), timeline())] == ["graph", "timeline"]
    assert to_json(graph())["head"]["command"] == f"accio plot {RUN} -kind=graph"


def test_nothing_ran() -> None:
    """A run whose nodes all came from the memo has an empty timeline that says so."""
    assert render(node_timeline(RUN, NODES[:1], BEGAN), width=80)[1:] == [
        "0 of 1 nodes",
        "the others were taken from the memo, or haven't begun",
    ]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_files(tmp_path: Path, kind: str) -> None:
    """Both are drawn as files, the same ones each time, whatever names say to matplotlib."""
    odd = [{"op": "$x^2$", "inputs": {}}, {"op": "B", "inputs": {"a": {"reference": "$x^2$/v"}}}]
    pictures: list[Picture] = [
        graph(),
        over_children(),
        timeline(),
        node_graph(RUN, odd, []),
        node_timeline(RUN, [], BEGAN),
    ]
    for at, picture in enumerate(pictures):
        files = [tmp_path / f"{at}{copy}.{kind}" for copy in "ab"]
        for path in files:
            save(picture, path)
        assert files[0].read_bytes() == files[1].read_bytes()
        assert files[0].stat().st_size > 1_000
