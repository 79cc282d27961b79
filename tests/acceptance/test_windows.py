"""Windows of agents, with real processes: who waits for one, and until when."""

from datetime import timedelta
from pathlib import Path

import pytest

from accio_client.clock import now
from tests.acceptance.processes import cluster, eventually
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]


def test_a_window_holds_nodes_back_over_a_kill_until_it_is_taken_back(tmp_path: Path) -> None:
    """The daemon that comes after a SIGKILL knows it; then the same agent executes what waited, as the first time."""
    with cluster(tmp_path / "made") as made:
        daemon = made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        made.open_gate("g")
        begins = now()
        with made.client() as client:
            added = client.add_window(
                "patch day", begins_at=begins, ends_at=begins + timedelta(days=1), agents=["a*", "b1"]
            )
            assert added.warnings == ("no agent is called b1 now; known agents: a1",)
            client.push(GATED)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            eventually(lambda: "the window 'patch day'" in client.why(run, "Gate")[0].reason, what="the reason")
        daemon.kill()
        daemon.ended()
        made.start_daemon()
        made.agents_are("a1")
        with made.client() as client:
            eventually(lambda: "the window 'patch day'" in client.why(run, "Gate")[0].reason, what="the reason again")
            (agent,) = client.list_agents()
            assert agent.window is not None
            assert (agent.window.name, made.executed()) == ("patch day", [])
            client.remove_window("patch day")
            assert client.wait(run).state == "success"
            (attempt,) = client.get_node(run, "Gate").attempts
            assert (attempt.agent, attempt.state) == ("a1", "success")
