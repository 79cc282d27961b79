"""Pools on batch systems, as tests serve them: hosts of one processor, for the operators of tests."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from accio_client import Client
from accio_client.views import AllocationView
from tests.acceptance.engines import Engine
from tests.acceptance.processes import Cluster, Process, eventually


def serve(engine: Engine, made: Cluster, token: str = "", **changes: Any) -> Process:
    """Serve a pool of jobs of one processor, with a token of its own if one is given."""
    pool: dict[str, Any] = {
        **engine.pool,
        "name": "cpu",
        "max": 2,
        "keep": "2s",
        "poll": "0.5s",
        "agent": ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "2"],
    }
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [pool | changes]}))
    own = {"ACCIO_TOKEN": token} if token else {}
    return made._start("pool", ["accio_pool", "serve", str(file)], made.environment(**engine.environment, **own))


def require_one_array(
    engine: Engine, made: Cluster, *, jobs: Callable[[str], Sequence[str]], shown: Callable[[str], str]
) -> None:
    """Ask for three hosts: by one submission, whose jobs have their tokens and agents, and are told and ended for
    themselves.

    *jobs* are the ids that go with that of the first one; *shown* is what everybody may read of the array.
    """
    with made.client() as client:
        token = client.create_token("pool").secret
        pool = serve(engine, made, token, max=3, pending=3, folder=str(made.root / "jobs"))
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("cpu", kept=3)
        found = sorted(each.job for each in eventually(lambda: _three(client), what="three jobs"))
        assert found == list(jobs(found[0]))
        assert len([line for line in pool.output().splitlines() if '"submitted"' in line]) == 1
        assert token not in shown(found[0]), "its environment is what everybody may read"
        working = eventually(lambda: [each for each in _three(client) if each.agent], what="an agent in the array")
        own = [each.name for each in client.list_tokens() if each.allocation == working[0].number]
        assert own == [working[0].agent]
        engine.cancel(working[0].job)
        eventually(
            lambda: _three(client) and working[0].number not in [each.number for each in _three(client)],
            what="another job in place of the one that was deleted",
        )
        client.change_pool("cpu", kept="auto")
        eventually(lambda: client.list_allocations(live=True).allocations == (), what="all jobs being given back")
    eventually(lambda: engine.jobs() == [], what=f"{engine.name} having no job left")


def _three(client: Client) -> list[AllocationView]:
    """Return three allocations that haven't ended, once their jobs' ids are known."""
    found = [each for each in client.list_allocations(live=True).allocations if each.job]
    return found if len(found) == 3 else []
