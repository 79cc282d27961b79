"""What pools are for, on each engine that can be had: sweeps of mobility traces, submitted where no agent is, run on
hosts that come with them, through whatever happens to hosts, engines, daemon and pool; and all is given back.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from accio_client.views import AllocationView
from tests.acceptance.engines import LEASE, Engine
from tests.acceptance.machines import Machines, reached_by_ssh
from tests.acceptance.processes import Cluster, Process, cluster, eventually
from tests.acceptance.sweeps import GATED, table

WORKFLOW = Path(__file__).resolve().parents[2] / "examples" / "geoind_workflow.json"

LONG = 300.0
"""Seconds in which one host or the other comes to its end, although some may be asked for while nobody answers."""

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass(frozen=True, kw_only=True)
class Site:
    """An engine, and what can happen to it."""

    pool: Mapping[str, Any]
    environment: Mapping[str, str]
    frozen: Callable[[], AbstractContextManager[None]]
    replace: Callable[[], None]
    """Kills what answers for it, and starts it again."""
    cancel: Callable[[str], object]
    """Ends a job as its user would."""
    left: Callable[[], Sequence[str]]
    """Returns what hasn't ended."""


@pytest.fixture(params=["slurm", "grid_engine", "pbs", "ssh"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    if request.param == "ssh":
        return by_ssh(request.getfixturevalue("machines"))
    engine: Engine = request.getfixturevalue(request.param)
    return Site(
        pool={**engine.pool, "walltime": engine.shortest},
        environment=engine.environment,
        frozen=engine.frozen,
        replace=engine.replace_controller,
        cancel=engine.cancel,
        left=engine.jobs,
    )


@pytest.fixture
def machines(tmp_path: Path) -> Any:
    with reached_by_ssh(tmp_path / "ssh", "lab1", "lab2") as made:
        yield made


def by_ssh(machines: Machines) -> Site:
    """Return two machines as a site; its jobs are processes."""

    def cancel(job: str) -> None:
        host, _, pid = job.partition(":")
        machines.run(host, "kill", "-TERM", pid)

    return Site(
        pool={"provider": "ssh", "hosts": ["lab1", "lab2"], "walltime": "40s", "directives": machines.options},
        environment={},
        frozen=machines.frozen,
        replace=machines.restart_sshd,
        cancel=cancel,
        left=lambda: [*machines.processes("lab1"), *machines.processes("lab2")],
    )


def serve(site: Site, made: Cluster) -> Process:
    """Serve a pool of two hosts of one processor."""
    pool: dict[str, Any] = {
        "host": {"cpus": 1},
        **site.pool,
        "name": "lab",
        "max": 2,
        "keep": "2s",
        "poll": "0.5s",
        "agent": ["--operators", "tests.acceptance.ledger_operators", "--grace", "2"],
    }
    if pool["provider"] == "ssh":  # agents get the test's environment, as no login of theirs would
        own = ("ACCIO_", "PYTHONPATH")
        pool["before"] = [f"export {key}='{it}'" for key, it in made.environment().items() if key.startswith(own)]
        pool["folder"] = str(made.root / "out")
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [pool]}))
    return made._start("pool", ["accio_pool", "serve", str(file)], made.environment(**site.environment))


def live(client: Client) -> list[str]:
    """Return the states of the allocations that haven't ended."""
    return [each.state for each in client.list_allocations(live=True).allocations]


def learn(client: Client) -> None:
    """Wait until the daemon has learnt which operators the pool offers, and until no agent is there any more."""
    eventually(lambda: client.list_pools().pools, what="the pool being served")
    client.change_pool("lab", kept=1)
    eventually(client.list_operators, what="an agent's operators being known")
    client.change_pool("lab", kept="auto")
    eventually(lambda: live(client) == [], what="the host being given back")


def begin(client: Client, traces: Path, number: int) -> str:
    """Submit a sweep over noise on traces; it is another one for each number."""
    params = {"uri": str(traces), "epsilon": {"from": 0.0001, "to": 1, "count": 40, "log": True}}
    definition = {"workflow": "geoind_workflow", "seed": number, "repeat": 2, "params": params}
    run: str = client.submit(definition).run.id
    return run


