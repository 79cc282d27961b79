"""Graphs: order, cycles and reach."""

from hypothesis import given
from hypothesis import strategies as st

from accio.domain.graph import MAX_CYCLES, cycles, successors, topological_order

names = st.sampled_from("abcdefgh")
graphs = st.dictionaries(names, st.lists(names, max_size=3), max_size=8)


def reaches(after: dict[str, tuple[str, ...]], start: str) -> frozenset[str]:
    reached: set[str] = set()
    frontier = [start]
    while frontier:
        found = set(after[frontier.pop()]) - reached
        reached |= found
        frontier.extend(found)
    return frozenset(reached)


@given(graphs)
def test_cycles_cover_exactly_the_nodes_on_cycles(graph: dict[str, list[str]]) -> None:
    """Every node on a cycle is listed, in a cycle that follows the edges; no other node is."""
    after = successors(graph)
    on_cycles = {node for node in graph if node in reaches(after, node)}
    found = cycles(graph)
    assert {node for cycle in found for node in cycle} == on_cycles
    for cycle in found:
        assert len(set(cycle)) == len(cycle)
        for node, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert following in after[node]


@given(graphs)
def test_topological_order(graph: dict[str, list[str]]) -> None:
    """Each node comes after its predecessors; only nodes on or behind a cycle are left out."""
    order = topological_order(graph)
    place = {node: at for at, node in enumerate(order)}
    for node in order:
        assert all(place[needed] < place[node] for needed in graph[node] if needed in graph)
    after = successors(graph)
    stuck = {node for node in graph if node in reaches(after, node)}
    behind = {node for start in stuck for node in reaches(after, start)}
    assert set(graph) - set(order) == stuck | behind


def test_the_order_of_the_definition_decides() -> None:
    """Nodes that are free at the same time keep their order."""
    assert topological_order({"c": [], "a": ["b"], "b": []}) == ("c", "b", "a")


def test_a_long_chain_needs_no_recursion() -> None:
    """Depth is no limit."""
    chain = {str(at): [str(at - 1)] for at in range(1, 50_000)} | {"0": []}
    assert len(topological_order(chain)) == 50_000
    assert cycles(chain) == ()
    assert len(cycles(chain | {"0": ["49999"]})[0]) == 50_000


def test_very_many_cycles_are_not_all_listed() -> None:
    """The list ends where nobody would read on."""
    graph = {f"{letter}{at}": [f"{'b' if letter == 'a' else 'a'}{at}"] for at in range(1000) for letter in "ab"}
    assert len(cycles(graph)) == MAX_CYCLES
