"""A pool at an engine that fails: hosts come and go with the work, and none is lost, kept, or asked for in vain."""

import pytest

from tests.simulator.pool_engine import KEEP, WALLTIME
from tests.simulator.pools import MOST, RARE, PoolSimulation
from tests.simulator.sweep import explore

SEEDS = range(120, 240)
"""Among which all that is rare happens, for one that agents of what was given up are turned away: three times there."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_all_work_is_done_and_no_host_stays() -> None:
    """Whatever is lost, killed, doubled or forgotten: all work is done, no job is left, never are there too many."""
    found = explore(SEEDS, story=PoolSimulation)
    assert not found.violations, "\n".join(f"--pools --seed {seed}: {why}" for seed, why in found.violations.items())
    assert not found.missing(RARE), f"never happened, so nothing is known about it: {found.missing(RARE)}"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_fence_of_allocations_is_needed() -> None:
    """Without it, some seed has two agents in one allocation."""
    found = explore(SEEDS, switched_off=frozenset({"fence"}), until_found=True, story=PoolSimulation)
    assert "two agents work for one allocation" in str(next(iter(found.violations.values())))


def flapping(seconds: float, period: float) -> PoolSimulation:
    """Submit a short node again and again, without faults."""
    story = PoolSimulation(1)
    story.faults = False
    story.begin()
    story.repeat(period)
    story.loop.run_until(story.loop.now + seconds)
    return story


def test_flapping_demand_does_not_flap_hosts() -> None:
    """A node each ten seconds for half an hour is worth one host at a time: one job per walltime, and a little more."""
    story = flapping(1800.0, KEEP * 0.9)
    story.disk.close()
    assert story.engine.submissions <= 1800.0 / (WALLTIME * 0.5)


def test_many_short_nodes_ask_for_no_more_than_may_be() -> None:
    """A thousand nodes at once: never more than `max` jobs, none after the end, and hosts idle for little more than
    they are kept.
    """
    story = PoolSimulation(2)
    story.faults = False
    story.begin()
    story.submit_nodes(1000)
    assert story.loop.run_until(story.loop.now + 30_000.0, story.is_over), "it came to an end"
    story.disk.close()
    assert story.most_jobs == MOST
    assert story.idle_seconds < story.engine.submissions * (KEEP + 10.0)
