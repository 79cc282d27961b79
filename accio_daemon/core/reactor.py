"""The reactor: one synchronous function that applies a command to the World, and one that goes on with what follows.

    handle(world, effects, command, now) -> answer    apply one command, or raise AccioError having changed nothing
    advance(world, effects, now) -> bool              open children, settle, place; True if there is more to do

Neither awaits, reads a clock, or does I/O. Between two calls of `advance` the engine looks up `world.lookups` and
hands the results to `memo` (`resolve`).
"""

from typing import TypeVar, assert_never, cast

from accio_daemon.core import externals, on_agents, on_nodes, on_runs, placement, readying, recomputing, retrying
from accio_daemon.core.commands import (
    AgentDraining,
    AgentHeard,
    AgentJoined,
    AgentLost,
    AgentRecalled,
    AgentReports,
    AgentStale,
    AnyCommand,
    Command,
    ContentMissing,
    DeleteRun,
    DrainAgent,
    ForgetResults,
    KillRun,
    OldestWork,
    PathsDigested,
    RemoveAgent,
    RetryRun,
    SubmitRun,
    Tick,
)
from accio_daemon.core.effects import Effects
from accio_daemon.core.terms import Instant
from accio_daemon.core.world import World

# Children that one step opens: enough to fill a batch, few enough to keep the loop responsive.
OPENED_AT_ONCE = 256

T = TypeVar("T")


def handle(world: World, fx: Effects, command: Command[T], now: Instant) -> T:
    """Apply *command* and return its answer, or raise AccioError having changed nothing."""
    answer = _apply(world, fx, cast("AnyCommand", command), now)  # a test holds that the union lists all of them
    readying.settle(world, fx, now)
    return cast("T", answer)  # a test holds that each case answers what its command says


def _apply(  # noqa: C901 — one flat list of commands
    world: World, fx: Effects, command: AnyCommand, now: Instant
) -> object:
    answer: object = None
    match command:
        case AgentReports():
            on_nodes.reports(world, fx, command, now)
        case SubmitRun():
            answer = on_runs.submit(world, fx, command, now)
        case KillRun():
            answer = on_runs.kill(world, fx, command, now)
        case DeleteRun():
            answer = on_runs.delete(world, fx, command, now)
        case RetryRun():
            answer = retrying.retry(world, fx, command, now)
        case AgentJoined():
            answer = on_agents.joined(world, fx, command, now)
        case AgentLost():
            on_agents.left(world, fx, command, now)
        case AgentHeard():
            on_agents.heard(world, command, now)
        case AgentDraining():
            on_agents.draining(world, fx, command)
        case AgentStale():
            on_agents.stale(world, command)
        case AgentRecalled():
            on_agents.recalled(world, fx, command, now)
        case PathsDigested():
            externals.digested(world, fx, command, now)
        case DrainAgent():
            on_agents.drain(world, fx, command)
        case RemoveAgent():
            on_agents.remove(world, fx, command, now)
        case ContentMissing():
            recomputing.forget_contents(world, fx, command.digests)
        case ForgetResults():
            recomputing.forget_results(world, command.results)
        case OldestWork():
            answer = recomputing.oldest_work(world, now)
        case Tick():
            on_agents.tick(world, fx, now)
        case _:
            assert_never(command)
    return answer


def stop_more(world: World, fx: Effects, now: Instant) -> bool:
    """Go on with kills alone, as nothing may begin now; True if calling again would do more."""
    if world.killing:
        on_runs.go_on_killing(world, fx, now)
    return bool(world.killing)


def advance(world: World, fx: Effects, now: Instant, *, opening: int = OPENED_AT_ONCE) -> bool:
    """Go on with what earlier commands made possible, and open up to *opening* children; True if calling again would do
    more.
    """
    if world.killing:
        on_runs.go_on_killing(world, fx, now)
    opened = on_runs.open_children(world, fx, opening)
    readying.settle(world, fx, now)
    failed = bool(world.undigested) and externals.request_digests(world, fx, now)
    if not world.lookups:
        placement.place(world, fx, now)
    return bool(opened or failed or world.lookups or world.killing)
