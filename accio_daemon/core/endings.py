"""How nodes, children and runs end, and what follows: successors become ready or are cancelled, counters move.

Everything that ends goes through here, so that a counter is changed in one place only.
"""

from accio.domain.children import CLOSED_BY_FAILURE, CLOSED_BY_KILL, OPEN, OWN
from accio.domain.failures import Failure
from accio.domain.states import RUN_TERMINAL, Cause, NodeState, RunState, final_state
from accio_daemon.core import checkpoints, payers, points_over, trials_over
from accio_daemon.core.effects import NodeRow
from accio_daemon.core.moves import (
    end_run,
    forget_execution,
    move_instance,
    move_node,
    move_run,
    stop_execution,
)
from accio_daemon.core.records import Execution, Instance, Run
from accio_daemon.core.terms import Result
from accio_daemon.core.turn import Turn

# At hand, as finding a member in its class costs more than comparing it (see moves).
_SUCCESS, _WAITING, _QUEUED = NodeState.SUCCESS, NodeState.WAITING, NodeState.QUEUED
_SCHEDULED, _BEGUN, _SUCCEEDED = RunState.SCHEDULED, RunState.RUNNING, RunState.SUCCESS


def begin_instance(turn: Turn, instance: Instance) -> None:
    """Note that a child's first node began (or ended without having to)."""
    if instance.started_ms is not None:
        return
    instance.started_ms = turn.now.wall_ms
    move_instance(instance, _BEGUN)
    run = instance.run
    if run.started_ms is None:
        run.started_ms = turn.now.wall_ms
    if run.state is _SCHEDULED:
        move_run(run, _BEGUN)
    turn.fx.runs[run.no] = run
    run.taken.reach(instance.index)
    keep_instance(turn, instance)


def keep_instance(turn: Turn, instance: Instance, ended_ms: int | None = None) -> None:
    """Keep a child's row: its state, when it began and ended, and its place if that isn't its run's."""
    run = instance.run
    own = None if instance.sequence == run.sequence else instance.sequence
    turn.fx.instances[(run.no, instance.index)] = (instance.state, own, instance.started_ms, ended_ms)


def node_succeeded(turn: Turn, instance: Instance, no: int, result: Result, *, cached: bool, sequence: int) -> None:
    """End a node with a result; successors whose predecessors have all succeeded become ready."""
    run, fx = instance.run, turn.fx
    if instance.started_ms is None:
        begin_instance(turn, instance)
    if instance.checkpoints:
        checkpoints.drop(turn, instance, no)
    instance.results[no] = result
    instance.executions[no] = None
    instance.ends[no] = sequence
    move_node(instance, no, _SUCCESS)
    fx.nodes[(run.no, instance.index, no)] = NodeRow(_SUCCESS, cached, sequence, result.id, None, turn.now.wall_ms)
    waiting, states = instance.waiting, instance.states
    for successor in run.plan.nodes[no].successors:
        waiting[successor] -= 1
        if waiting[successor]:
            continue
        if states[successor] is _WAITING:
            move_node(instance, successor, _QUEUED)
        elif successor not in instance.recomputing:
            continue
        if instance.recomputing:
            instance.recomputing -= {successor}
        turn.world.ready.append((instance, successor))
    if instance.remaining == 0:
        instance_over(turn, instance)
    else:
        fx.runs[run.no] = run


def node_failed(
    turn: Turn, instance: Instance, no: int, state: NodeState, failure: Failure, operator_no: int | None = None
) -> None:
    """End a node without a result, and cancel all its transitive successors.

    *operator_no* is the version by which it ended, whatever its run pins by now; None if it was never to be executed.
    """
    begin = state in (NodeState.FAILED, NodeState.LOST)
    if begin:
        begin_instance(turn, instance)
    end_node(turn, instance, no, state, failure, operator_no)
    run = instance.run
    name = run.plan.nodes[no].name
    for successor in _descendants(instance, no):
        if instance.states[successor] in (_WAITING, _QUEUED):
            unsubscribe(turn, instance, successor)
            cancelled = Failure(
                cause=Cause.CANCELLED, message=f"its predecessor {name} did not succeed ({state})", predecessor=name
            )
            end_node(turn, instance, successor, NodeState.CANCELLED, cancelled)
    if instance.remaining == 0:
        instance_over(turn, instance)
    if begin and run.closed == OPEN and run.on_failure.stops_at(run.failed_nodes):
        stop_run(turn, run)


