"""A pool on the commands of a PBS: hosts that are asked for together are one array of jobs."""

import json

import pytest

from accio_client import Client
from accio_client.views import AllocationView
from tests.acceptance.pbs import FakePbs
from tests.acceptance.processes import Cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def known(client: Client) -> list[AllocationView]:
    """Return three allocations that haven't ended, once their jobs' ids are known."""
    found = [each for each in client.list_allocations(live=True).allocations if each.job]
    return found if len(found) == 3 else []


def test_hosts_that_are_asked_for_together_are_one_array(pbs: FakePbs, made: Cluster) -> None:
    """By one submission; each job has its token and its agent, and is told and ended for itself."""
    described = {
        **pbs.pool,
        "name": "cpu",
        "max": 3,
        "pending": 3,
        "poll": "0.5s",
        "folder": str(made.root / "jobs"),
        "agent": ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "2"],
    }
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [described]}))
    with made.client() as client:
        token = client.create_token("pool").secret
        environment = made.environment(**pbs.environment, ACCIO_TOKEN=token)
        pool = made._start("pool", ["accio_pool", "serve", str(file)], environment)
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("cpu", kept=3)
        first = eventually(lambda: known(client), what="three jobs")
        assert sorted(each.job for each in first) == ["1[0].pbs", "1[1].pbs", "1[2].pbs"]
        assert len([line for line in pool.output().splitlines() if '"submitted"' in line]) == 1
        assert token not in pbs.run("qstat", "-t", "-f", "-F", "json"), "its environment is what everybody may read"
        working = eventually(lambda: [each for each in known(client) if each.agent], what="an agent in the array")
        own = [each.name for each in client.list_tokens() if each.allocation == working[0].number]
        assert own == [working[0].agent]
        pbs.cancel(working[0].job)
        eventually(
            lambda: known(client) and working[0].number not in [each.number for each in known(client)],
            what="another job in place of the one that was deleted",
        )
        client.change_pool("cpu", kept="auto")
        eventually(lambda: client.list_allocations(live=True).allocations == (), what="all jobs being given back")
    eventually(lambda: pbs.jobs() == [], what="PBS having no job left")
