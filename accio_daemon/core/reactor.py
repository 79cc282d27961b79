"""The reactor: one synchronous function that applies a command to the World, and one that goes on with what follows.

    handle(turn, command) -> answer    apply one command, or raise AccioError having changed nothing
    advance(turn) -> bool              open children, settle, place; True if there is more to do

Neither awaits, reads a clock, or does I/O. Between two calls of `advance` the engine looks up `world.lookups` and
hands the results to `readying.resolve`.
"""

from typing import TypeVar, assert_never, cast

from accio_daemon.core import (
    agent_windows,
    asking,
    checkpoints,
    externals,
    gathering,
    handing_over,
    on_agents,
    on_nodes,
    on_runs,
    on_time,
    payers,
    placement,
    pruning,
    readying,
    recomputing,
    repeating,
    retrying,
)
from accio_daemon.core.commands import (
    AddWindow,
    AgentDraining,
    AgentHeard,
    AgentJoined,
    AgentLost,
    AgentRecalled,
    AgentReports,
    AgentSaved,
    AgentStale,
    ChangeCap,
    ChangeGroups,
    Command,
    ContentMissing,
    DeleteRun,
    DrainAgent,
    ForgetResults,
    KillRun,
    OldestWork,
    PathsDigested,
    PointMeasured,
    PruneTrial,
    RemoveAgent,
    RemoveWindow,
    RetryRun,
    SubmitRun,
    Tick,
    TrialAsked,
    ValuesGathered,
)
from accio_daemon.core.pools import on_pools
from accio_daemon.core.pools.commands import AllocationsFound, AllocationsRefused, ChangePool, PoolsJoined, PoolsLeft
from accio_daemon.core.turn import Turn

# Children that one step opens: enough to fill a batch, few enough to keep the loop responsive.
OPENED_AT_ONCE = 256
# Ready nodes that one step looks at, and as many as a step opens further children for.
SETTLED_AT_ONCE = 256

OfSessions = (
    AgentReports
    | AgentSaved
    | AgentJoined
    | AgentLost
    | AgentHeard
    | AgentDraining
    | AgentStale
    | AgentRecalled
    | PathsDigested
)
"""What agents and their sessions say."""

OfRuns = SubmitRun | KillRun | DeleteRun | RetryRun | PruneTrial
"""What people do with runs."""

OfResults = ValuesGathered | PointMeasured | TrialAsked | ContentMissing | ForgetResults | OldestWork
"""What was found among results, and which of them are gone."""

OfPools = PoolsJoined | PoolsLeft | AllocationsFound | AllocationsRefused | ChangePool
"""What servers of pools say, and what people change of pools."""

OfOperation = DrainAgent | RemoveAgent | AddWindow | RemoveWindow | ChangeCap | ChangeGroups
"""What whoever runs the daemon does with agents and owners."""

AnyCommand = OfSessions | OfRuns | OfResults | OfPools | OfOperation | Tick
"""Every command that there is: what `handle` applies."""

T = TypeVar("T")


def handle(turn: Turn, command: Command[T], *, settling: int = SETTLED_AT_ONCE) -> T:
    """Apply *command* and settle some nodes; return its answer, or raise AccioError having changed nothing."""
    answer = _apply(turn, cast("AnyCommand", command))  # a test holds that the union lists all of them
    readying.settle(turn, settling)
    return cast("T", answer)  # a test holds that each case answers what its command says


def _apply(turn: Turn, command: AnyCommand) -> object:
    answer: object = None
    if isinstance(command, OfSessions):
        answer = _of_sessions(turn, command)
    elif isinstance(command, OfRuns):
        answer = _of_runs(turn, command)
    elif isinstance(command, OfResults):
        answer = _of_results(turn, command)
    elif isinstance(command, OfPools):
        _of_pools(turn, command)
    elif isinstance(command, OfOperation):
        _of_operation(turn, command)
    elif isinstance(command, Tick):
        on_time.tick(turn)
    else:
        assert_never(command)
    return answer


