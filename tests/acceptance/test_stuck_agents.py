"""Agents that live and answer nothing: their connection's threads answer pings, so that only heartbeats tell."""

from pathlib import Path

import pytest

from tests.acceptance import stuck_agent
from tests.acceptance.processes import cluster, eventually
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


@pytest.mark.parametrize("how", [stuck_agent.BLOCK, stuck_agent.HOLD], ids=["event loop blocked", "interpreter held"])
def test_a_stuck_agent_is_lost(tmp_path: Path, how: int) -> None:
    """It gets no new work, and after the lease its node goes to another; unstuck, it serves, and its report is late."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", "2s")
        stuck = made.start_agent("a1", "--cpus", "2", module=stuck_agent.__name__)
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            eventually(lambda: any("Gate g begins" in line for line in made.executed()), what="the node's beginning")
            stuck.kill(how)
            eventually(lambda: any("stuck" in line for line in made.executed()), what="the agent's being stuck")
            eventually(lambda: [a.state for a in client.list_agents()] != ["connected"], what="the suspicion")
            waiting = client.submit({"workflow": "gated", "params": {"label": "h"}}).run.id
            assert client.get_run(waiting).run.state == "scheduled", "a suspect agent gets no new work"
            made.start_agent("a2")
            made.open_gate("g")
            made.open_gate("h")
            assert {client.wait(each).state for each in (run, waiting)} == {"success"}
            attempts = [(attempt.agent, attempt.state) for attempt in client.get_node(run, "Gate").attempts]
            assert attempts == [("a1", "lost"), ("a2", "success")]
            made.open_gate(stuck_agent.GATE)
            made.agents_are("a1", "a2")
            eventually(lambda: client.cluster_state().running_nodes == 0, what="a free ledger")
            assert [(a.agent, a.state) for a in client.get_node(run, "Gate").attempts] == attempts
            assert [a.agent for a in client.get_node(waiting, "Gate").attempts] == ["a2"]
