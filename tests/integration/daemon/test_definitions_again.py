"""The definition that makes a run again: the same points in the same order, with the same seeds and metadata."""

from typing import Any

import orjson
import pytest

from accio.v1 import accio_pb2, runs_pb2
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import joined

NODES = ("z", "y", "x")
GRID: dict[str, Any] = {
    "id": "grid",
    "params": [{"name": name, "kind": "double"} for name in NODES],
    "graph": [{"op": "Double", "name": name, "inputs": {"x": {"param": name}}} for name in NODES],
}
FIXED = {"z": 1, "y": 2, "x": 3}
SAMPLED = {"from": 0.001, "to": 1, "log": True}
SWEEPS: dict[str, dict[str, Any]] = {
    "grid": {"params": {**FIXED, "z": {"values": [3, 1]}, "x": {"from": 0, "to": 0.3, "step": 0.1}}},
    "counted": {"params": {**FIXED, "z": {"from": 1, "to": 3, "count": 7}}},
    "long steps": {"params": {**FIXED, "z": {"from": 0, "to": 1, "step": "0.30000000000000001"}}},
    "geometric": {"params": {**FIXED, "z": {"from": 1, "to": 100, "log": True, "step": 1.9}}},
    "zipped": {"params": {**FIXED, "z": {"values": [3, 1]}, "x": {"values": [8, 9]}}, "zip": ["z", "x"]},
    "zipped, with values twice": {
        "params": {**FIXED, "y": {"values": [7, 5]}, "z": {"values": [3, 1, 3]}, "x": {"values": [8, 9, 9]}},
        "zip": ["z", "x"],
    },
    "points": {"params": {"y": {"values": [7, 5]}}, "points": [{"z": 3, "x": 1}, {"z": 3, "x": 0}, {"z": 1, "x": 0}]},
    "some points": {"params": {"y": {"values": [7, 5]}}, "points": {"z": [3, 1], "x": [1, 1]}, "where": "y=7 or z=1"},
    "a sample": {"params": {**FIXED, "z": SAMPLED, "y": SAMPLED}, "sample": {"method": "lhs", "n": 5, "seed": 3}},
    "part of a grid": {"params": {**FIXED, "z": {"from": 1, "to": 9, "step": 1}}, "where": "z<3 or z=7"},
    "a union": {"params": {"y": 2, "x": {"values": [5, 4]}}, "union": [{"params": {"z": 1}}, {"params": {"z": 7}}]},
    "until precise": {
        "params": {**FIXED, "z": {"values": [3, 1]}},
        "repeat": {"until": {"output": "x/value", "ci95": "2.5%"}, "min": 3, "max": 9},
    },
    "a study": {
        "params": {**FIXED, "z": {"from": 0, "to": 1}},
        "optimize": {"objective": "x/value", "direction": "minimize", "trials": 6, "sampler": "sobol"},
    },
    "single": {"params": FIXED},
}


async def definition(daemon: Serving, run: str) -> dict[str, Any]:
    """Return the definition that makes a run again."""
    answer = await daemon.accio.Get(accio_pb2.GetRequest(id=run, definition=True))
    found: dict[str, Any] = orjson.loads(answer.definition_json)
    return found


async def facts(daemon: Serving, run: runs_pb2.Run) -> list[Any]:
    """Return what tells the points of a run, in their order: parameters and seeds."""
    if run.kind == runs_pb2.RUN_KIND_SINGLE:
        return [({param.name: param.json for param in run.params}, run.seed)]
    page = await daemon.accio.List(accio_pb2.ListRequest(parent=run.id, limit=1000))
    return [({param.name: param.json for param in child.params}, child.seed) for child in page.runs]


@pytest.mark.parametrize("keys", SWEEPS.values(), ids=SWEEPS)
async def test_a_run_is_made_again(daemon: Serving, keys: dict[str, Any]) -> None:
    """The same points come in the same order, each with its seed; and so again of that run."""
    async with joined(daemon.agents):
        await daemon.push(GRID)
        made = await daemon.submit({"workflow": "grid", "repeat": 2, **keys})
        written = await definition(daemon, made.id)
        again = await daemon.submit(written)
        assert again.id != made.id
        assert (again.seed, again.repeat, again.kind) == (made.seed, made.repeat, made.kind)
        assert again.until == made.until
        if not made.HasField("until"):  # whose children go as they turn out not to be needed
            assert await facts(daemon, again) == await facts(daemon, made)
        assert await definition(daemon, again.id) == written


async def test_metadata_and_what_failures_do(daemon: Serving) -> None:
    """Name, notes, tags, `nice` and `on_failure` come along; the version is the run's, though there is a newer one."""
    keys = {"name": "n", "notes": "é", "tags": ["a", "b"], "seed": 7, "on_failure": {"max": 3}, "nice": True}
    async with joined(daemon.agents):
        version = (await daemon.push(GRID)).version
        made = await daemon.submit({"workflow": "grid", "params": FIXED, **keys})
        await daemon.push(GRID | {"notes": "another version"})
        written = await definition(daemon, made.id)
    assert written == {"workflow": f"grid:{version}", "params": FIXED, **keys, "seed": "7"}


async def test_a_child_is_made_again_as_a_single_run(daemon: Serving) -> None:
    """With its own parameters and seed, and its parent's notes."""
    async with joined(daemon.agents):
        await daemon.push(GRID)
        params = FIXED | {"z": {"values": [3, 1]}}
        made = await daemon.submit({"workflow": "grid", "params": params, "notes": "why", "repeat": 2})
        again = await daemon.submit(await definition(daemon, f"{made.id}.3"))
        assert (again.kind, again.notes) == (runs_pb2.RUN_KIND_SINGLE, "why")
        assert await facts(daemon, again) == (await facts(daemon, made))[3:]


async def test_definitions_come_only_where_they_are_asked_for(daemon: Serving) -> None:
    """Everybody else is spared them."""
    async with joined(daemon.agents):
        await daemon.push(GRID)
        made = await daemon.submit({"workflow": "grid", "params": FIXED})
        assert not (await daemon.get(made.id)).definition_json
