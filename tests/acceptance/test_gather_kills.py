"""A daemon killed while the values of a sweep are gathered, again and again: they are gathered once it is back."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from accio_daemon.engine.crash_points import ENVIRONMENT, GATHER_POINTS
from tests.acceptance.processes import cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

CHILDREN = 50
GATHERING: dict[str, Any] = {
    "id": "gathering",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [
        {"op": "Square", "inputs": {"x": {"param": "x"}}},
        {"op": "Sum", "inputs": {"numbers": {"gather": "Square/value"}}},
        {"op": "Square", "name": "After", "inputs": {"x": {"reference": "Sum/value"}}},
    ],
}
SWEEP: dict[str, Any] = {"workflow": "gathering", "params": {"x": {"from": 1, "to": CHILDREN, "step": 1}}}
SUM = sum(x * x for x in range(1, CHILDREN + 1))


@pytest.mark.parametrize("point", GATHER_POINTS)
def test_a_death_while_gathering_is_made_good(tmp_path: Path, point: str) -> None:
    """Three lives end in the middle of it; the fourth gathers all values, and nothing is executed twice."""
    with cluster(tmp_path / "made") as made:
        first = made.start_daemon(wait=True, **{ENVIRONMENT: point})
        made.start_agent()
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATHERING)
            run = client.submit(SWEEP).run.id
        first.ended()
        for _ in range(2):
            made.start_daemon(wait=False, **{ENVIRONMENT: point}).ended()
        made.start_daemon()
        with made.client() as client:
            assert client.wait(run, patience=100).state == "success"
            (total,) = client.get_node(run, "Sum").artifacts
            (after,) = client.get_node(run, "After").artifacts
        assert (total.value, after.value) == (SUM, SUM * SUM)
        executions = Counter(line.split()[0] for line in made.executed())
        assert len(executions) == CHILDREN + 2
        assert {node: times for node, times in executions.items() if times > 1} == {}
