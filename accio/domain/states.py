"""The states of nodes and runs, and every move between them: these tables are the specification.

`docs/states.md` is generated from this file. An illegal move is refused before anything changes (`check_node_move`).
This file must not know why the scheduler moves a node, only which moves exist and what each means.
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
    CANNOT_BE_PLACED = "cannot be placed"
    KILLED = "killed"
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


def final_state(states: Iterable[NodeState | RunState]) -> RunState:
    """Give the state of a run whose nodes (of a parent whose children) have all ended in *states*.

    All success is success; else any killed is killed; else failed. Takes counts as well: a mapping is read by its keys.
    """
    found = {state.value for state in states}
    if found <= {RunState.SUCCESS.value}:
        return RunState.SUCCESS
    return RunState.KILLED if RunState.KILLED.value in found else RunState.FAILED
