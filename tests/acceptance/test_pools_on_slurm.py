"""A pool on a real Slurm: jobs come with the work, through frozen and killed controllers, and are given back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from accio_client.views import AllocationView
from tests.acceptance.processes import Cluster, Process, cluster, eventually
from tests.acceptance.slurm import Slurm
from tests.acceptance.sweeps import GATED, table

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(300)]


def serve(slurm: Slurm, made: Cluster, **changes: Any) -> Process:
    """Serve a pool of jobs of one processor."""
    pool: dict[str, Any] = {
        "name": "cpu",
        "provider": "slurm",
        "walltime": "10m",
        "max": 2,
        "keep": "2s",
        "poll": "0.5s",
        "host": {"cpus": 1, "memory": "300MiB"},
        "agent": ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "2"],
    }
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [pool | changes]}))
    return made._start("pool", ["accio_pool", "serve", str(file)], made.environment(**slurm.environment))


def live(client: Client) -> list[str]:
    """Return the states of the allocations that haven't ended."""
    return [each.state for each in client.list_allocations(live=True).allocations]


def learn(client: Client) -> None:
    """Start a host, so that the daemon learns which operators the pool offers."""
    eventually(lambda: client.list_pools().pools, what="the pool being served")
    client.change_pool("cpu", kept=1)
    eventually(lambda: live(client) == ["running"] and client.list_operators(), what="an agent's operators being known")


def begun(made: Cluster, label: str) -> None:
    """Wait until a gated node runs."""
    eventually(lambda: any(f"Gate {label} begins" in line for line in made.executed()), what="the node's beginning")


def test_jobs_come_with_the_work_and_survive_it_all(slurm: Slurm, made: Cluster) -> None:
    """Work runs in jobs that the pool asked for: through a scancel, a frozen controller and the death of the pool's
    process; no job is there twice, and all are given back.
    """
    pool = serve(slurm, made)
    with made.client() as client:
        learn(client)
        client.push(GATED)
        run = client.submit({"workflow": "gated", "params": {"label": "a"}}).run.id
        begun(made, "a")
        (first,) = client.list_allocations(live=True).allocations
        with slurm.frozen():
            pool.kill()
            pool.ended()
            pool = serve(slurm, made)
            eventually(
                lambda: "doesn't tell what it has" in pool.output(), what="the controller's silence being noticed"
            )
        slurm.run("scancel", first.job)
        eventually(lambda: len([line for line in made.executed() if "Gate a begins" in line]) == 2, what="another job")
        made.open_gate("a")
        assert client.wait(run).state == "success"
        client.change_pool("cpu", kept="auto")
        eventually(lambda: live(client) == [], what="all jobs being given back")
        ended = client.list_allocations().allocations
        assert [(each.number, each.state) for each in ended] == [(2, "ended"), (1, "ended")]
    assert slurm.jobs() == []


def test_a_partition_that_is_not_there_is_refused_once(slurm: Slurm, made: Cluster) -> None:
    """What Slurm refuses has failed with its words, and isn't asked for again soon."""
    serve(slurm, made, options={"partition": "nowhere"})
    with made.client() as client:
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("cpu", kept=1)
        eventually(lambda: client.list_pools().pools[0].problem, what="the refusal")
        (failed,) = client.list_allocations().allocations
        assert failed.state == "failed"
        assert "invalid partition" in failed.reason.lower()
        assert client.list_pools().pools[0].state == "backing off"


def begin(client: Client, traces: Path, number: int) -> str:
    """Submit a sweep over noise on traces; it is another one for each number."""
    params = {"uri": str(traces), "epsilon": {"from": 0.0001, "to": 1, "count": 60, "log": True}}
    definition = {"workflow": "geoind_workflow", "seed": number, "repeat": 2, "params": params}
    run: str = client.submit(definition).run.id
    return run


def lasted(allocation: AllocationView) -> float:
    """Return the seconds that a host was there."""
    if allocation.began_at is None or allocation.ended_at is None:
        return 0.0
    return (allocation.ended_at - allocation.began_at).total_seconds()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_sweeps_of_traces_come_through_walltimes_and_deaths(slurm: Slurm, tmp_path: Path) -> None:
    """Sweeps of mobility traces run in jobs of a minute each: through two walltimes, a scancel, a killed controller and
    SIGKILL to daemon and pool their tables equal those of undisturbed runs, and all jobs are given back.
    """
    traces, workflow = tmp_path / "traces", json.loads((ROOT / "examples" / "geoind_workflow.json").read_text())
    make = [sys.executable, "-m", "accio_locapriv.synthetic", str(traces), "--users", "1", "--days", "1"]
    subprocess.run(make, check=True)
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", "5s")
        pool = serve(slurm, made, walltime="1m", agent=["--grace", "2"])
        with made.client() as client:
            learn(client)
            client.push(workflow, default_id="geoind_workflow")
            runs = [begin(client, traces, 0)]
            (first,) = client.list_allocations(live=True).allocations
            slurm.run("scancel", first.job)
            eventually(lambda: len(client.list_allocations().allocations) > 1, what="another job")
            pool.kill()
            slurm.replace_controller()
            assert made.daemon is not None
            made.daemon.kill()
            made.daemon.ended()
            made.start_daemon("--lease", "5s")
            serve(slurm, made, walltime="1m", agent=["--grace", "2"])
            client.change_pool("cpu", kept="auto")
            while sum(lasted(each) > 40 for each in client.list_allocations().allocations) < 2:
                runs.append(begin(client, traces, len(runs)))
                assert client.wait(runs[-1]).state == "success"
            assert [client.wait(run).state for run in runs] == ["success"] * len(runs)
            found = [table(client, run) for run in runs]
            eventually(lambda: live(client) == [], what="all jobs being given back")
            states = {each.state for each in client.list_allocations().allocations}
            assert states == {"ended"}, client.list_allocations().allocations
        assert slurm.jobs() == []
    with cluster(tmp_path / "calm") as calm:
        calm.start_daemon()
        calm._start("agent", ["accio_agent", "--name", "a1", "--cpus", "2"], calm.environment())
        calm.agents_are("a1")
        with calm.client() as client:
            client.push(workflow, default_id="geoind_workflow")
            calm_runs = [begin(client, traces, number) for number in range(len(runs))]
            assert [client.wait(run).state for run in calm_runs] == ["success"] * len(runs)
            assert [table(client, run) for run in calm_runs] == found
