"""A daemon killed at random instants and at each boundary of a commit: the sweep completes with the same table."""

import contextlib
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from accio.errors import Unavailable
from accio_client import Client
from accio_daemon.engine.crash_points import ENVIRONMENT, POINTS
from tests.acceptance.processes import Cluster, Process, cluster, eventually

pytestmark = pytest.mark.acceptance

WORKFLOW = {
    "id": "three",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [
        {"op": "Square", "inputs": {"x": {"param": "x"}}},
        {"op": "Noise", "inputs": {"x": {"param": "x"}}},
        {"op": "Total", "inputs": {"square": {"reference": "Square/value"}, "noise": {"reference": "Noise/value"}}},
    ],
}
CHILDREN = 300
SWEEP = {"workflow": "three", "seed": 7, "params": {"x": {"from": 1, "to": CHILDREN, "step": 1}}}


def _table(client: Client, run: str) -> list[tuple[str, str]]:
    table = client.table([run], artifacts="ALL").to_arrow()
    names = [name for name in table.column_names if name != "run"]
    return sorted(tuple(repr(row[name]) for name in names) for row in table.to_pylist())  # type: ignore[misc]  # pyarrow has no types


def _undisturbed(root: Path) -> list[tuple[str, str]]:
    with cluster(root) as calm:
        calm.start_daemon()
        calm.start_agent()
        calm.agents_are("a1")
        with calm.client() as client:
            client.push(WORKFLOW)
            run = client.submit(SWEEP).run.id
            assert client.wait(run).state == "success"
            return _table(client, run)


def _ended(made: Cluster, run: str) -> bool:
    try:
        with made.client() as client:
            return client.get_run(run, nodes=False).run.ended_at is not None
    except Unavailable:
        return False


def _check_outcome(made: Cluster, run: str, calm: list[tuple[str, str]]) -> None:
    with made.client() as client:
        assert client.wait(run, patience=90).state == "success"
        assert _table(client, run) == calm
    executions = Counter(line.split()[0] for line in made.executed())
    assert len(executions) == 3 * CHILDREN, "each node was executed"
    # The agent survives every kill and hands its reports over: nothing has to be done twice.
    assert {node: n for node, n in executions.items() if n > 1} == {}


@pytest.mark.timeout(300)
def test_twenty_random_kills(tmp_path: Path) -> None:
    """Twenty kills at random instants lose nothing, repeat nothing, and change no result."""
    calm = _undisturbed(tmp_path / "calm")
    rng = random.Random(20261122)  # noqa: S311 - the instants need no secrecy, but must be repeatable
    with cluster(tmp_path / "killed") as made:
        made.start_daemon()
        made.start_agent()
        made.agents_are("a1")
        with made.client() as client:
            client.push(WORKFLOW)
            run = client.submit(SWEEP).run.id
        for _ in range(20):
            assert made.daemon is not None
            pause = rng.uniform(0.0, 0.15)
            with contextlib.suppress(subprocess.TimeoutExpired):  # the time-out of the wait is the pause
                made.daemon.ended(patience=pause)
            made.daemon.kill(signal.SIGKILL)
            made.daemon.ended()
            made.start_daemon()
        eventually(lambda: _ended(made, run), what="the sweep's end")
        _check_outcome(made, run, calm)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("nth", [1, 4, 12])
@pytest.mark.parametrize("point", POINTS)
def test_crash_at_each_boundary(tmp_path: Path, point: str, nth: int) -> None:
    """A crash at any boundary of a commit loses nothing acknowledged, and a repeated call creates nothing twice."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent()
        made.agents_are("a1")
        with made.client() as client:
            client.push(WORKFLOW)
        assert made.daemon is not None
        made.daemon.kill(signal.SIGTERM)
        made.daemon.ended()
        doomed = made.start_daemon(wait=False, **{ENVIRONMENT: f"{point}:{nth}"})
        run = _submit_until_answered(made, doomed)
        eventually(lambda: _alive(made) and _ended(made, run), what="the sweep's end")
        with made.client() as client:
            assert client.get_run(run, nodes=False).run.state == "success"
            assert [found.id for found in client.list_runs().runs] == [run]
        executions = Counter(line.split()[0] for line in made.executed())
        assert len(executions) == 3 * CHILDREN
        assert {node: n for node, n in executions.items() if n > 1} == {}


def _alive(made: Cluster) -> bool:
    """Whether the daemon runs; one that crashed since is started again."""
    assert made.daemon is not None
    if made.daemon.popen.poll() is not None:
        made.start_daemon()
    return True


def _submit_until_answered(made: Cluster, doomed: Process) -> str:
    """Submit under one key until the call is answered, starting the daemon again when it has died."""
    while True:
        try:
            with made.client() as client:
                return client.submit(SWEEP, idempotency_key="the-one").run.id
        except Unavailable:
            if doomed.popen.poll() is not None:
                doomed = made.start_daemon()
