"""The only writer of states: of nodes, children, runs, executions and allocations.

Every move asks the tables of `accio.domain.states` first. Whatever follows from a state alone is updated with it, so
that the two can't contradict each other: the number of a child's nodes that are left, a run's counts of nodes and
children by state, membership in the queue. Why something moves is its caller's business. A test of the repository holds
that nobody else assigns a state.
"""

from collections.abc import Iterable

from accio.domain.children import OWN
from accio.domain.pools import AllocationState, check_allocation_move
from accio.domain.states import (
    NODE_TERMINAL,
    NODE_TRANSITIONS,
    PHASE_TRANSITIONS,
    PHASES_RESTORED,
    RUN_TERMINAL,
    RUN_TRANSITIONS,
    IllegalMove,
    NodeState,
    Phase,
    RunState,
    check_node_move,
    check_phase_move,
    check_run_judged_anew,
    check_run_move,
)
from accio_daemon.core.pools.records import Allocation
from accio_daemon.core.records import Execution, Instance, Run
from accio_daemon.core.world import World

# Nodes and executions move thousands of times a second. So the members that each move compares are at hand, as finding
# one in its class costs more than comparing it; and the tables are asked here before they are asked to refuse.
_QUEUED, _BACKING_OFF, _OVER = Phase.QUEUED, Phase.BACKING_OFF, Phase.OVER
_SCHEDULED, _RUNNING, _SUCCESS = RunState.SCHEDULED, RunState.RUNNING, RunState.SUCCESS

# --- nodes -----------------------------------------------------------------------------------------------------------


def move_node(instance: Instance, no: int, after: NodeState) -> None:
    """Move a node; IllegalMove, and nothing has changed, if there is no such move."""
    before = instance.states[no]
    if after not in NODE_TRANSITIONS[before]:
        check_node_move(before, after)
    instance.states[no] = after
    if after in NODE_TERMINAL:
        instance.remaining -= 1
        instance.run.nodes_ended[after] += 1
    elif before in NODE_TERMINAL:
        instance.remaining += 1
        instance.run.nodes_ended[before] -= 1


def restore_node(instance: Instance, no: int, ended: NodeState) -> None:
    """Set a node of a child that is read back to how it ended; its run's counters, read back too, have counted it."""
    if ended not in NODE_TERMINAL or instance.states[no] is not NodeState.WAITING:
        raise IllegalMove(f"a node that is {instance.states[no]} can't be restored as {ended}")
    instance.states[no] = ended
    instance.remaining -= 1


# --- children --------------------------------------------------------------------------------------------------------


def move_instance(instance: Instance, after: RunState) -> None:
    """Move an open child; IllegalMove, and nothing has changed, if there is no such move."""
    before = instance.state
    if after not in RUN_TRANSITIONS[before]:
        check_run_move(before, after)
    instance.state = after
    if instance.index == OWN:
        instance.run.own_state = after
        return
    run = instance.run  # what nearly all children do is counted without further calls
    if before is _RUNNING:
        run.running -= 1
    elif before is not _SCHEDULED:
        count_children(run, before, -1)
    if after is _RUNNING:
        run.running += 1
    elif after is _SUCCESS:
        run.success += 1
    else:
        count_children(run, after, 1)


def restore_instance(instance: Instance, state: RunState) -> None:
    """Set a child that is read back to its stored state, which its run's counters, read back too, have counted."""
    if instance.state is not RunState.SCHEDULED:
        raise IllegalMove(f"a child that is {instance.state} can't be restored as {state}")
    instance.state = state
    if instance.own:
        instance.run.own_state = state


def count_children(run: Run, state: RunState, by: int) -> None:
    """Count children of a run in or out; those that are scheduled aren't counted."""
    if state is _RUNNING:
        run.running += by
    elif state is _SUCCESS:
        run.success += by
    elif state is RunState.FAILED:
        run.failed += by
    elif state is RunState.KILLED:
        run.killed += by


