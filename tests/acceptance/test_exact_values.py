"""Values come out of a run, bit for bit, as they went into it."""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

WORKFLOW: dict[str, Any] = {
    "id": "exact",
    "params": [
        {"name": "whole", "kind": "long"},
        {"name": "number", "kind": "double"},
        {"name": "text", "kind": "string"},
    ],
    "graph": [{"op": "Exact", "inputs": {name: {"param": name} for name in ("whole", "number", "text")}}],
}
VALUES: list[tuple[int, float, str]] = [
    (2**53 + 1, -0.0, 'line\nand\ttab, "quotes"; $(no shell) `nor` {this}'),
    (-(2**63), 5e-324, "\u202eturned\x1b[31m red"),
    (2**63 - 1, 1.7976931348623157e308, "x" * 100_000),
    (0, 0.1 + 0.2, "\U0001f9ed"),
]

LIMITED: dict[str, Any] = {
    "id": "limited",
    "params": [{"name": "limit", "kind": "double"}, {"name": "word", "kind": "string"}],
    "graph": [{"op": "Limited", "inputs": {name: {"param": name} for name in ("limit", "word")}}],
}
LACKING: list[tuple[float | None, str | None, str]] = [
    (None, "null", "None 'null'"),
    (None, None, "None None"),
    (0.1, "null", "0.1 'null'"),
    (0.1, None, "0.1 None"),
]


def test_values_are_exact(tmp_path: Path) -> None:
    """Longs beyond 2^53, the smallest and largest doubles, minus zero, long and hostile texts, what is absent."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent("a1", operators=("tests.acceptance.exact_operators",))
        made.agents_are("a1")
        with made.client() as client:
            client.push(WORKFLOW)
            for whole, number, text in VALUES:
                params = {"whole": whole, "number": number, "text": text}
                run = client.submit({"workflow": "exact", "params": params}).run.id
                assert client.wait(run).state == "success"
                (row,) = client.table([run], artifacts="ALL").to_arrow().to_pylist()
                found = [row[f"Exact/{port}"] for port in ("whole", "number", "text", "absent")]
                assert found == [whole, number, text, True]
                assert math.copysign(1.0, found[1]) == math.copysign(1.0, number)


def test_no_value_is_one_of_several(tmp_path: Path) -> None:
    """A sweep over null and others, also where there is a default: in tables, frames, queries, and the cache."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent("a1", operators=("tests.acceptance.exact_operators",))
        made.agents_are("a1")
        with made.client() as client:
            client.push(LIMITED)
            params = {"limit": {"values": [None, 0.1]}, "word": {"values": ["null", None]}}
            definition = {"workflow": "limited", "params": params}
            run = client.submit(definition).run.id
            assert client.wait(run).state == "success"
            rows = client.table([run], artifacts="ALL").to_arrow().to_pylist()
            assert [(row["limit"], row["word"], row["Limited/value"]) for row in rows] == LACKING
            for backend in ("arrow", "polars"):
                frame = client.frame(run, where="limit=null", backend=backend)
                columns = frame.to_pydict() if backend == "arrow" else frame.to_dict(as_series=False)
                assert columns["index"] == [0, 1]
                assert all(math.isnan(limit) for limit in columns["limit"])
                assert columns["word"] == ["null", None]
            described = client.get_run(run).run
            assert described.params["limit"].value == {"values": [None, 0.1]}
            found = client.dry_run(definition)
            assert (found.cached, found.to_execute) == (4, 0)
