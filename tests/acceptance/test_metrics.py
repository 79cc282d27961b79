"""What daemon and agent tell Prometheus while nodes wait, run and end."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.processes import Cluster, cluster, eventually, free_port

pytestmark = pytest.mark.acceptance
GATES = {
    "id": "gates",
    "params": [{"name": "label", "kind": "string"}],
    "graph": [
        {"op": "Gate", "inputs": {"label": {"param": "label"}}},
        {"op": "Gate", "name": "Fails", "timeout": "5.minutes", "inputs": {"label": {"param": "label"}}},
    ],
}
LABELS = ["a", "b", "c"]
Page = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "cluster") as found:
        yield found


def scraped(port: int) -> Page:
    """Every sample of a page: its value by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def nodes(page: Page, name: str = "accio_nodes") -> dict[str, float]:
    """Nodes by state, without those states in which there are none."""
    return {labels[0]: value for (sample, labels), value in page.items() if sample == name and value}


def test_daemon_and_agent_tell_their_numbers(made: Cluster) -> None:
    """Queue, nodes by state, decisions, commits, dispatches, calls, lag and memo, with the values that they have."""
    daemon_port, agent_port = free_port(), free_port()
    made.start_daemon(f"--metrics=127.0.0.1:{daemon_port}")
    made.start_agent("a1", "--cpus=1", f"--metrics=127.0.0.1:{agent_port}")
    made.agents_are("a1")
    with made.client() as client:
        client.push(GATES)
        sweep = {"workflow": "gates", "params": {"label": {"values": LABELS}}}
        run = client.submit(sweep).run.id
        eventually(lambda: nodes(scraped(daemon_port)).get("running") == 1, what="the first node's beginning")
        page = scraped(daemon_port)
        assert sum(nodes(page).values()) == 2 * len(LABELS)
        assert page["accio_queue_length", ()] == nodes(page)["queued"]
        assert page["accio_active_runs", ()] == page["accio_agents", ()] == 1
        eventually(lambda: nodes(scraped(agent_port), "accio_agent_nodes").get("running") == 1, what="it at the agent")
        for label in LABELS:
            made.open_gate(label)
        assert client.wait(run).state == "success"
        assert client.wait(client.submit(sweep).run.id).state == "success"
        eventually(lambda: scraped(daemon_port)["accio_active_runs", ()] == 0, what="the end")
        page = scraped(daemon_port)
        assert nodes(page) == {}
        assert nodes(page, "accio_ended_nodes_total") == {"success": 4 * len(LABELS)}
        assert page["accio_memo_total", ("hit",)] + page["accio_memo_total", ("miss",)] <= 4 * len(LABELS)
        assert page["accio_memo_total", ("hit",)] >= 2 * len(LABELS)
        assert page["accio_decisions_total", ()] >= 3
        for name in ("commit_seconds", "commit_rows", "dispatch_seconds", "loop_lag_seconds"):
            assert page[f"accio_{name}_count", ()] > 0, name
            assert page[f"accio_{name}_sum", ()] >= 0, name
        assert page["accio_commit_rows_sum", ()] > page["accio_commit_rows_count", ()]
        assert any(name == "accio_rpc_seconds_count" and "Submit" in labels[0] for name, labels in page)
        agent = scraped(agent_port)
        assert nodes(agent, "accio_agent_nodes") == {}
        assert agent["accio_agent_reports_total", ()] == len(made.executed()) // 2
        assert agent["accio_agent_connected", ()] == 1
        assert agent["accio_agent_workers", ()] >= 1
        assert agent["accio_agent_loop_lag_seconds_count", ()] > 0
        eventually(
            lambda: scraped(agent_port)["accio_agent_heartbeat_seconds_count", ()] > 0, what="a heartbeat's answer"
        )
