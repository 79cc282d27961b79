"""Directed graphs over names or numbers: order and cycles. An edge goes from a node to one that needs it first.

`predecessors` maps every node to those that must end before it; nodes that aren't keys are ignored.
"""

from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Predecessors = Mapping[str, Sequence[str]]

# A document may hold very many cycles; people mend the first ones and ask again.
MAX_CYCLES = 20


def successors(predecessors: Mapping[Node, Sequence[Node]]) -> dict[Node, tuple[Node, ...]]:
    """Turn the graph around; the order of the nodes is kept."""
    found: dict[Node, dict[Node, None]] = {node: {} for node in predecessors}
    for node, needed in predecessors.items():
        for before in needed:
            if before in found:
                found[before][node] = None
    return {node: tuple(after) for node, after in found.items()}


def topological_order(predecessors: Mapping[Node, Sequence[Node]]) -> tuple[Node, ...]:
    """Put the nodes in an order in which each comes after its predecessors; nodes on or behind a cycle are left out.

    Among nodes that are free to come next, the order of *predecessors* decides.
    """
    after = successors(predecessors)
    left = {node: len({before for before in needed if before in after}) for node, needed in predecessors.items()}
    ready = deque(node for node, count in left.items() if count == 0)
    order: list[Node] = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for successor in after[node]:
            left[successor] -= 1
            if left[successor] == 0:
                ready.append(successor)
    return tuple(order)


def cycles(predecessors: Predecessors) -> tuple[tuple[str, ...], ...]:
    """List cycles, node by node along the edges, so that every node on a cycle is in one of them (at most MAX_CYCLES).

    Each begins with its first node in the order of the graph, and is as short as a cycle through that node can be.
    """
    after = successors(predecessors)
    found: list[tuple[str, ...]] = []
    for component in _components(after):
        if len(found) == MAX_CYCLES:
            break
        missing = [node for node in after if node in component]
        while missing and len(found) < MAX_CYCLES:
            cycle = _shortest_cycle(after, component, missing[0])
            found.append(cycle)
            listed = set(cycle)
            missing = [node for node in missing if node not in listed]
    return tuple(found)


def _shortest_cycle(after: Mapping[str, Sequence[str]], component: frozenset[str], start: str) -> tuple[str, ...]:
    came_from: dict[str, str] = {}
    frontier = deque([start])
    while frontier:
        node = frontier.popleft()
        for successor in after[node]:
            if successor == start:
                path = [node]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return tuple(reversed(path))
            if successor in component and successor not in came_from:
                came_from[successor] = node
                frontier.append(successor)
    raise AssertionError(f"{start} is on no cycle")


def _components(after: Mapping[str, Sequence[str]]) -> Iterator[frozenset[str]]:
    """Go through the strongly connected components that hold a cycle (Tarjan 1972, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in after:
        if root in index:
            continue
        work = [(root, iter(after[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for successor in rest:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(after[successor])))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = _popped(stack, on_stack, node)
                    if len(component) > 1 or node in after[node]:
                        yield component


def _popped(stack: list[str], on_stack: set[str], root: str) -> frozenset[str]:
    members: set[str] = set()
    while root not in members:
        members.add(stack.pop())
    on_stack -= members
    return frozenset(members)
