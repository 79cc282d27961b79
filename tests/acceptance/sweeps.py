"""A sweep whose outcome tests compare: what was executed how often, and the table."""

from collections import Counter
from typing import Any

from accio_client import Client
from tests.acceptance.processes import Cluster

THREE: dict[str, Any] = {
    "id": "three",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [
        {"op": "Square", "inputs": {"x": {"param": "x"}}},
        {"op": "Noise", "inputs": {"x": {"param": "x"}}},
        {"op": "Total", "inputs": {"square": {"reference": "Square/value"}, "noise": {"reference": "Noise/value"}}},
    ],
}
GATED: dict[str, Any] = {
    "id": "gated",
    "params": [{"name": "label", "kind": "string"}],
    "graph": [{"op": "Gate", "inputs": {"label": {"param": "label"}}}],
}
SQUARE: dict[str, Any] = {
    "id": "square",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Square", "inputs": {"x": {"param": "x"}}}],
}
RATIO: dict[str, Any] = {
    "id": "ratio",
    "params": [{"name": "x", "kind": "integer"}, {"name": "y", "kind": "integer"}],
    "graph": [{"op": "Ratio", "inputs": {"x": {"param": "x"}, "y": {"param": "y"}}}],
}
RATIO_AND_SQUARE: dict[str, Any] = {
    "id": "both",
    "params": RATIO["params"],
    "graph": [*RATIO["graph"], *SQUARE["graph"]],
}
"""Two results to draw against each other, and two nodes to draw as a graph."""
RATIOS: dict[str, Any] = {
    "workflow": "ratio",
    "seed": 1,
    "params": {"x": {"values": [1, 2, 3]}, "y": {"values": [0, 1, 2, 4]}},
}


def sweep_of(children: int) -> dict[str, Any]:
    """Return a sweep of THREE; its seed is fixed, so that its table always is the same."""
    return {"workflow": "three", "seed": 7, "params": {"x": {"from": 1, "to": children, "step": 1}}}


def table(client: Client, run: str) -> list[tuple[str, ...]]:
    """Return the rows of a run's table, in an order of their own."""
    found = client.table([run], artifacts="ALL").to_arrow()
    names = [name for name in found.column_names if name != "run"]
    return sorted(tuple(repr(row[name]) for name in names) for row in found.to_pylist())


def repeated(made: Cluster) -> dict[str, int]:
    """Return the nodes that were executed more than once, with how often."""
    return {node: n for node, n in Counter(line.split()[0] for line in made.executed()).items() if n > 1}