def count_out_nodes(run: Run, ended: Iterable[NodeState]) -> None:
    """Subtract the ended nodes of a child that is deleted from its run's counters."""
    for state in ended:
        run.nodes_ended[state] -= 1


def reset_own_nodes(run: Run) -> None:
    """Make the nodes of a parent itself wait for its children again, which go on; their rows are the caller's."""
    run.own_state = RunState.SCHEDULED


# --- runs ------------------------------------------------------------------------------------------------------------


def move_run(run: Run, after: RunState) -> None:
    """Move a run; IllegalMove, and nothing has changed, if there is no such move."""
    check_run_move(run.state, after)
    run.state = after


def end_run(run: Run, after: RunState) -> None:
    """End a run in a state, or judge one that is over anew, as a child of it was deleted or nothing has changed."""
    if run.state in RUN_TERMINAL:
        if after is not run.state:
            check_run_judged_anew(run.state, after)
            run.state = after
        return
    move_run(run, after)


def restore_run(run: Run, state: RunState, own: RunState = RunState.SCHEDULED) -> None:
    """Set a run that is read back to its stored state, and that of a parent's own nodes."""
    if run.state is not RunState.SCHEDULED:
        raise IllegalMove(f"a run that is {run.state} can't be restored as {state}")
    run.state, run.own_state = state, own


# --- executions ------------------------------------------------------------------------------------------------------


def move_execution(world: World, execution: Execution, after: Phase) -> None:
    """Move an execution, and so into or out of the queue; IllegalMove if there is no such move: nothing has changed."""
    before = execution.phase
    if after not in PHASE_TRANSITIONS[before]:
        check_phase_move(before, after)
    if before is _QUEUED:
        world.queue.leave(execution)
        execution.queued_mono = 0.0
    elif before is _BACKING_OFF:
        world.backing_off.discard(execution)
        execution.not_before = execution.not_before_ms = None
    execution.phase = after
    if after is _QUEUED:
        world.queue.enter(execution)
    elif after is _BACKING_OFF:
        world.backing_off.add(execution)


def restore_execution(execution: Execution, phase: Phase) -> None:
    """Set an execution that is read back to where its agent had it."""
    if execution.phase is not Phase.IDLE or phase not in PHASES_RESTORED:
        raise IllegalMove(f"an execution that is {execution.phase} can't be restored as {phase}")
    execution.phase = phase


def forget_execution(world: World, execution: Execution) -> None:
    """End an execution, and take it out of every index; one that is over already stays so."""
    if execution.phase is not _OVER:
        move_execution(world, execution, _OVER)
    world.executions.pop(execution.id, None)
    joinable = execution.joinable  # as `share_no_more` does: here it is asked for each node
    if joinable is not None and world.joinable.get(joinable) is execution:
        del world.joinable[joinable]


def stop_execution(world: World, execution: Execution) -> None:
    """Mark an execution at an agent as wanted by nobody; it is over once its agent says so, or is lost."""
    move_execution(world, execution, Phase.STOPPING if execution.has_grant else Phase.STOPPING_AHEAD)
    share_no_more(world, execution)


def share_no_more(world: World, execution: Execution) -> None:
    """Close an execution to further nodes."""
    if execution.joinable is not None and world.joinable.get(execution.joinable) is execution:
        del world.joinable[execution.joinable]


# --- allocations -----------------------------------------------------------------------------------------------------


def move_allocation(allocation: Allocation, after: AllocationState) -> None:
    """Move an allocation; IllegalMove, and nothing has changed, if there is no such move."""
    check_allocation_move(allocation.state, after)
    allocation.state = after


def restore_allocation(allocation: Allocation, state: AllocationState) -> None:
    """Set an allocation that is read back to its stored state."""
    if allocation.state is not AllocationState.REQUESTED:
        raise IllegalMove(f"an allocation that is {allocation.state} can't be restored as {state}")
    allocation.state = state
