"""States as the small numbers that the database keeps. Append-only: a number never changes its meaning."""

from accio.domain.pools import AllocationState
from accio.domain.states import NodeState, RunState

RUN_STATES: dict[RunState, int] = {
    RunState.SCHEDULED: 1,
    RunState.RUNNING: 2,
    RunState.SUCCESS: 3,
    RunState.FAILED: 4,
    RunState.KILLED: 5,
}
NODE_STATES: dict[NodeState, int] = {
    NodeState.WAITING: 1,
    NodeState.QUEUED: 2,
    NodeState.RUNNING: 3,
    NodeState.SUCCESS: 4,
    NodeState.FAILED: 5,
    NodeState.KILLED: 6,
    NodeState.LOST: 7,
    NodeState.CANCELLED: 8,
}
ALLOCATION_STATES: dict[AllocationState, int] = {
    AllocationState.REQUESTED: 1,
    AllocationState.PENDING: 2,
    AllocationState.RUNNING: 3,
    AllocationState.ENDED: 4,
    AllocationState.FAILED: 5,
    AllocationState.LOST: 6,
}
RUN_STATE_OF = {number: state for state, number in RUN_STATES.items()}
NODE_STATE_OF = {number: state for state, number in NODE_STATES.items()}
ALLOCATION_STATE_OF = {number: state for state, number in ALLOCATION_STATES.items()}

SINGLE, PARENT = 1, 2

# How an attempt ended that gave no result.
ATTEMPT_FAILED, ATTEMPT_KILLED, ATTEMPT_LOST, ATTEMPT_SUPERSEDED = 1, 2, 3, 4
ATTEMPT_STATES = {
    ATTEMPT_FAILED: "failed",
    ATTEMPT_KILLED: "killed",
    ATTEMPT_LOST: "lost",
    ATTEMPT_SUPERSEDED: "superseded",
}
