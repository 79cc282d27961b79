"""A node that kills every agent that executes it is given up, and the others go on."""

from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.processes import cluster, eventually
from tests.acceptance.sweeps import SQUARE

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

OPERATORS = ("tests.acceptance.exact_operators", "tests.acceptance.ledger_operators")


def test_a_node_that_kills_its_agents_is_given_up(tmp_path: Path) -> None:
    """After as many losses as the daemon allows, and one, the node is lost with the reason; no other agent gets it."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--max-losses", "1", "--lease", "2s")
        with made.client() as client:
            first = made.start_agent("a1", operators=OPERATORS)
            made.agents_are("a1")
            client.push({"id": "poison", "graph": [{"op": "Poison"}]})
            client.push(SQUARE)
            run = client.submit({"workflow": "poison"}).run.id
            first.ended()
            second = made.start_agent("a2", operators=OPERATORS)
            second.ended()
            eventually(lambda: client.get_run(run).run.ended_at is not None, what="the end of the run")
            found = client.get_node(run, "Poison")
            assert (found.node.state, [attempt.state for attempt in found.attempts]) == ("lost", ["lost", "lost"])
            assert found.node.failure is not None
            assert "2 agents were lost under it" in found.node.failure.message
            made.start_agent("a3", operators=OPERATORS)
            other = client.submit({"workflow": "square", "params": {"x": 3}}).run.id
            assert client.wait(other).state == "success"
            assert Counter(line.split(maxsplit=3)[3] for line in made.executed()) == {"Poison": 2, "Square": 1}
