"""Agents in jobs of a real Grid Engine: they offer what the job was given, and nothing fails when a job ends under
them.
"""

import os

import pytest

from tests.acceptance.batch_jobs import begin, ends_well, start_agent
from tests.acceptance.gridengine import LocalGridEngine
from tests.acceptance.processes import Cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(240)]


def test_a_job_offers_its_slots(grid_engine: LocalGridEngine, made: Cluster) -> None:
    """An agent in a job of some slots, and of a limit of memory, offers these."""
    slots = min(2, os.cpu_count() or 1)
    start_agent(grid_engine, made, "first", "-pe", "smp", str(slots), "-l", "h_vmem=2G")
    with made.client() as client:
        (agent,) = client.list_agents()
    assert agent.resources.milli_cpus == 1000 * slots
    assert agent.resources.memory <= slots * (2 << 30)


def test_a_job_that_is_warned_fails_nothing(grid_engine: LocalGridEngine, made: Cluster) -> None:
    """`-notify` warns by SIGUSR2: the agent gives back what runs and leaves, which costs nothing."""
    job = start_agent(grid_engine, made, "first", "-notify")
    with made.client() as client:
        run = begin(made, client, "g")
        grid_engine.cancel(job)
        eventually(lambda: job not in grid_engine.jobs(), what="the job's end")
        assert ends_well(grid_engine, made, client, run, "g") == ["success"]


def test_a_killed_job_fails_nothing(grid_engine: LocalGridEngine, made: Cluster) -> None:
    """Without a warning, SIGKILL comes at once: what ran is lost with the agent, but hasn't failed."""
    job = start_agent(grid_engine, made, "first")
    with made.client() as client:
        run = begin(made, client, "g")
        killed = set(made.survivors())
        grid_engine.cancel(job)
        eventually(lambda: job not in grid_engine.jobs(), what="the job's end")
        eventually(lambda: killed.isdisjoint(made.survivors()), what="the end of all of its processes")
        assert ends_well(grid_engine, made, client, run, "g") in (["success"], ["lost", "success"])
