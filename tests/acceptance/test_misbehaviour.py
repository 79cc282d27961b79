"""Operators that end badly: each node fails with the right cause, alone, and leaves no process behind."""

import signal
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from accio_client.views import FailureView
from tests.acceptance.processes import Cluster, cluster, eventually, sizes

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

# Operator, its inputs, the cause, what the failure says besides.
BAD: tuple[tuple[str, dict[str, Any], str, dict[str, Any]], ...] = (
    ("Raises", {"message": "boom"}, "exception", {"exception": "ValueError", "stderr_tail": "last words\n"}),
    ("Segfault", {}, "signal", {"signal": signal.SIGSEGV}),
    ("Exits", {"code": 3}, "exit code", {"exit_code": 3}),
    ("Killed", {"number": 9}, "signal", {"signal": signal.SIGKILL}),
    ("Killed", {"number": 15}, "signal", {"signal": signal.SIGTERM}),
    ("Greedy", {}, "out of memory", {}),
    ("Slow", {}, "time-out", {}),
    ("WrongType", {}, "bad output", {}),
    ("Nothing", {}, "bad output", {}),
)


def _begin(made: Cluster) -> None:
    made.start_daemon()
    made.start_agent("a1", operators=["tests.acceptance.bad_operators"])
    made.agents_are("a1")


def _submit(client: Client, operator: str, inputs: dict[str, Any]) -> str:
    name = f"only{operator}"
    node = {"op": operator, "inputs": {port: {"value": value} for port, value in inputs.items()}}
    client.push({"id": name, "graph": [node]})
    return client.submit({"workflow": name}).run.id


def _failure(client: Client, run: str, operator: str) -> FailureView:
    assert client.wait(run, patience=90).state == "failed"
    failure = client.get_node(run, operator).node.failure
    assert failure is not None
    return failure


def test_each_bad_end_has_its_cause(tmp_path: Path) -> None:
    """All kinds of bad ends at once: each has its cause and details, a good node beside them succeeds."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        with made.client() as client:
            runs = [_submit(client, operator, inputs) for operator, inputs, _, _ in BAD]
            good = _submit(client, "Well", {"x": 4})
            for run, (operator, _, cause, details) in zip(runs, BAD, strict=True):
                failure = _failure(client, run, operator)
                found = {name: getattr(failure, name) for name in details}
                assert (operator, failure.cause, found) == (operator, cause, details)
                assert failure.message
            assert client.wait(good).state == "success"
            assert client.cluster_state().running_nodes == 0
            [agent] = client.list_agents()
            assert (agent.state, agent.running) == ("connected", 0)


def test_a_time_out_leaves_no_process(tmp_path: Path) -> None:
    """What ran too long is gone with what it started, though it ignores SIGTERM."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        idle = len(made.survivors())
        with made.client() as client:
            run = _submit(client, "Slow", {})
            assert _failure(client, run, "Slow").cause == "time-out"
            eventually(lambda: len(made.survivors()) <= idle + 1, what="the end of its processes")


def test_output_is_kept_within_bounds(tmp_path: Path) -> None:
    """Of 100 MB of output the log's limit is kept, with a note; strange bytes and long lines harm nothing."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        with made.client() as client:
            strange = _submit(client, "Strange", {})
            talks = _submit(client, "Talks", {"mib": 100})
            assert client.wait(strange).state == "success"
            assert client.wait(talks, patience=90).state == "success"
            assert any(set(line.text) == {"y"} for line in client.logs(strange))
            lines = list(client.logs(talks))
            assert [line.text for line in lines if line.is_note], "a note says that something was left out"
            assert 32 << 20 < sum(len(line.text) + 1 for line in lines) <= 65 << 20
        kept = sum(sizes(made.root / "a1").values())
        assert kept < 80 << 20
