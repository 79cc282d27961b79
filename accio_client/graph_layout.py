"""Where the nodes of a workflow stand in a picture: in layers from left to right, with few crossing edges.

The usual steps of Sugiyama, Tagawa and Toda (1981): a node's layer is its longest path from a source; edges over
several layers pass each of them at a place of their own; each layer is ordered by the mean place of its neighbours, to
and fro. Pages, notebooks and documentation draw the same places.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from accio.late import dataclass

COLUMN = 190.0
"""From one layer to the next, in the units of the picture."""
ROW = 62.0
WIDTH = 140.0
HEIGHT = 40.0
_ROUNDS = 6

Edge = tuple[str, str]
_Bend = tuple[str, str, int]
"""Where the edge from one node to another passes a layer."""
_Place = str | _Bend


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The size of a picture, the middle of each node, and the corners of each edge's way."""

    width: float
    height: float
    nodes: Mapping[str, tuple[float, float]]
    edges: Mapping[Edge, tuple[tuple[float, float], ...]]

    def to_json(self) -> dict[str, Any]:
        """Return the document that pages draw."""
        return {
            "width": self.width,
            "height": self.height,
            "node": {"width": WIDTH, "height": HEIGHT},
            "nodes": [{"name": name, "x": x, "y": y} for name, (x, y) in self.nodes.items()],
            "edges": [
                {"from": first, "to": second, "points": [list(point) for point in way]}
                for (first, second), way in self.edges.items()
            ],
        }


def edges_of(graph: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[Edge]]:
    """Return the nodes of a workflow's `graph`, and which takes, or gathers, an output of which."""
    nodes: list[str] = []
    edges: dict[Edge, None] = {}
    for node in graph:
        name = str(node.get("name") or node["op"])
        nodes.append(name)
        for source in node.get("inputs", {}).values():
            taken = (source.get("reference") or source.get("gather")) if isinstance(source, Mapping) else None
            if taken:
                edges[str(taken).partition("/")[0], name] = None
    return nodes, list(edges)


def layout(nodes: Sequence[str], edges: Sequence[Edge]) -> Layout:
    """Return the places of a graph without cycles; edges name nodes that are there."""
    layers = _ordered(*_layered(nodes, edges))
    tallest = max((len(layer) for layer in layers), default=0)
    places: dict[_Place, tuple[float, float]] = {}
    for column, layer in enumerate(layers):
        above = (tallest - len(layer)) * ROW / 2
        for row, place in enumerate(layer):
            places[place] = (WIDTH / 2 + column * COLUMN, HEIGHT / 2 + above + row * ROW)
    ways: dict[Edge, tuple[tuple[float, float], ...]] = {}
    for edge in edges:
        passed: list[_Place] = [edge[0], *_bends(edge, places), edge[1]]
        ways[edge] = tuple(places[place] for place in passed)
    return Layout(
        width=WIDTH + max(0, len(layers) - 1) * COLUMN,
        height=max(HEIGHT, HEIGHT + (tallest - 1) * ROW),
        nodes={name: places[name] for name in nodes},
        edges=ways,
    )


def _bends(edge: Edge, places: Mapping[_Place, tuple[float, float]]) -> list[_Bend]:
    found = [place for place in places if isinstance(place, tuple) and place[:2] == edge]
    return sorted(found, key=lambda bend: bend[2])


def _layered(nodes: Sequence[str], edges: Sequence[Edge]) -> tuple[list[list[_Place]], dict[_Place, list[_Place]]]:
    """Return the layers, and the neighbours of each place in the layers beside its own."""
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for first, second in edges:
        before[second].append(first)
    level: dict[str, int] = {}
    waiting = list(nodes)
    while waiting:
        ready = [name for name in waiting if all(each in level for each in before[name])]
        for name in ready:
            level[name] = 1 + max((level[each] for each in before[name]), default=-1)
        waiting = [name for name in waiting if name not in level]
        assert ready, "a workflow has no cycles"
    layers: list[list[_Place]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for name in nodes:
        layers[level[name]].append(name)
    beside: dict[_Place, list[_Place]] = {name: [] for name in nodes}
    for first, second in edges:
        previous: _Place = first
        for at in range(level[first] + 1, level[second]):
            bend = (first, second, at)
            layers[at].append(bend)
            beside[bend] = []
            _join(beside, previous, bend)
            previous = bend
        _join(beside, previous, second)
    return layers, beside


def _join(beside: dict[_Place, list[_Place]], one: _Place, other: _Place) -> None:
    beside[one].append(other)
    beside[other].append(one)


def _ordered(layers: list[list[_Place]], beside: Mapping[_Place, list[_Place]]) -> list[list[_Place]]:
    """Return the layers in the order with the fewest crossings that was found."""
    best, fewest = layers, _crossings(layers, beside)
    current = layers
    for turn in range(_ROUNDS):
        if not fewest:
            break
        current = _swept(current, beside, to_and_fro=turn % 2 == 1)
        if (found := _crossings(current, beside)) < fewest:
            best, fewest = current, found
    return best


def _swept(
    layers: list[list[_Place]], beside: Mapping[_Place, list[_Place]], *, to_and_fro: bool
) -> list[list[_Place]]:
    """Order each layer by the mean place of its neighbours in the layer that was ordered before it."""
    found = [list(layer) for layer in (reversed(layers) if to_and_fro else layers)]
    for fixed, layer in pairwise(found):
        at = {place: row for row, place in enumerate(fixed)}
        own = {place: row for row, place in enumerate(layer)}

        def mean(place: _Place, at: Mapping[_Place, int] = at, own: Mapping[_Place, int] = own) -> tuple[float, int]:
            rows = [at[each] for each in beside[place] if each in at]
            return (sum(rows) / len(rows) if rows else own[place], own[place])

        layer.sort(key=mean)
    return found[::-1] if to_and_fro else found


def _crossings(layers: Sequence[Sequence[_Place]], beside: Mapping[_Place, list[_Place]]) -> int:
    """Count crossings: of edges between two layers, sorted by their left ends, the inversions of their right ends."""
    total = 0
    for left, right in pairwise(layers):
        at = {place: row for row, place in enumerate(right)}
        ends = [row for place in left for row in sorted(at[each] for each in beside[place] if each in at)]
        total += _inversions(ends, len(right))
    return total


def _inversions(values: Sequence[int], size: int) -> int:
    """Count pairs that stand in the wrong order, with a Fenwick tree."""
    tree = [0] * (size + 1)
    found = 0
    for seen, value in enumerate(values):
        at, not_above = value + 1, 0
        while at:
            not_above += tree[at]
            at -= at & -at
        found += seen - not_above
        at = value + 1
        while at <= size:
            tree[at] += 1
            at += at & -at
    return found
