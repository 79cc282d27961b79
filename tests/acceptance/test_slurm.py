"""Agents in jobs of a real Slurm: they offer what the job was given, and nothing fails when a job ends under them."""

import pytest

from tests.acceptance.batch_jobs import begin, ends_well, start_agent
from tests.acceptance.processes import Cluster, eventually
from tests.acceptance.slurm import Slurm

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(240)]


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
        slurm.cancel(*options, job)
        eventually(lambda: job not in slurm.jobs(), what="the job's end")
        assert ends_well(slurm, made, client, run, "g") == ["success"]


def test_a_killed_job_fails_nothing(slurm: Slurm, made: Cluster) -> None:
    """SIGKILL to every process of a job: what ran is lost with the agent, or given back by it, but hasn't failed."""
    job = start_agent(slurm, made, "first")
    with made.client() as client:
        run = begin(made, client, "g")
        slurm.cancel("--signal=KILL", "--full", job)
        eventually(lambda: job not in slurm.jobs(), what="the job's end")
        assert ends_well(slurm, made, client, run, "g") in (["success"], ["lost", "success"])
