"""Where the nodes of a workflow stand in a picture."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accio_client.graph_layout import COLUMN, HEIGHT, ROW, WIDTH, Edge, Layout, edges_of, layout


def crossings(found: Layout) -> int:
    """Count pairs of straight parts between the same layers that cross, one by one."""
    parts = [part for way in found.edges.values() for part in pairwise(way)]
    return sum(
        (a[1] - c[1]) * (b[1] - d[1]) < 0
        for at, (a, b) in enumerate(parts)
        for c, d in parts[at + 1 :]
        if a[0] == c[0] and b[0] == d[0]
    )


def test_edges_are_references() -> None:
    """A node follows the nodes whose outputs it takes, each once; parameters and values are no edges."""
    graph = [
        {"op": "A", "inputs": {"x": {"param": "x"}}},
        {"op": "B", "name": "Second", "inputs": {"a": {"reference": "A/out"}, "b": {"reference": "A/other"}}},
        {"op": "C", "inputs": {"n": {"value": 3}}},
    ]
    assert edges_of(graph) == (["A", "Second", "C"], [("A", "Second")])


def test_a_chain_is_a_line() -> None:
    """Each node stands one column to the right of what it needs, all at one height."""
    found = layout(["a", "b", "c"], [("a", "b"), ("b", "c")])
    assert [found.nodes[name] for name in "abc"] == [(WIDTH / 2 + at * COLUMN, HEIGHT / 2) for at in range(3)]
    assert (found.width, found.height) == (WIDTH + 2 * COLUMN, HEIGHT)


def test_crossings_are_undone() -> None:
    """Two pairs that were given crosswise stand side by side."""
    found = layout(["a", "b", "c", "d"], [("a", "d"), ("b", "c")])
    assert crossings(found) == 0


def test_long_edges_go_around() -> None:
    """An edge over a layer passes it at a place where no node stands."""
    found = layout(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
    way = found.edges["a", "c"]
    assert len(way) == 3
    assert abs(way[1][1] - found.nodes["b"][1]) >= ROW


def test_nothing() -> None:
    """A workflow without nodes has an empty picture."""
    assert layout([], []).nodes == {}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[Edge]]:
    size = draw(st.integers(1, 9))
    names = [f"n{at}" for at in range(size)]
    pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]
    return draw(st.permutations(names)), draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []


@given(graphs())
def test_any_graph(graph: tuple[list[str], list[Edge]]) -> None:
    """Nodes don't cover each other, edges lead to the right, and no edge gets lost."""
    nodes, edges = graph
    found = layout(nodes, edges)
    assert set(found.nodes) == set(nodes)
    assert set(found.edges) == set(edges)
    assert len(set(found.nodes.values())) == len(nodes)
    for way in found.edges.values():
        assert [round((b[0] - a[0]) / COLUMN) for a, b in pairwise(way)] == [1] * (len(way) - 1)
    assert all(0 < x < found.width and 0 < y < found.height for x, y in found.nodes.values())
