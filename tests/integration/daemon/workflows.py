"""Workflow definitions that the tests of the daemon share."""

from typing import Any

# Draw is unstable; Double of it depends on each child; Double alone only on x.
PAIR: dict[str, Any] = {
    "id": "pair",
    "params": [{"name": "x", "kind": "double", "default_value": 3.0}],
    "graph": [
        {"op": "Double", "name": "First", "inputs": {"x": {"param": "x"}}},
        {"op": "Double", "name": "Second", "inputs": {"x": {"reference": "First/value"}}},
    ],
}
DRAWING: dict[str, Any] = {
    "id": "drawing",
    "params": [{"name": "x", "kind": "double", "default_value": 1.0}],
    "graph": [
        {"op": "Draw", "inputs": {"x": {"param": "x"}}},
        {"op": "Double", "inputs": {"x": {"reference": "Draw/value"}}},
        {"op": "Double", "name": "Plain", "inputs": {"x": {"param": "x"}}},
    ],
}
FAILING: dict[str, Any] = {
    "id": "failing",
    "graph": [
        {"op": "Fail", "inputs": {}},
        {"op": "Double", "name": "After", "inputs": {"x": {"reference": "Fail/value"}}},
    ],
}
LOADING: dict[str, Any] = {
    "id": "loading",
    "params": [{"name": "data", "kind": "dataset"}],
    "graph": [{"op": "Load", "inputs": {"data": {"param": "data"}}}],
}
