"""Agents and workers are killed, frozen, restarted and drained: every node ends once, and nothing is left over."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from accio_client import Client
from tests.acceptance.processes import Cluster, cluster, eventually
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

# The silence after which the daemon of these tests takes an agent for lost: long enough for a machine that stands still
# at times. Where nothing is to be lost, it takes so long that nothing is.
LEASE = "5s"
LONG_LEASE = "60s"


def _begin(made: Cluster, client: Client, label: str) -> str:
    """Submit a run whose only node waits behind a gate; give its id once the node runs."""
    client.push(GATED)
    run = client.submit({"workflow": "gated", "params": {"label": label}}).run.id
    eventually(
        lambda: [line for line in made.executed() if f"Gate {label} begins" in line], what="the node's beginning"
    )
    return run


def _attempts(client: Client, run: str, node: str = "Gate") -> list[tuple[str, str]]:
    return [(attempt.agent, attempt.state) for attempt in client.get_node(run, node).attempts]


def test_nothing_outlives_a_killed_agent(tmp_path: Path) -> None:
    """Soon after an agent's SIGKILL none of its workers lives, nor what they started in sessions of their own."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", LEASE)
        agent = made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            client.push({"id": "daemonize", "graph": [{"op": "Daemonize"}]})
            client.submit({"workflow": "daemonize"})
            eventually(lambda: any("grandchild" in line for line in made.executed()), what="the grandchild")
            assert made.survivors()
            agent.kill()
            agent.ended()
            eventually(lambda: not made.survivors(), patience=90, what="the end of every process of the agent")


def test_a_killed_agents_node_goes_to_another_one(tmp_path: Path) -> None:
    """What ran on a killed agent is executed by another one after the lease, and both attempts are shown."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", LEASE)
        agent = made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            run = _begin(made, client, "g")
            agent.kill()
            made.start_agent("a2")
            made.open_gate("g")
            assert client.wait(run).state == "success"
            assert _attempts(client, run) == [("a1", "lost"), ("a2", "success")]
            node = client.get_node(run, "Gate").node
            assert (node.agent, node.state) == ("a2", "success")


def test_a_frozen_agents_late_report_changes_nothing(tmp_path: Path) -> None:
    """An agent that was frozen beyond its lease comes back: its orphaned work is stopped or its report ignored."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", LEASE)
        agent = made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            run = _begin(made, client, "g")
            agent.kill(signal.SIGSTOP)
            made.start_agent("a2")
            made.open_gate("g")
            assert client.wait(run).state == "success"
            agent.kill(signal.SIGCONT)
            made.agents_are("a1", "a2")
            assert _attempts(client, run) == [("a1", "lost"), ("a2", "success")]
            eventually(lambda: client.cluster_state().running_nodes == 0, what="a free ledger")


def test_a_restarted_agent_says_what_died_with_it(tmp_path: Path) -> None:
    """An agent that is started again on its folder tells that its work is gone: no lease has to run out."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", LONG_LEASE)
        agent = made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            run = _begin(made, client, "g")
            agent.kill()
            agent.ended()
            made.start_agent("a1")
            made.open_gate("g")
            assert client.wait(run).state == "success"
            assert _attempts(client, run) == [("a1", "lost"), ("a1", "success")]


def test_a_daemon_that_is_down_interrupts_nothing(tmp_path: Path) -> None:
    """A node that ends while the daemon is down is handed over afterwards, and isn't executed again."""
    with cluster(tmp_path / "made") as made:
        daemon = made.start_daemon("--lease", LONG_LEASE)
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            run = _begin(made, client, "g")
        daemon.kill()
        daemon.ended()
        made.open_gate("g")
        eventually(lambda: any("Gate g ends" in line for line in made.executed()), what="the node's end")
        made.start_daemon("--lease", LONG_LEASE)
        with made.client() as client:
            assert client.wait(run).state == "success"
            assert _attempts(client, run) == [("a1", "success")]
        assert Counter(line.split(maxsplit=3)[3] for line in made.executed()) == {"Gate g begins": 1, "Gate g ends": 1}


def test_a_killed_worker_fails_its_node_alone(tmp_path: Path) -> None:
    """A worker's death by a signal is its node's failure, with the cause; the other worker's node goes on."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            doomed, other = _begin(made, client, "doomed"), _begin(made, client, "other")
            worker = next(int(line.split()[2]) for line in made.executed() if "Gate doomed begins" in line)
            os.kill(worker, signal.SIGKILL)
            assert client.wait(doomed).state == "failed"
            failure = client.get_node(doomed, "Gate").node.failure
            assert failure is not None
            assert (failure.cause, failure.signal) == ("signal", signal.SIGKILL)
            made.open_gate("other")
            assert client.wait(other).state == "success"


def test_a_terminated_agent_gives_its_nodes_back(tmp_path: Path) -> None:
    """SIGTERM drains: what doesn't end within the grace period returns to the queue and counts as no loss."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", LONG_LEASE)
        agent = made.start_agent("a1", "--cpus", "2", "--grace", "0.5")
        made.agents_are("a1")
        with made.client() as client:
            run = _begin(made, client, "g")
            agent.kill(signal.SIGTERM)
            assert agent.ended() == 0
            made.start_agent("a2")
            made.open_gate("g")
            assert client.wait(run).state == "success"
            assert [entry for entry in _attempts(client, run) if entry[1] == "lost"] == []


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """A daemon on a folder that another one uses ends at once, and names that one."""
    with cluster(tmp_path / "made") as made:
        first = made.start_daemon()
        second = made.start_daemon(wait=False)
        assert second.ended() != 0
        assert str(first.popen.pid) in second.output()
        assert "Traceback" not in second.output()
        with made.client() as client:
            assert client.list_runs().runs == ()
