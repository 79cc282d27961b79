"""Agents in jobs of a real Slurm: they offer what the job was given, and nothing fails when a job ends under them."""

import shlex
import sys

import pytest

from accio_client import Client
from tests.acceptance.processes import Cluster, eventually
from tests.acceptance.slurm import Slurm
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(240)]


def start_agent(slurm: Slurm, made: Cluster, name: str, *more: str) -> str:
    """Submit a job of one processor and 300 MB in which an agent runs; give its id once the agent is connected."""
    agent = [sys.executable, "-m", "accio_agent", "--name", name, "--state-dir", str(made.root / name)]
    agent += ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "3"]
    script = made.root / f"{name}.sh"
    script.write_text(f"#!/bin/sh\nexec {shlex.join(agent)}\n")
    options = ("--ntasks=1", "--mem=300", f"--output={made.root / name}.log")
    job = slurm.submit(script, *options, *more, **made.environment())
    with made.client() as client:
        eventually(
            lambda: any(each.name == name and each.state == "connected" for each in client.list_agents()),
            what=f"the agent of job {job} being connected",
        )
    return job


def begin(made: Cluster, client: Client, label: str) -> str:
    """Submit a run of one node that waits behind a gate; give its id once the node runs."""
    client.push(GATED)
    run = client.submit({"workflow": "gated", "params": {"label": label}}).run.id
    eventually(
        lambda: [line for line in made.executed() if f"Gate {label} begins" in line], what="the node's beginning"
    )
    return run


def ends_well(slurm: Slurm, made: Cluster, client: Client, run: str, label: str) -> list[str]:
    """Return the states of the attempts of a run that another job's agent brings to an end."""
    start_agent(slurm, made, "second")
    made.open_gate(label)
    assert client.wait(run).state == "success"
    return [attempt.state for attempt in client.get_node(run, "Gate").attempts]


def test_a_job_offers_what_it_was_given(slurm: Slurm, made: Cluster) -> None:
    """An agent in a job of one processor and 300 MB offers that, and no more of the host."""
    start_agent(slurm, made, "first")
    with made.client() as client:
        (agent,) = client.list_agents()
    assert (agent.resources.milli_cpus, agent.resources.memory) == (1000, 300 << 20)


def test_an_agent_asks_slurm_when_its_job_ends(slurm: Slurm, made: Cluster) -> None:
    """An agent in a job with a time limit knows when the job ends."""
    start_agent(slurm, made, "first", "--time=10")
    eventually(lambda: "host_ends" in (made.root / "first.log").read_text(), what="the agent's word of the end")


@pytest.mark.parametrize("options", [(), ("--signal=TERM", "--full"), ("--signal=USR1", "--full")])
def test_a_cancelled_job_fails_nothing(slurm: Slurm, made: Cluster, options: tuple[str, ...]) -> None:
    """Slurm signals every process of a job, at a walltime as at scancel: what ran goes elsewhere, and costs nothing."""
    job = start_agent(slurm, made, "first")
    with made.client() as client:
        run = begin(made, client, "g")
        slurm.run("scancel", *options, job)
        eventually(lambda: job not in slurm.jobs(), what="the job's end")
        assert ends_well(slurm, made, client, run, "g") == ["success"]


def test_a_killed_job_fails_nothing(slurm: Slurm, made: Cluster) -> None:
    """SIGKILL to every process of a job: what ran is lost with the agent, or given back by it, but hasn't failed."""
    job = start_agent(slurm, made, "first")
    with made.client() as client:
        run = begin(made, client, "g")
        slurm.run("scancel", "--signal=KILL", "--full", job)
        eventually(lambda: job not in slurm.jobs(), what="the job's end")
        assert ends_well(slurm, made, client, run, "g") in (["success"], ["lost", "success"])
