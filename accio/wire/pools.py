"""Pools as their files describe them, as messages."""

from accio.domain.pools import POOL_NAME_RULE, PoolSpec, is_pool_name
from accio.errors import BadRequest
from accio.v1 import pools_pb2
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
    )
