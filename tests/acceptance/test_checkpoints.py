"""Nodes that save checkpoints go on from them: after failures, kills, lost and drained agents, ends of hosts."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from tests.acceptance.processes import Cluster, cluster, eventually, hiding

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

OPERATORS = ("tests.acceptance.saving_operators", str(Path(__file__).with_name("saving_program.json")))


def _training(how: str, *, retries: int = 0) -> dict[str, Any]:
    inputs = {"steps": 5, "stop": 3, "how": how}
    return {"id": f"train-{how}", "graph": [{"op": "Train", "retries": retries, "inputs": inputs}]}


def _submit(client: Client, how: str, *, retries: int = 0) -> str:
    client.push(_training(how, retries=retries))
    return client.submit({"workflow": f"train-{how}"}).run.id


def _began(made: Cluster) -> list[str]:
    """Return where each execution began."""
    return [line.split(" ", 3)[3] for line in made.executed() if " from " in line]


RESUMED = ["from 0 of attempt 0", "from 3 of attempt 1"]


@pytest.mark.parametrize("how", ["fail", "die"])
def test_a_retried_node_goes_on_from_what_it_saved(tmp_path: Path, how: str) -> None:
    """A failed or killed attempt leaves what it saved, and only that; success removes it, for `gc` to free."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent("a1", operators=OPERATORS)
        made.agents_are("a1")
        with made.client() as client:
            run = _submit(client, how, retries=1)
            assert client.wait(run).state == "success"
            assert _began(made) == RESUMED
            assert client.get_node(run, "Train").checkpoint is None
            assert client.collect_garbage().freed
            assert client.get_node(run, "Train").artifacts[0].value == 5


def test_a_node_that_failed_for_good_goes_on_when_somebody_retries_it(tmp_path: Path) -> None:
    """Restarts and `gc` in between take nothing away; `describe node` tells of it."""
    with cluster(tmp_path / "made") as made:
        daemon = made.start_daemon()
        made.start_agent("a1", operators=OPERATORS)
        made.agents_are("a1")
        with made.client() as client:
            run = _submit(client, "fail")
            assert client.wait(run).state == "failed"
            saved = client.get_node(run, "Train").checkpoint
            assert saved is not None
            assert (saved.attempt, saved.size) == (1, 1)
            client.collect_garbage()
        daemon.kill()
        daemon.ended()
        made.start_daemon()
        made.agents_are("a1")
        with made.client() as client:
            assert client.retry(run)
            assert client.wait(run).state == "success"
            assert _began(made) == RESUMED


@pytest.mark.parametrize("way", ["lost", "drained", "walltime"])
@pytest.mark.parametrize(
    "hidden",
    [
        False,
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                os.geteuid() != 0 or shutil.which("unshare") is None, reason="hiding the store needs root and unshare"
            ),
        ),
    ],
)
def test_another_agent_goes_on_from_what_was_saved(tmp_path: Path, way: str, hidden: bool) -> None:
    """Whether an agent is lost, drained or at the end of its time, and whether the agents see one store or not."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", "5s")
        before = hiding(made.data / "store") if hidden else []
        # Long enough for three steps beside others' work; the walltime test waits for its end.
        options = ("--until", "30s", "--grace", "0") if way == "walltime" else ("--grace", "0")
        first = made.start_agent("a1", "--cpus", "1", *options, operators=OPERATORS, before=before)
        made.agents_are("a1")
        with made.client() as client:
            run = _submit(client, "wait")
            eventually(lambda: any("waits" in line for line in made.executed()), what="the pause after three steps")
            eventually(lambda: client.get_node(run, "Train").checkpoint, what="the checkpoint at the daemon")
            made.start_agent("a2", "--cpus", "1", operators=OPERATORS, before=before)
            if way == "lost":
                first.kill()
            elif way == "drained":
                first.kill(signal.SIGTERM)
            assert client.wait(run).state == "success"
            assert _began(made) == RESUMED
            assert client.get_node(run, "Train").node.agent == "a2"


def test_a_program_saves_by_making_a_file(tmp_path: Path) -> None:
    """A program finds what it had when it made `$ACCIO_CHECKPOINT.save`, and nothing that it wrote afterwards."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent("a1", operators=OPERATORS)
        made.agents_are("a1")
        with made.client() as client:
            client.push({"id": "count", "graph": [{"op": "Count", "retries": 1, "inputs": {"to": 9}}]})
            run = client.submit({"workflow": "count"}).run.id
            assert client.wait(run).state == "success"
            node = client.get_node(run, "Count")
            assert node.artifacts[0].value == 7
            assert [each.state for each in node.attempts] == ["failed", "success"]
