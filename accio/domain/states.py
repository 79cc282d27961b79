"""The states of nodes, runs and executions, and every move between them: these tables are the specification.

`docs/states.md` is generated from this file. An illegal move is refused before anything changes: only
`accio_daemon/core/moves.py` moves anything, and it asks the tables first. This file must not know why the scheduler
moves a node, only which moves exist and what each means.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class NodeState(StrEnum):
    """Where one node of one run is."""

    WAITING = "waiting"  # for its predecessors
    QUEUED = "queued"  # ready; waits for a place, or for an execution that it shares
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"  # its agent was lost once too often
    CANCELLED = "cancelled"  # never began, and won't


class RunState(StrEnum):
    """Where a run (single, parent or child) is."""

    SCHEDULED = "scheduled"  # no node has begun
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    KILLED = "killed"


class Phase(StrEnum):
    """Where an execution is: what nodes that want the same result wait for together."""

    IDLE = "idle"  # nowhere: its key is being looked up, or the decision about it isn't complete
    BACKING_OFF = "backing_off"  # it failed, and waits before it is tried again
    QUEUED = "queued"
    AHEAD = "ahead"  # at an agent, without a grant: it begins when one is passed on to it
    GRANTED = "granted"  # at an agent, with a grant: the ledger has reserved what it needs
    STOPPING_AHEAD = "stopping_ahead"  # as AHEAD, but nobody wants it any more
    STOPPING = "stopping"  # as GRANTED, but nobody wants it any more: it ends when its agent says so
    OVER = "over"


class Cause(StrEnum):
    """Why a node ended otherwise than in success."""

    EXIT_CODE = "exit code"
    EXCEPTION = "exception"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out of memory"
    TIME_OUT = "time-out"
    LOST_AGENT = "lost agent"
    BAD_INPUT = "bad input"
    BAD_OUTPUT = "bad output"
    STAGING = "staging"
    WALLTIME = "walltime"  # its agent's host came to its end: never a node's own, whose attempts it ends
    CANNOT_BE_PLACED = "cannot be placed"
    KILLED = "killed"
    PRUNED = "pruned"  # killed, as its trial was behind others of its study
    CANCELLED = "cancelled"


NODE_TERMINAL = frozenset(
    {NodeState.SUCCESS, NodeState.FAILED, NodeState.KILLED, NodeState.LOST, NodeState.CANCELLED},
)
RUN_TERMINAL = frozenset({RunState.SUCCESS, RunState.FAILED, RunState.KILLED})

# What `accio retry` runs again.
NODE_RETRIABLE = NODE_TERMINAL - {NodeState.SUCCESS}

# Failures of the operator itself: `retries` applies to them, and to them only.
OPERATOR_FAILURES = frozenset(
    {Cause.EXIT_CODE, Cause.EXCEPTION, Cause.SIGNAL, Cause.OUT_OF_MEMORY, Cause.TIME_OUT, Cause.BAD_OUTPUT},
)

# Failures whose time is the operator's own, as a success's is: no limit and no person cut it short.
ENDED_BY_ITSELF = frozenset(
    {Cause.EXIT_CODE, Cause.EXCEPTION, Cause.SIGNAL, Cause.BAD_INPUT, Cause.BAD_OUTPUT},
)

_N = NodeState
NODE_TRANSITIONS: Mapping[NodeState, Mapping[NodeState, str]] = {
    _N.WAITING: {
        _N.QUEUED: "every predecessor succeeded",
        _N.SUCCESS: "cache hit or shared execution",
        _N.CANCELLED: "a predecessor did not succeed, the run was killed, or on_failure stopped it",
    },
    _N.QUEUED: {
        _N.RUNNING: "an agent began it",
        _N.SUCCESS: "cache hit or shared execution",
        _N.FAILED: "it can never be placed, its input can't be staged, or the shared execution failed",
        _N.KILLED: "the run was killed",
        _N.CANCELLED: "on_failure stopped the run",
    },
    _N.RUNNING: {
        _N.SUCCESS: "it ended well",
        _N.FAILED: "it ended badly, with no retries left",
        _N.KILLED: "the run was killed",
        _N.LOST: "its agent was lost, once too often",
        _N.QUEUED: "its agent was lost, or it failed and has retries left; it keeps its place",
    },
    _N.SUCCESS: {_N.QUEUED: "its artifact is corrupt or gone, and a successor needs it"},
    _N.FAILED: {_N.WAITING: "accio retry", _N.QUEUED: "accio retry"},
    _N.KILLED: {_N.WAITING: "accio retry", _N.QUEUED: "accio retry"},
    _N.LOST: {_N.WAITING: "accio retry", _N.QUEUED: "accio retry"},
    _N.CANCELLED: {_N.WAITING: "accio retry", _N.QUEUED: "accio retry"},
}

_R = RunState
RUN_TRANSITIONS: Mapping[RunState, Mapping[RunState, str]] = {
    _R.SCHEDULED: {
        _R.RUNNING: "its first node began",
        _R.SUCCESS: "every result came from the cache",
        _R.FAILED: "it ended without a node having begun",
        _R.KILLED: "it was killed before a node began",
    },
    _R.RUNNING: {
        _R.SUCCESS: "every node succeeded",
        _R.FAILED: "every node ended, not all in success, none killed",
        _R.KILLED: "every node ended, at least one killed",
    },
    _R.SUCCESS: {},
    _R.FAILED: {_R.RUNNING: "accio retry"},
    _R.KILLED: {_R.RUNNING: "accio retry"},
}

# An ended parent follows the rule over the children that it still has: the deletion of one may change its state.
RUN_JUDGED_ANEW: Mapping[RunState, Mapping[RunState, str]] = {
    _R.FAILED: {_R.SUCCESS: "every child that failed was deleted"},
    _R.KILLED: {
        _R.SUCCESS: "every child that failed or was killed was deleted",
        _R.FAILED: "every child that was killed was deleted",
    },
}

_P = Phase
PHASE_TRANSITIONS: Mapping[Phase, Mapping[Phase, str]] = {
    _P.IDLE: {
        _P.QUEUED: "no result has its key, or its attempt came back",
        _P.BACKING_OFF: "its attempt failed, and its node's back-off isn't over",
        _P.OVER: "a result has its key, nobody wants it any more, or its attempt was the last it had",
    },
    _P.BACKING_OFF: {
        _P.QUEUED: "the back-off is over",
        _P.OVER: "nobody wants it any more, or an equal one gave the result",
    },
    _P.QUEUED: {
        _P.GRANTED: "an agent has room for it",
        _P.AHEAD: "it is sent ahead of room",
        _P.BACKING_OFF: "the last agent has left that might have had space for it",
        _P.OVER: "nobody wants it any more, no agent can ever execute it, or an equal one gave the result",
    },
    _P.AHEAD: {
        _P.GRANTED: "an attempt of its class ended there and passed its grant on, or its agent came back running it",
        _P.IDLE: "recalled, lost, or reported as failed by an agent that had granted it itself",
        _P.OVER: "reported as succeeded by an agent that had granted it itself",
        _P.STOPPING_AHEAD: "nobody wants it any more",
    },
    _P.GRANTED: {
        _P.AHEAD: "its agent came back and doesn't run it: grants are agreed upon anew",
        _P.IDLE: "its attempt failed, or its agent was lost",
        _P.OVER: "its attempt succeeded",
        _P.STOPPING: "nobody wants it any more",
    },
    _P.STOPPING_AHEAD: {
        _P.STOPPING: "a grant was passed on to it, or its agent came back running it",
        _P.OVER: "its agent gave it up, or was lost",
    },
    _P.STOPPING: {
        _P.STOPPING_AHEAD: "its agent came back and doesn't run it",
        _P.OVER: "its attempt ended, or its agent was lost",
    },
    _P.OVER: {},
}

# Where a restart may find an execution that an agent had.
PHASES_RESTORED = frozenset({_P.AHEAD, _P.GRANTED})
PHASES_WITH_GRANT = frozenset({_P.GRANTED, _P.STOPPING})
PHASES_STOPPING = frozenset({_P.STOPPING_AHEAD, _P.STOPPING})

_AT_AN_AGENT = frozenset({"agent", "attempt"})
# The fields that an execution has in each phase, and in no phase that doesn't name them.
PHASE_FIELDS: Mapping[Phase, frozenset[str]] = {
    _P.IDLE: frozenset(),
    _P.BACKING_OFF: frozenset({"not_before", "not_before_ms"}),
    _P.QUEUED: frozenset({"queued_mono"}),
    _P.AHEAD: _AT_AN_AGENT,
    _P.GRANTED: _AT_AN_AGENT,
    _P.STOPPING_AHEAD: _AT_AN_AGENT,
    _P.STOPPING: _AT_AN_AGENT,
    _P.OVER: frozenset(),
}
# Fields that an execution may have in these phases.
PHASE_OPTIONS: Mapping[Phase, frozenset[str]] = {
    _P.IDLE: frozenset({"not_before", "not_before_ms"}),
    _P.BACKING_OFF: frozenset(),
    _P.QUEUED: frozenset(),
    _P.AHEAD: frozenset({"gpus"}),
    _P.GRANTED: frozenset({"gpus"}),
    _P.STOPPING_AHEAD: frozenset({"gpus", "traceless"}),
    _P.STOPPING: frozenset({"gpus", "traceless"}),
    _P.OVER: frozenset({"traceless"}),
}


class IllegalMove(Exception):
    """A move that the tables don't have: a bug of the caller, and nothing has changed."""


