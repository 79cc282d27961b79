"""Whether hosts of a pool could ever take a node, as far as that is known: pure readings of the World."""

from accio.domain.resources import Resources
from accio_daemon.core.owners import Owner
from accio_daemon.core.pools.demand import lasts
from accio_daemon.core.pools.records import Pool
from accio_daemon.core.remaining import spoken
from accio_daemon.core.world import World


def cannot_serve(
    world: World, pool: Pool, operator_no: int, demand: Resources, need: float, *, owner: Owner | None = None
) -> str:
    """Say why a host of a pool could never take a node (of this *owner*, if given); empty if it could, as far as that
    is known.
    """
    if owner is not None and not pool.serves(owner):
        return f"its hosts take only nodes of {', '.join(sorted(pool.spec.owners))}"
    if not pool.spec.takes(world.specs[operator_no].name):
        return f"its hosts take only nodes of {', '.join(pool.spec.operators)}"
    if not demand.times_in(pool.shape):
        return f"they need {demand}, and a host has {demand.shortage([pool.shape])}"
    if pool.operators is not None and operator_no not in pool.operators:
        return "its last agent didn't offer this version of the operator"
    if need > lasts(pool):
        return f"they need about {spoken(need)}, and a host lasts {spoken(lasts(pool))}"
    return ""
