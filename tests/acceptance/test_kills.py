"""Kills that were acknowledged hold, whatever state their nodes are in, and whatever becomes of daemon and agent."""

import signal
from pathlib import Path

import pytest

from tests.acceptance.processes import cluster, eventually
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def test_an_acknowledged_kill_outlives_everything(tmp_path: Path) -> None:
    """A node runs on a frozen agent, another is queued: both are killed, over the daemon's death; the process ends."""
    with cluster(tmp_path / "made") as made:
        daemon = made.start_daemon()
        agent = made.start_agent("a1", "--cpus", "1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
            running = client.submit({"workflow": "gated", "params": {"label": "running"}}).run.id
            eventually(lambda: any("running begins" in line for line in made.executed()), what="the node's beginning")
            queued = client.submit({"workflow": "gated", "params": {"label": "queued"}}).run.id
            worker = int(made.executed()[0].split()[2])
            agent.kill(signal.SIGSTOP)
            assert [each.changed for each in client.kill([running, queued])] == [True, True]
            daemon.kill()
            daemon.ended()
        made.start_daemon()
        with made.client() as client:
            assert [client.get_run(run).run.state for run in (running, queued)] == ["killed", "killed"]
            assert Path(f"/proc/{worker}").exists(), "nobody could tell the agent"
            agent.kill(signal.SIGCONT)
            eventually(lambda: not Path(f"/proc/{worker}").exists(), what="the end of the worker")
            made.open_gate("queued")
            other = client.submit({"workflow": "gated", "params": {"label": "queued"}}).run.id
            assert client.wait(other).state == "success", "nothing is reserved any more"
            assert [each.changed for each in client.kill([running, other])] == [False, False]
            assert [client.get_run(run).run.state for run in (running, queued)] == ["killed", "killed"]
        assert not any("running ends" in line for line in made.executed())
