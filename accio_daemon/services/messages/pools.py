"""Pools and allocations as messages, and what those who serve pools say as commands."""

from accio.domain.failures import clip
from accio.errors import BadRequest
from accio.v1 import pools_pb2
from accio.wire.pools import description_message, pool_spec
from accio.wire.resources import resources_message
from accio_daemon.core.facts import AllocationFacts
from accio_daemon.core.outgoing import Wanted
from accio_daemon.core.pools.commands import AllocationsFound, AllocationsRefused, PoolsJoined
from accio_daemon.core.terms import SessionNo
from accio_daemon.engine.snapshots import PoolView
from accio_daemon.storage.rows.pools import AllocationRow

_REASON = 1000  # characters of an engine's words that are kept


def pools_joined_of(session: SessionNo, hello: pools_pb2.PoolsHello) -> PoolsJoined:
    """Read a hello; anything that the core couldn't rely on is a BadRequest."""
    if not hello.server:
        raise BadRequest("expected the identity of the process that serves pools in its hello, found none")
    names = [each.name for each in hello.pools]
    if len(set(names)) != len(names):
        raise BadRequest("expected each pool once")
    return PoolsJoined(session=session, server=hello.server, pools=tuple(map(pool_spec, hello.pools)))


def found_of(session: SessionNo, message: pools_pb2.EngineList) -> AllocationsFound:
    """Read what an engine has."""
    found = tuple(
        AllocationFacts(
            number=each.number, job=each.job, begun=each.begun, host=each.host, reason=clip(each.reason, _REASON)
        )
        for each in message.allocations
    )
    reasons = {number: clip(reason, _REASON) for number, reason in message.reasons.items()}
    return AllocationsFound(
        session=session,
        pool=message.pool,
        complete=message.complete,
        found=found,
        reasons=reasons,
        hosts=dict(message.hosts),
        problem=clip(message.problem, _REASON),
    )


def refused_of(session: SessionNo, message: pools_pb2.EngineRefusals) -> AllocationsRefused:
    """Read what an engine refused."""
    refused = {number: clip(reason, _REASON) for number, reason in message.refused.items()}
    return AllocationsRefused(session=session, pool=message.pool, refused=refused)


def wanted_message(wanted: Wanted) -> pools_pb2.Wanted:
    """Write which allocations there should be."""
    submit = [pools_pb2.WantedAllocation(number=number, lasting=lasting) for number, lasting in wanted.submit]
    return pools_pb2.Wanted(pool=wanted.pool, submit=submit, keep=wanted.keep, exclude=wanted.exclude)


def pool_message(view: PoolView) -> pools_pb2.Pool:
    """Write a pool."""
    return pools_pb2.Pool(
        description=description_message(view.spec),
        state=view.state,
        kept=view.least,
        allocations={state.value: count for state, count in view.allocations.items()},
        offers=None if view.offers is None else resources_message(view.offers),
        decision=view.decision,
        problem=view.problem,
        used=view.used,
    )


def allocation_message(row: AllocationRow) -> pools_pb2.Allocation:
    """Write an allocation."""
    return pools_pb2.Allocation(
        number=row.no,
        pool=row.pool,
        state=row.state.value,
        job=row.job,
        host=row.host,
        agent=row.agent,
        reason=row.reason,
        requested_ms=row.requested_ms,
        began_ms=row.began_ms or 0,
        ended_ms=row.ended_ms or 0,
        lasting=row.lasting,
        cancelling=row.cancelling,
    )
