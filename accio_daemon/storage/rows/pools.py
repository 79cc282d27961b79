"""Pools and allocations as rows: written with each batch, read back at a start, listed for people."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from accio.domain.jsontypes import JsonObject
from accio.domain.maintenance import maintenance_of
from accio.domain.pools import AllocationState, Budget, PoolSpec
from accio.domain.resources import Resources, offer_from_json, resources_from_json
from accio.late import dataclass
from accio_daemon.core.effects import Effects
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.storage.codes import ALLOCATION_STATE_OF, ALLOCATION_STATES
from accio_daemon.storage.rows.owners import stored_windows
from accio_daemon.storage.sql import load

_SQL = load("pools")

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """A pool as the database has it."""

    spec: PoolSpec
    place: int
    server: str
    paused: bool
    floor: int | None
    offers: Resources | None
    operators: frozenset[int] | None
    used: tuple[int, float, float] = (0, 0.0, 0.0)  # a day since 1970, core-seconds of that day, core-seconds in all


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRow:
    """An allocation as the database has it; times are epoch milliseconds."""

    no: int
    pool: str
    state: AllocationState
    lasting: bool
    job: str
    host: str
    agent: str
    goodbye: bool
    cancelling: bool
    reason: str
    requested_ms: int
    began_ms: int | None
    ended_ms: int | None


def render(fx: Effects) -> tuple[Rows, Rows]:
    """Return the rows of the pools and of the allocations of a batch."""
    return [_pool_row(pool) for pool in fx.pools.values()], [_row(each) for each in fx.allocations.values()]


def _pool_row(pool: Pool) -> tuple[Any, ...]:
    return (
        pool.spec.name,
        pool.place,
        _json(_spec_json(pool.spec)),
        pool.server,
        int(pool.paused),
        pool.floor,
        None if pool.offers is None else _json(pool.offers.to_json()),
        None if pool.operators is None else _json(sorted(pool.operators)),
        _json([pool.day, pool.used_today, pool.used]),
    )


def _row(each: Allocation) -> tuple[Any, ...]:
    return (
        each.no,
        each.pool,
        ALLOCATION_STATES[each.state],
        int(each.lasting),
        each.job,
        each.host,
        each.agent,
        int(each.said_goodbye),
        int(each.cancelling),
        each.reason,
        each.requested_ms,
        each.began_ms,
        each.ended_ms,
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _spec_json(spec: PoolSpec) -> JsonObject:
    return {
        "name": spec.name,
        "provider": spec.provider,
        "host": spec.host.to_json(),
        "walltime": spec.walltime,
        "min": spec.minimum,
        "max": spec.maximum,
        "pending": spec.pending,
        "worth": spec.worth,
        "keep": spec.keep,
        "operators": spec.operators,
        "owners": sorted(spec.owners),
        "during": None if spec.during is None else spec.during.text,
        "maintenance": [each.to_json() for each in spec.maintenance],
        "budget": None if spec.budget is None else {"day": spec.budget.day, "total": spec.budget.total},
    }


def _spec(document: JsonObject) -> PoolSpec:
    host, _ = resources_from_json(document["host"])
    return PoolSpec(
        name=document["name"],
        provider=document["provider"],
        host=host,
        walltime=document["walltime"],
        minimum=document["min"],
        maximum=document["max"],
        pending=document["pending"],
        worth=document["worth"],
        keep=document["keep"],
        operators=tuple(document.get("operators", ())),  # this and what follows isn't in rows of earlier versions
        owners=frozenset(document.get("owners", ())),
        during=stored_windows(document.get("during")),
        maintenance=tuple(map(maintenance_of, document.get("maintenance", ()))),
        budget=Budget(**budget) if (budget := document.get("budget")) else None,
    )


def write(connection: sqlite3.Connection, pools: Rows, allocations: Rows) -> None:
    """Write rows inside the caller's transaction. With an allocation end the tokens that are good there alone."""
    connection.executemany(_SQL["upsert_pool"], pools)
    connection.executemany(_SQL["upsert_allocation"], allocations)
    over = ({"no": no, "ended_at": ended} for no, *_, ended in allocations if ended is not None)
    connection.executemany(_SQL["end_tokens"], over)


def read_pools(connection: sqlite3.Connection) -> list[PoolFacts]:
    """Read all pools, in order of preference."""
    return [
        PoolFacts(
            spec=_spec(orjson.loads(spec)),
            place=place,
            server=server,
            paused=bool(paused),
            floor=floor,
            offers=None if offers is None else offer_from_json(orjson.loads(offers)),
            operators=None if operators is None else frozenset(orjson.loads(operators)),
            used=tuple(orjson.loads(used)),
        )
        for _, place, spec, server, paused, floor, offers, operators, used in connection.execute(_SQL["pools"])
    ]


def read_live(connection: sqlite3.Connection) -> list[AllocationRow]:
    """Read the allocations that haven't ended, the oldest first."""
    return [_allocation(row) for row in connection.execute(_SQL["live_allocations"])]


def read_given_back(connection: sqlite3.Connection) -> list[str]:
    """Find the agents whose last allocations have ended."""
    return [name for (name,) in connection.execute(_SQL["given_back"])]


def highest_number(connection: sqlite3.Connection) -> int:
    """Read the highest number that an allocation was given; 0 if there was none."""
    found = connection.execute(_SQL["highest_allocation"]).fetchone()
    return 0 if found is None else int(found[0])


def read_page(
    connection: sqlite3.Connection, *, before: int, limit: int, pool: str = "", live: bool = False
) -> list[AllocationRow]:
    """Read some allocations with numbers below *before*, newest first; of one pool, or only *live* ones."""
    values = {"before": before, "limit": limit, "pool": pool, "live": live}
    return [_allocation(row) for row in connection.execute(_SQL["page"], values)]


def _allocation(row: Sequence[Any]) -> AllocationRow:
    no, pool, state, lasting, job, host, agent, goodbye, cancelling, reason, requested, began, ended = row
    return AllocationRow(
        no=no,
        pool=pool,
        state=ALLOCATION_STATE_OF[state],
        lasting=bool(lasting),
        job=job,
        host=host,
        agent=agent,
        goodbye=bool(goodbye),
        cancelling=bool(cancelling),
        reason=reason,
        requested_ms=requested,
        began_ms=began,
        ended_ms=ended,
    )