def has_got_further(client: Client, run: str) -> None:
    """Wait until more of a run is done, or nobody is there to do it."""
    before = client.get_run(run).run.progress
    eventually(
        lambda: (
            client.get_run(run).run.progress > before
            or client.get_run(run).run.state == "success"
            or not any(agent.state == "connected" for agent in client.list_agents())
        ),
        what="more being done",
    )


def is_cut_off(client: Client, run: str) -> bool:
    """Return whether the end of a host's time has cut off an attempt of a gated node."""
    attempts = client.get_node(run, "Gate").attempts
    return any(each.failure is not None and each.failure.cause == "walltime" for each in attempts)


def test_sweeps_come_through_walltimes_and_deaths(site: Site, tmp_path: Path) -> None:
    """Through two walltimes, a cancelled host, a frozen and a killed controller, and SIGKILL to daemon and pool the
    tables equal those of undisturbed runs, and all hosts are given back.
    """
    traces, workflow = tmp_path / "traces", json.loads(WORKFLOW.read_text())
    make = [sys.executable, "-m", "accio_locapriv.synthetic", str(traces), "--users", "1", "--days", "1"]
    subprocess.run(make, check=True)
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", LEASE)
        pool = serve(site, made)
        with made.client() as client:
            learn(client)
            client.push(workflow, default_id="geoind_workflow")
            client.push(GATED)
            runs = [begin(client, traces, 0)]
            cancel_a_host(site, client, runs[0])
            with site.frozen():
                pool.kill()
                pool.ended()
                pool = serve(site, made)
                has_got_further(client, runs[0])
            site.replace()
            kill_both(made, pool)
            serve(site, made)
            gated = [client.submit({"workflow": "gated", "params": {"label": each}}).run.id for each in "ab"]
            runs.append(begin(client, traces, 1))
            for label, run in zip("ab", gated, strict=True):
                eventually(partial(is_cut_off, client, run), patience=LONG, what=f"the walltime of the host of {label}")
                made.open_gate(label)
            assert [client.wait(run).state for run in (*gated, *runs)] == ["success"] * 4
            found = [table(client, run) for run in runs]
            eventually(lambda: live(client) == [], what="all hosts being given back")
        eventually(lambda: not site.left(), what="the engine having nothing left")
    assert found == undisturbed(tmp_path / "calm", traces, workflow, len(runs))


def cancel_a_host(site: Site, client: Client, run: str) -> None:
    """End a host that works, and wait for another one, unless all of the run is done."""
    (first, *_) = eventually(lambda: working(client), what="a host")
    site.cancel(first.job)
    eventually(
        lambda: (
            any(each.number != first.number for each in working(client)) or client.get_run(run).run.state == "success"
        ),
        what="another host",
    )


def working(client: Client) -> list[AllocationView]:
    """Return the allocations whose agents are there, and which the engine has told of."""
    return [each for each in client.list_allocations(live=True).allocations if each.state == "running" and each.job]


def kill_both(made: Cluster, pool: Process) -> None:
    """Kill daemon and pool, and start the daemon again."""
    assert made.daemon is not None
    for process in (pool, made.daemon):
        process.kill()
        process.ended()
    made.start_daemon("--lease", LEASE)


def undisturbed(root: Path, traces: Path, workflow: Mapping[str, Any], count: int) -> list[list[tuple[str, ...]]]:
    """Return the tables of the same sweeps, run by an agent to which nothing happens."""
    with cluster(root) as calm:
        calm.start_daemon()
        calm._start("agent", ["accio_agent", "--name", "a1", "--cpus", "2"], calm.environment())
        calm.agents_are("a1")
        with calm.client() as client:
            client.push(workflow, default_id="geoind_workflow")
            runs = [begin(client, traces, number) for number in range(count)]
            assert [client.wait(run).state for run in runs] == ["success"] * count
            return [table(client, run) for run in runs]
