"""A pool on a real Slurm: jobs come with the work, through frozen and killed controllers, and are given back."""

import json
import subprocess
import sys

import pytest

from accio_client import Client
from accio_client.views import AllocationView
from tests.acceptance.pools import serve
from tests.acceptance.processes import Cluster, eventually
from tests.acceptance.slurm import Slurm
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(300)]


def live(client: Client) -> list[str]:
    """Return the states of the allocations that haven't ended."""
    return [each.state for each in client.list_allocations(live=True).allocations]


def told_of(client: Client) -> list[AllocationView]:
    """Return the allocations whose jobs' numbers are known."""
    return [each for each in client.list_allocations(live=True).allocations if each.job]


def four(client: Client) -> list[AllocationView]:
    """Return four allocations, once their jobs' numbers are known."""
    found = told_of(client)
    return found if len(found) == 4 else []


def with_agents(client: Client) -> list[AllocationView]:
    """Return the allocations of arrays that have agents."""
    return [each for each in told_of(client) if each.agent and "_" in each.job]


def cluster_of(slurm: Slurm) -> str:
    """Return what names of allocations begin with, as Slurm's list has it."""
    return slurm.run("squeue", "--noheader", "--format=%j").splitlines()[0].split("-")[1]


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
        # Its agent may say that it runs before Slurm's list tells by which number.
        (first,) = eventually(lambda: told_of(client), what="the job's number")
        with slurm.frozen():
            pool.kill()
            pool.ended()
            pool = serve(slurm, made)
            eventually(
                lambda: "doesn't tell what it has" in pool.output(), what="the controller's silence being noticed"
            )
        slurm.cancel(first.job)
        eventually(lambda: len([line for line in made.executed() if "Gate a begins" in line]) == 2, what="another job")
        made.open_gate("a")
        assert client.wait(run).state == "success"
        client.change_pool("cpu", kept="auto")
        eventually(lambda: live(client) == [], what="all jobs being given back")
        ended = client.list_allocations().allocations
        assert [(each.number, each.state) for each in ended] == [(2, "ended"), (1, "ended")]
    eventually(lambda: slurm.jobs() == [], what="Slurm having no job left")


@pytest.mark.parametrize(("partition", "code", "said"), [("", 0, "to start at"), ("nowhere", 3, "would refuse it")])
def test_a_dry_run_asks_the_controller(slurm: Slurm, made: Cluster, partition: str, code: int, said: str) -> None:
    """`pool check -engine` prints what Slurm would say, and no job is there afterwards."""
    pool = {**slurm.pool, "name": "cpu", "max": 2} | ({"options": {"partition": partition}} if partition else {})
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [pool]}))
    command = [sys.executable, "-m", "accio_pool", "check", str(file), "-engine"]
    environment = made.environment(**slurm.environment)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout + done.stderr
    assert slurm.jobs() == []


def test_a_jobs_token_is_nobody_elses(slurm: Slurm, made: Cluster) -> None:
    """With a pool's token, which is no agent's, jobs get tokens of their own: in files for their owner alone, which go
    with them. What Slurm tells of a job has neither.
    """
    with made.client() as client:
        own = client.create_token("pool").secret
        serve(slurm, made, own, folder=str(made.root / "jobs"))
        learn(client)
        (job,) = eventually(lambda: [each for each in told_of(client) if each.agent], what="the job's agent")
        (file,) = (made.root / "jobs").glob("*.token")
        assert file.stat().st_mode & 0o777 == 0o600
        shown = slurm.run("scontrol", "show", "job", job.job) + slurm.run(
            "scontrol", "write", "batch_script", job.job, "-"
        )
        assert "accio_agent" in shown
        assert own not in shown
        assert file.read_text().strip() not in shown
        assert [each.name for each in client.list_tokens() if each.allocation == job.number] == [job.agent]
        client.change_pool("cpu", kept="auto")
        eventually(lambda: live(client) == [], what="the job being given back")
        eventually(lambda: not file.exists(), what="its token's file being deleted")
        eventually(lambda: [each for each in client.list_tokens() if each.allocation] == [], what="the token's end")


def test_hosts_that_are_asked_for_together_are_one_array(slurm: Slurm, made: Cluster) -> None:
    """As many at once as this Slurm takes (three), by one submission; its jobs are told, and ended, one by one."""
    pool = serve(slurm, made, max=4, pending=4, folder=str(made.root / "jobs"))
    with made.client() as client:
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("cpu", kept=4)
        jobs = [each.job for each in eventually(lambda: four(client), what="four jobs")]
        (array,) = {job.partition("_")[0] for job in jobs if "_" in job}
        assert sorted(job for job in jobs if "_" in job) == [f"{array}_{place}" for place in range(3)]
        assert len([line for line in pool.output().splitlines() if '"submitted"' in line]) == 2
        eventually(lambda: with_agents(client), what="an agent in the array")
        first = with_agents(client)[0]
        assert (made.root / "jobs").joinpath(f"accio-{cluster_of(slurm)}-cpu-{first.number}.log").stat().st_size
        slurm.cancel(first.job)
        eventually(lambda: first.number not in [each.number for each in told_of(client)], what="that job's end")
        eventually(lambda: four(client), what="another one in its place")
        client.change_pool("cpu", kept="auto")
        eventually(lambda: live(client) == [], what="all jobs being given back")
    eventually(lambda: slurm.jobs() == [], what="Slurm having no job left")


def test_a_partition_that_is_not_there_is_refused_once(slurm: Slurm, made: Cluster) -> None:
    """What Slurm refuses has failed with its words, and isn't asked for again soon."""
    serve(slurm, made, options={"partition": "nowhere"})
    with made.client() as client:
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("cpu", kept=1)
        eventually(lambda: client.list_pools().pools[0].problem, what="the refusal")
        # Pools are told as the engine knows them; allocations as they are stored, which may be a commit later.
        eventually(lambda: client.list_allocations().allocations[-1].state == "failed", what="the refusal being stored")
        eventually(lambda: client.list_pools().pools[0].state == "backing off", what="the pool backing off")
        allocations = client.list_allocations().allocations
        assert "invalid partition" in allocations[-1].reason.lower()
        assert len(allocations) <= 2, "five seconds pass before a second one"
