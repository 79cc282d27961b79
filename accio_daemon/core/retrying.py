"""Running again what didn't succeed: the same run, the same seeds, a new place. Successes stay."""

from accio.domain.children import OPEN, OWN
from accio.domain.states import NODE_RETRIABLE, RUN_TERMINAL, NodeState, RunState
from accio_daemon.core import endings, gathering, repeating, trials_over
from accio_daemon.core.commands import RetryRun
from accio_daemon.core.demands import RAISED, changes_demands, check, raise_demand
from accio_daemon.core.externals import forget_lacks
from accio_daemon.core.facts import InstanceFacts, StaleFacts
from accio_daemon.core.moves import (
    count_out_nodes,
    move_instance,
    move_node,
    move_run,
    reset_own_nodes,
    restore_instance,
    restore_node,
)
from accio_daemon.core.on_runs import drop_rows, leave_no_trace, note, open_instance, silence
from accio_daemon.core.plan import Plan, compile_plan
from accio_daemon.core.records import Instance, Run
from accio_daemon.core.turn import Turn


def retry(turn: Turn, command: RetryRun) -> bool:
    """Make a run, or one child, go on; return whether anything changed.

    The engine revived the run if it had ended, and read its ended children.
    """
    world = turn.world
    run = world.runs.get(command.run)
    if run is None:
        raise StaleFacts("the run has ended in between")
    index = None if run.single else command.index
    if run.own_state in RUN_TERMINAL and command.own is None:
        raise StaleFacts("the run's own nodes have ended in between")
    plan = _plan(turn, run, command, index)
    changes = check(world, run, plan, command)
    moved = plan is not run.plan
    if moved:
        _repin(turn, run, plan)
    forget_lacks(world, run)
    sequence = turn.next_sequence()
    for child in command.ended:
        if child.index not in run.open and child.index not in run.pruned and not run.taken.is_removed(child.index):
            _reopen(run, child)  # else retried or deleted since it was read, or ended early for good
    changed = False
    for instance in list(run.open.values()) if index is None else [run.open[i] for i in (index,) if i in run.open]:
        changed = (not instance.own and _again(turn, instance, sequence, command)) or changed
    if index is None:
        changed = _reopen_unreached(turn, run, sequence) or changed
    elif run.closed != OPEN and run.taken.is_unreached(index) and index not in run.open:
        open_instance(world, Instance(run, index, sequence))
        _go_on(turn, run.open[index])
        changed = True
    if run.plan.gathers:
        changed = _retry_own(turn, run, command, sequence, goes_on=changed) or changed
    if changed:
        _go_on_with_run(turn, run)
    if changed or moved:
        latest = ", with the latest operators" if moved else ""
        with_more = f", with other demands: {changes}" if changes else ""
        note(turn, run, command.index, "retried", f"retried by {command.by}{latest}{with_more}")
    repeating.resume(turn, run)
    trials_over.resume(turn, run)
    endings.run_over(turn, run)
    return changed or moved


def _go_on_with_run(turn: Turn, run: Run) -> None:
    if run.state is not RunState.RUNNING:
        move_run(run, RunState.RUNNING)
    run.ended_ms = None
    turn.fx.runs[run.no] = run


def _retry_own(turn: Turn, run: Run, command: RetryRun, sequence: int, *, goes_on: bool) -> bool:
    """Run the nodes of a parent itself again: all of them once its children that *go on* have ended, or, if all have
    ended, those that didn't succeed. Return whether anything of that changed.
    """
    if goes_on or run.counts.final() is None:
        if run.own_state is not RunState.SCHEDULED:
            _reset_own(turn, run, command.own)
        return False
    if command.index is not None and not run.single:
        return False
    if command.own is not None and run.own_state in RUN_TERMINAL:
        if not any(node.state in NODE_RETRIABLE for node in command.own.nodes):
            return False
        _reopen(run, command.own)
    own = run.open.get(OWN)
    return own is not None and _again(turn, own, sequence, command)


def _reset_own(turn: Turn, run: Run, ended: InstanceFacts | None) -> None:
    """Make all nodes of a parent itself wait for its children again, as if none of them had begun."""
    fx, own = turn.fx, run.open.pop(OWN, None)
    if own is not None:
        silence(turn, own)
        count_out_nodes(run, own.states[run.plan.per_child :])
    elif ended is not None:
        count_out_nodes(run, [node.state for node in ended.nodes])
    leave_no_trace(turn.world, run.no, OWN)
    drop_rows(turn, run.no, OWN)
    gathering.forget(turn, run)
    reset_own_nodes(run)
    fx.begun_anew.append(run.no)


