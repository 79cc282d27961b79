"""Which allocations there should be: asked for, given up, and told to the process that serves their pool."""

from accio.domain.pools import AllocationState
from accio_daemon.core.outgoing import Wanted
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.turn import Turn


def tell(turn: Turn, pool: Pool) -> None:
    """Send which allocations there should be, all of them, to the process that serves the pool."""
    if pool.session is None:
        return
    wanted = [each for each in pool.live.values() if not each.cancelling]
    turn.fx.to(pool.session).wanted[pool.spec.name] = Wanted(
        pool=pool.spec.name,
        submit=tuple((each.no, each.lasting) for each in wanted if each.state is AllocationState.REQUESTED),
        keep=tuple(each.no for each in wanted if each.state is not AllocationState.REQUESTED),
        exclude=tuple(sorted(pool.shunned)),
    )


def request(turn: Turn, pool: Pool, *, lasting: bool) -> None:
    """Ask for one more allocation, *lasting* if it stays whatever is queued; the caller tells."""
    world = turn.world
    number = world.numbers.next_allocation()
    made = Allocation(no=number, pool=pool.spec.name, lasting=lasting, requested_ms=turn.now.wall_ms)
    pool.live[number] = made
    turn.fx.allocations[number] = made


def give_up(turn: Turn, pool: Pool, allocation: Allocation, reason: str) -> None:
    """Abandon an allocation: it isn't wanted any more, and never again."""
    allocation.cancelling = True
    allocation.reason = reason
    turn.fx.allocations[allocation.no] = allocation
    tell(turn, pool)
