"""Pools with real processes: the queue gets hosts, they do the work and are given back; processes die in between."""

import json
from typing import Any

import pytest

from accio_client import Client
from accio_client.views import TokenView
from tests.acceptance.processes import Cluster, Process, eventually
from tests.acceptance.sweeps import GATED

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


def serve(made: Cluster, **pool: Any) -> Process:
    """Serve a pool of agents on this machine."""
    described = {"name": "here", "provider": "local", "max": 3, "keep": "2s", "poll": "0.2s"} | pool
    described["agent"] = ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "2"]
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [described]}))
    return made._start("pool", ["accio_pool", "serve", str(file)], made.environment())


def live(client: Client) -> list[str]:
    """Return the states of the allocations that haven't ended."""
    return [each.state for each in client.list_allocations(live=True).allocations]


def held(client: Client) -> list[TokenView]:
    """Return the tokens of allocations that hold."""
    return [each for each in client.list_tokens() if each.allocation is not None]


def learn(client: Client) -> None:
    """Start a host, so that the daemon learns which operators the pool offers, and wait for its end."""
    eventually(lambda: client.list_pools().pools, what="the pool being served")
    client.change_pool("here", kept=1)
    eventually(lambda: live(client) == ["running"] and client.list_operators(), what="an agent's operators being known")
    client.change_pool("here", kept="auto")
    eventually(lambda: live(client) == [], what="the host being given back")


def test_hosts_come_with_the_work_and_go_with_it(made: Cluster) -> None:
    """Queued nodes get hosts of the pool, which are given back when nothing is left to do; nothing stays behind."""
    serve(made)
    with made.client() as client:
        learn(client)
        client.push(GATED)
        runs = [client.submit({"workflow": "gated", "params": {"label": f"g{number}"}}).run.id for number in range(3)]
        eventually(lambda: live(client) == ["running"] * 3, what="a host for each node")
        eventually(lambda: len({each.name for each in held(client)} - {""}) == 3, what="each agent having its token")
        for number in range(3):
            made.open_gate(f"g{number}")
        assert [client.wait(run).state for run in runs] == ["success"] * 3
        eventually(lambda: live(client) == [], what="all hosts being given back")
        eventually(lambda: held(client) == [], what="the tokens' end")
        found = client.list_allocations().allocations
    assert [(each.state, bool(each.agent)) for each in found] == [("ended", True)] * 4
    assert all("nothing to do" in each.reason for each in found[:3]), found
    eventually(lambda: made.survivors() == [], what="every process of the agents having ended")


def test_kills_of_both_sides_lose_no_host_and_ask_for_none_twice(made: Cluster) -> None:
    """SIGKILL to the pool's process and to the daemon while work runs: both find what is there, and work goes on."""
    pool = serve(made)
    with made.client() as client:
        learn(client)
        client.push(GATED)
        runs = [client.submit({"workflow": "gated", "params": {"label": f"g{number}"}}).run.id for number in range(3)]
        eventually(lambda: len(made.executed()) == 3, what="the nodes' beginning")
        pool.kill()
        pool.ended()
        assert made.daemon is not None
        made.daemon.kill()
        made.daemon.ended()
        made.start_daemon("--lease", "60s")  # which no agent's return takes, on however slow a machine
        serve(made)
        eventually(
            lambda: [each.state for each in client.list_pools().pools] == ["serving"], what="the pool being served"
        )
        for number in range(3):
            made.open_gate(f"g{number}")
        assert [client.wait(run).state for run in runs] == ["success"] * 3
        eventually(lambda: live(client) == [], what="all hosts being given back")
        assert len(client.list_allocations().allocations) == 4
    assert len([line for line in made.executed() if "begins" in line]) == 3


def test_agents_that_cannot_start_are_told_of(made: Cluster) -> None:
    """An allocation whose agent ends at once has failed with what it said last; no other is asked for soon."""
    serve(made, min=1, join=str(made.root / "nowhere.join"))
    with made.client() as client:
        eventually(lambda: [each.problem for each in client.list_pools().pools if each.problem], what="the failure")
        # Pools are told as the engine knows them; allocations as they are stored, which may be a commit later.
        eventually(lambda: client.list_allocations().allocations[-1].state == "failed", what="the failure being stored")
        eventually(lambda: client.list_pools().pools[0].state == "backing off", what="the pool backing off")
        allocations = client.list_allocations().allocations
    assert "nowhere.join" in allocations[-1].reason
    assert len(allocations) <= 2, "five seconds pass before a second one, and half a minute before a third"