def _descendants(instance: Instance, no: int) -> list[int]:
    """Return a node's transitive successors, in the graph's order; those behind a cancelled one were cancelled with it.

    Walked when a node fails: kept for every node of a plan they would be quadratic in the number of its nodes.
    """
    nodes, seen = instance.run.plan.nodes, set[int]()
    stack = list(nodes[no].successors)
    while stack:
        found = stack.pop()
        if found not in seen and instance.states[found] is not NodeState.CANCELLED:
            seen.add(found)
            stack.extend(nodes[found].successors)
    return sorted(seen)


def end_node(
    turn: Turn, instance: Instance, no: int, state: NodeState, failure: Failure, operator_no: int | None = None
) -> None:
    """Note that a node ended without a result; its successors are the caller's business."""
    run = instance.run
    move_node(instance, no, state)
    instance.executions[no] = None
    sequence = instance.ends[no] = turn.next_sequence()
    turn.fx.runs[run.no] = run
    row = NodeRow(state, False, sequence, None, failure, turn.now.wall_ms, operator_no)
    turn.fx.nodes[(run.no, instance.index, no)] = row
    turn.fx.weigh(failure.length)


def unsubscribe(turn: Turn, instance: Instance, no: int) -> None:
    """Remove a node from the execution that it waits for; the last one out stops it."""
    execution = instance.executions[no]
    if execution is None:
        return
    instance.executions[no] = None
    execution.subscribers.pop((instance, no), None)  # who is being told of its end has left already
    if not execution.subscribers:
        abandon(turn, execution)
        return
    heir, heir_no = execution.first
    execution.owner = (heir.run.no, heir.index, heir_no)
    if instance.checkpoints:
        checkpoints.pass_on(turn, (instance, no), (heir, heir_no))
    if execution.agent is None and (execution.payer is instance.run.owner or not instance.run.nice):
        payers.choose(turn.world, execution)
    if execution.is_stored:
        begin_instance(turn, heir)  # so that a restart finds who it runs for
        turn.fx.executions[execution.id] = execution
        if execution.has_grant and heir.states[heir_no] is not NodeState.RUNNING:
            move_node(heir, heir_no, NodeState.RUNNING)


def abandon(turn: Turn, execution: Execution) -> None:
    """Stop an execution that nobody wants any more.

    One that was dispatched keeps its reservation until the agent answers.
    """
    if execution.agent is None:
        forget_execution(turn.world, execution)
        if execution.is_stored:
            turn.fx.executions[execution.id] = None
        return
    stop_execution(turn.world, execution)
    turn.fx.executions[execution.id] = execution
    if execution.agent.session is not None and execution.attempt is not None:
        turn.fx.to(execution.agent.session).stops.append(execution.attempt)


def instance_over(turn: Turn, instance: Instance) -> None:
    """End a child all of whose nodes have ended."""
    run = instance.run
    states = instance.states
    succeeded = states.count(_SUCCESS) == len(states)  # what nearly all do
    state = _SUCCEEDED if succeeded else final_state(states)
    if instance.started_ms is None:
        run.taken.reach(instance.index)
    move_instance(instance, state)
    del run.open[instance.index]
    keep_instance(turn, instance, turn.now.wall_ms)
    turn.fx.runs[run.no] = run
    if run.rounds is not None:
        points_over.child_over(turn, run, run.rounds, instance.index)
    if run.told is not None:
        trials_over.child_over(turn, run, run.told, instance.index)
    run_over(turn, run)