def _plan(turn: Turn, run: Run, command: RetryRun, index: int | None) -> Plan:
    """Return the plan to go on with: another one if other operators are wanted, and something is yet to be executed."""
    pinned = tuple(node.operator_no for node in run.plan.nodes)
    if command.operators is None or pinned == tuple(operator.no for operator in command.operators):
        return run.plan
    if index is None:
        has_more = run.state is not RunState.SUCCESS
    else:
        has_more = bool(command.ended) or index in run.open or run.taken.is_unreached(index)
    return compile_plan(run.workflow, run.sweep, command.operators, turn.world.classes) if has_more else run.plan


def _repin(turn: Turn, run: Run, plan: Plan) -> None:
    """Pin other operator versions for what hasn't been dispatched."""
    world = turn.world
    run.plan = plan
    turn.fx.repinned[run.no] = tuple(node.operator_no for node in plan.nodes)
    world.unopened.refile(run)
    for instance in run.open.values():
        for no, execution in enumerate(instance.executions):
            if execution is not None and execution.agent is None:
                endings.unsubscribe(turn, instance, no)
                world.ready.append((instance, no))


def _reopen_unreached(turn: Turn, run: Run, sequence: int) -> bool:
    """Open the run again for children that a kill or a failure kept from beginning."""
    closed, run.closed = run.closed, OPEN
    if closed == OPEN:
        return False
    turn.fx.runs[run.no] = run
    if run.taken.low >= run.size:
        return run.size < run.sweep.budget  # a study goes on asking
    run.taken.go_back()
    run.sequence = sequence
    for instance in run.open.values():  # their rows told their place by that of the run
        if instance.started_ms is not None:
            endings.keep_instance(turn, instance)
    if run not in turn.world.unopened:
        turn.world.unopened.add(run)
    return True


def _reopen(run: Run, child: InstanceFacts) -> None:
    """Open an ended child again, it and its nodes as they ended."""
    run.open[child.index] = restored_instance(run, child, run.sequence)


def _again(turn: Turn, instance: Instance, sequence: int, command: RetryRun) -> bool:
    """Reset every node that didn't succeed, with another demand if the *command* has one; those whose predecessors all
    did become ready. Return whether there was one.
    """
    if not any(state in NODE_RETRIABLE for state in instance.states):
        return False
    run, other_demands = instance.run, changes_demands(command)
    instance.sequence = sequence
    for no, state in enumerate(instance.states):
        if state in NODE_RETRIABLE:
            if other_demands and state in RAISED:
                raise_demand(turn, instance, no, command)
            move_node(instance, no, NodeState.WAITING)
            turn.fx.nodes[(run.no, instance.index, no)] = None
    for no, state in enumerate(instance.states):
        if state is NodeState.WAITING:
            predecessors = run.plan.nodes[no].predecessors
            instance.waiting[no] = sum(1 for p in predecessors if instance.states[p] is not NodeState.SUCCESS)
            if instance.waiting[no] == 0:
                move_node(instance, no, NodeState.QUEUED)
                turn.world.ready.append((instance, no))
    _go_on(turn, instance)
    return True


def _go_on(turn: Turn, instance: Instance) -> None:
    """Keep a child as running: one that was killed before it began begins now."""
    endings.begin_instance(turn, instance)
    if instance.state is not RunState.RUNNING:
        move_instance(instance, RunState.RUNNING)
    endings.keep_instance(turn, instance)


def restored_instance(run: Run, facts: InstanceFacts, sequence: int) -> Instance:
    """Return an open child as it is stored: nodes that ended stay ended, everything else waits again."""
    instance = Instance(run, facts.index, sequence if facts.sequence is None else facts.sequence)
    instance.started_ms = facts.started_ms
    instance.tried = facts.tried
    instance.demands = facts.demands
    instance.checkpoints = facts.checkpoints
    restore_instance(instance, facts.state)
    for fact in facts.nodes:
        restore_node(instance, fact.no, fact.state)
        instance.ends[fact.no] = fact.sequence
        if fact.state is NodeState.SUCCESS:
            instance.results[fact.no] = fact.result
            for successor in run.plan.nodes[fact.no].successors:
                instance.waiting[successor] -= 1
    return instance
