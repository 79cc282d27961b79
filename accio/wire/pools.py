"""Pools as their files describe them, as messages."""

from math import isfinite

from accio.domain.caps import parse_served
from accio.domain.maintenance import Maintenance
from accio.domain.pools import POOL_NAME_RULE, Budget, PoolSpec, is_pool_name
from accio.domain.problems import ValueProblem
from accio.errors import BadRequest
from accio.v1 import pools_pb2
from accio.wire.caps import windows_of
from accio.wire.resources import resources_message, resources_of


def pool_spec(message: pools_pb2.PoolDescription) -> PoolSpec:
    """Read a pool; BadRequest if there can be none such."""
    if not is_pool_name(message.name):
        raise BadRequest(f"expected a pool's name ({POOL_NAME_RULE}), found {message.name!r}")
    if message.min > message.max or not message.pending:
        raise BadRequest(f"expected the pool {message.name} to keep at most `max` allocations, and some to be pending")
    return PoolSpec(
        name=message.name,
        provider=message.provider,
        host=resources_of(message.host),
        walltime=message.walltime_ms / 1000 if message.walltime_ms else None,
        minimum=message.min,
        maximum=message.max,
        pending=message.pending,
        worth=message.worth_ms / 1000,
        keep=message.keep_ms / 1000,
        operators=tuple(message.operators),
        owners=_owners(message),
        during=windows_of(message.during, f"the pool {message.name}: during"),
        maintenance=_maintenance(message),
        budget=_budget(message),
    )


def description_message(spec: PoolSpec) -> pools_pb2.PoolDescription:
    """Write a pool as its file describes it."""
    return pools_pb2.PoolDescription(
        name=spec.name,
        provider=spec.provider,
        host=resources_message(spec.host),
        walltime_ms=0 if spec.walltime is None else int(spec.walltime * 1000),
        min=spec.minimum,
        max=spec.maximum,
        pending=spec.pending,
        worth_ms=int(spec.worth * 1000),
        keep_ms=int(spec.keep * 1000),
        operators=spec.operators,
        owners=sorted(spec.owners),
        during="" if spec.during is None else spec.during.text,
        maintenance=[
            pools_pb2.Maintenance(name=each.name, begins_at_ms=each.begins_ms, ends_at_ms=each.ends_ms)
            for each in spec.maintenance
        ],
        budget_day=None if spec.budget is None else spec.budget.day,
        budget_total=None if spec.budget is None else spec.budget.total,
    )


def _owners(message: pools_pb2.PoolDescription) -> frozenset[str]:
    try:
        return frozenset(map(parse_served, message.owners))
    except ValueProblem as problem:
        raise BadRequest(f"the pool {message.name}: owners: {problem.message}") from None


def _maintenance(message: pools_pb2.PoolDescription) -> tuple[Maintenance, ...]:
    try:
        return tuple(Maintenance(each.name, each.begins_at_ms, each.ends_at_ms) for each in message.maintenance)
    except ValueProblem as problem:
        raise BadRequest(f"the pool {message.name}: maintenance: {problem.message}") from None


def _budget(message: pools_pb2.PoolDescription) -> Budget | None:
    day = message.budget_day if message.HasField("budget_day") else None
    total = message.budget_total if message.HasField("budget_total") else None
    if not all(each is None or (isfinite(each) and each >= 0) for each in (day, total)):
        raise BadRequest(f"expected core-hours of 0 or more as the budget of the pool {message.name}")
    return None if day is None and total is None else Budget(day=day, total=total)