def check_node_move(before: NodeState, after: NodeState) -> None:
    """Raise IllegalMove unless a node may go from *before* to *after*."""
    if after not in NODE_TRANSITIONS[before]:
        raise IllegalMove(f"a node can't go from {before} to {after}")


def check_run_move(before: RunState, after: RunState) -> None:
    """Raise IllegalMove unless a run may go from *before* to *after*."""
    if after not in RUN_TRANSITIONS[before]:
        raise IllegalMove(f"a run can't go from {before} to {after}")


def check_run_judged_anew(before: RunState, after: RunState) -> None:
    """Raise IllegalMove unless the deletion of a child may turn an ended run from *before* into *after*."""
    if after not in RUN_JUDGED_ANEW.get(before, ()):
        raise IllegalMove(f"a run that is over can't turn from {before} into {after}")


def check_phase_move(before: Phase, after: Phase) -> None:
    """Raise IllegalMove unless an execution may go from *before* to *after*."""
    if after not in PHASE_TRANSITIONS[before]:
        raise IllegalMove(f"an execution can't go from {before} to {after}")


def final_state(states: Iterable[NodeState | RunState]) -> RunState:
    """Return the state of a run whose nodes (of a parent whose children) have all ended in *states*.

    All success is success; else any killed is killed; else failed. Takes counts as well: a mapping is read by its keys.
    """
    found = {state.value for state in states}
    if found <= {RunState.SUCCESS.value}:
        return RunState.SUCCESS
    return RunState.KILLED if RunState.KILLED.value in found else RunState.FAILED