def _of_sessions(turn: Turn, command: OfSessions) -> object:
    answer: object = None
    match command:
        case AgentReports():
            on_nodes.reports(turn, command)
        case AgentSaved():
            checkpoints.saved(turn, command)
        case AgentJoined():
            answer = on_agents.joined(turn, command)
        case AgentLost():
            on_agents.left(turn, command)
        case AgentHeard():
            on_agents.heard(turn, command)
        case AgentDraining():
            on_agents.draining(turn, command)
        case AgentStale():
            on_agents.stale(turn.world, command)
        case AgentRecalled():
            on_agents.recalled(turn, command)
        case PathsDigested():
            externals.digested(turn, command)
        case _:
            assert_never(command)
    return answer


def _of_runs(turn: Turn, command: OfRuns) -> object:
    answer: object = None
    match command:
        case SubmitRun():
            answer = on_runs.submit(turn, command)
        case KillRun():
            answer = on_runs.kill(turn, command)
        case DeleteRun():
            answer = on_runs.delete(turn, command)
        case RetryRun():
            answer = retrying.retry(turn, command)
        case PruneTrial():
            pruning.prune(turn, command)
        case _:
            assert_never(command)
    return answer


def _of_results(turn: Turn, command: OfResults) -> object:
    answer: object = None
    match command:
        case ValuesGathered():
            gathering.gathered(turn, command)
        case PointMeasured():
            repeating.measured(turn, command)
        case TrialAsked():
            asking.asked(turn, command)
        case ContentMissing():
            recomputing.forget_contents(turn, command.digests)
        case ForgetResults():
            recomputing.forget_results(turn.world, command.results)
        case OldestWork():
            answer = recomputing.oldest_work(turn.world, turn.now)
        case _:
            assert_never(command)
    return answer


def _of_pools(turn: Turn, command: OfPools) -> None:
    match command:
        case PoolsJoined():
            on_pools.joined(turn, command)
        case PoolsLeft():
            on_pools.left(turn, command)
        case AllocationsFound():
            on_pools.found(turn, command)
        case AllocationsRefused():
            on_pools.refused(turn, command)
        case ChangePool():
            on_pools.change(turn, command)
        case _:
            assert_never(command)


def _of_operation(turn: Turn, command: OfOperation) -> None:
    match command:
        case DrainAgent():
            on_agents.drain(turn, command)
        case RemoveAgent():
            on_agents.remove(turn, command)
        case AddWindow():
            agent_windows.add(turn, command)
        case RemoveWindow():
            agent_windows.remove(turn, command)
        case ChangeCap():
            payers.change_cap(turn, command)
        case ChangeGroups():
            payers.change_groups(turn.world, command)
        case _:
            assert_never(command)


def stop_more(turn: Turn) -> bool:
    """Go on with kills alone, as nothing may begin now; True if calling again would do more."""
    if turn.world.killing:
        on_runs.go_on_killing(turn, SETTLED_AT_ONCE)
    return bool(turn.world.killing)


def advance(
    turn: Turn, *, opening: int = OPENED_AT_ONCE, settling: int = SETTLED_AT_ONCE, ahead: int | None = None
) -> bool:
    """Go on with what earlier commands made possible; True if there is more to do.

    It opens at most *opening* children, settles, kills or assigns *settling* nodes each, and sends that many *ahead*,
    or all for which agents have room.
    """
    world = turn.world
    if world.killing:
        on_runs.go_on_killing(turn, settling)
    if world.handing_over:
        handing_over.go_on(turn, settling)
    opened = on_runs.open_children(world, opening, settling)
    readying.settle(turn, settling)
    failed = bool(world.undigested) and externals.request_digests(turn)
    more_ahead = not world.lookups and placement.place(turn, ahead, min(settling, placement.PLACED_AT_ONCE))
    return bool(opened or failed or world.ready or world.lookups or world.killing or world.handing_over or more_ahead)