def run_over(turn: Turn, run: Run) -> None:
    """End a run whose children have all ended, or will never begin."""
    world = turn.world
    if run.open or (run.rounds is not None and run.rounds.asked and run.is_open):
        return
    final = run.counts.final()
    if final is None:
        return
    if run.plan.gathers:
        if run.own_state not in RUN_TERMINAL:
            _begin_own(turn, run)
            return  # once its own nodes have ended, too, it comes here again
        final = final_state((final, run.own_state))
    end_run(run, final)
    if run.ended_ms is None:  # else a child of a run that was over has been deleted
        run.ended_ms = turn.now.wall_ms
    turn.fx.runs[run.no] = run
    world.runs.pop(run.no, None)
    world.unopened.remove(run)
    stop_digesting(turn, run)


def _begin_own(turn: Turn, run: Run) -> None:
    """Make the nodes of a parent itself ready, as all its children have ended; those that gather from children of which
    one didn't succeed are cancelled, unless they take what there is.
    """
    instance = Instance(run, OWN, turn.world.sequence)
    run.open[OWN] = instance
    counts, nodes = run.counts, run.plan.nodes
    lacking = counts.present - counts.success
    for no in range(run.plan.per_child, len(nodes)):
        if instance.states[no] is not _WAITING:
            continue  # cancelled with one before it
        if run.closed == CLOSED_BY_KILL and not nodes[no].predecessors:
            move_node(instance, no, _QUEUED)
            killed = Failure(cause=Cause.KILLED, message="the run was killed before this node began")
            node_failed(turn, instance, no, NodeState.KILLED, killed)
        elif run.closed != OPEN:
            never = Failure(cause=Cause.CANCELLED, message="on_failure stopped the run before this node was ready")
            node_failed(turn, instance, no, NodeState.CANCELLED, never)
        elif lacking and nodes[no].whole:
            failure = Failure(
                cause=Cause.CANCELLED,
                message=f"it gathers from all children, and {lacking} of {counts.present} did not succeed; with "
                '"partial": true it takes what the others gave',
                predecessor=nodes[nodes[no].gathers[0].node].name,
            )
            node_failed(turn, instance, no, NodeState.CANCELLED, failure)
    for no in instance.roots:
        if instance.states[no] is _WAITING:
            move_node(instance, no, _QUEUED)
            turn.world.ready.append((instance, no))
    if OWN in run.open and instance.remaining < len(nodes) - run.plan.per_child:
        begin_instance(turn, instance)  # some have ended, which a restart must find


def stop_digesting(turn: Turn, run: Run) -> None:
    """Stop agents from reading inputs of a run that is over: it may take them hours."""
    world = turn.world
    world.undigested.discard(run)
    for request in [each.request for each in run.digesting.values() if each.request is not None]:
        _, _, session = world.digest_requests.pop(request)
        if session in world.sessions:
            turn.fx.to(session).moot.append(request)
    run.digesting.clear()


def stop_run(turn: Turn, run: Run) -> None:
    """Stop a run, as its on_failure says: nothing more of it begins.

    Queued and waiting nodes are cancelled, running ones go on.
    """
    run.closed = CLOSED_BY_FAILURE
    turn.world.unopened.remove(run)
    turn.fx.runs[run.no] = run
    failure = Failure(cause=Cause.CANCELLED, message="the run was stopped by on_failure after a node failed")
    for instance in list(run.open.values()):
        for no, state in enumerate(instance.states):
            execution = instance.executions[no]
            running = execution is not None and execution.agent is not None
            if state in (_WAITING, _QUEUED) and not running:
                unsubscribe(turn, instance, no)
                end_node(turn, instance, no, NodeState.CANCELLED, failure)
        if instance.remaining == 0 and instance.index in run.open:
            instance_over(turn, instance)
        elif instance.index in run.open:
            begin_instance(turn, instance)  # what goes on of it must be found after a restart
    run_over(turn, run)
