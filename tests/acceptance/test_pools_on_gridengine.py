"""A pool on a real Grid Engine: hosts that are asked for together are one array of jobs."""

import json

import pytest

from accio_client import Client
from accio_client.views import AllocationView
from tests.acceptance.gridengine import LocalGridEngine
from tests.acceptance.processes import Cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(300)]


def known(client: Client) -> list[AllocationView]:
    """Return three allocations that haven't ended, once their jobs' numbers are known."""
    found = [each for each in client.list_allocations(live=True).allocations if each.job]
    return found if len(found) == 3 else []


def test_hosts_that_are_asked_for_together_are_one_array(grid_engine: LocalGridEngine, made: Cluster) -> None:
    """By one submission; each job has its token and its agent, and is told and ended for itself."""
    described = {
        **grid_engine.pool,
        "name": "cpu",
        "max": 3,
        "pending": 3,
        "poll": "0.5s",
        "folder": str(made.root / "jobs"),
        "agent": ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "2"],
    }
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [described]}))
    serving = ["accio_pool", "serve", str(file)]
    with made.client() as client:
        token = client.create_token("pool").secret
        environment = made.environment(**grid_engine.environment, ACCIO_TOKEN=token)
        pool = made._start("pool", serving, environment)
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("cpu", kept=3)
        first = eventually(lambda: known(client), what="three jobs")
        (array,) = {each.job.partition(".")[0] for each in first}
        assert sorted(each.job for each in first) == [f"{array}.{place}" for place in (1, 2, 3)]
        assert len([line for line in pool.output().splitlines() if '"submitted"' in line]) == 1
        shown = grid_engine.run("qstat", "-j", array)
        assert token not in shown, "its environment is what everybody may read"
        working = eventually(lambda: [each for each in known(client) if each.agent], what="an agent in the array")
        assert [each.name for each in client.list_tokens() if each.allocation == working[0].number] == [
            working[0].agent
        ]
        grid_engine.cancel(working[0].job)
        eventually(
            lambda: known(client) and working[0].number not in [each.number for each in known(client)],
            what="another job in place of the one that was deleted",
        )
        client.change_pool("cpu", kept="auto")
        eventually(lambda: client.list_allocations(live=True).allocations == (), what="all jobs being given back")
    eventually(lambda: grid_engine.jobs() == [], what="Grid Engine having no job left")
