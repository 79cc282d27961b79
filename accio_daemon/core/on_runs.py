"""What clients do to runs: submit, kill, delete.

And how children are opened, one after the other, never all at once.
"""

from itertools import islice

from accio.domain.children import CLOSED_BY_DELETE, CLOSED_BY_KILL, OPEN
from accio.domain.failures import Failure
from accio.domain.people import Person
from accio.domain.states import NODE_TERMINAL, Cause, NodeState
from accio.errors import AlreadyExists, NotFound
from accio_daemon.core import endings, points_over, trials_over
from accio_daemon.core.commands import DeleteRun, KillRun, SubmitRun, Submitted
from accio_daemon.core.effects import EventRow
from accio_daemon.core.facts import InstanceFacts, StaleFacts
from accio_daemon.core.moves import count_children, count_out_nodes, move_node
from accio_daemon.core.plan import compile_plan
from accio_daemon.core.records import Instance, Run
from accio_daemon.core.rounds import Rounds
from accio_daemon.core.terms import RunNo
from accio_daemon.core.told import Told
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

_QUEUED = NodeState.QUEUED  # at hand, as finding a member in its class costs more than comparing it (see moves)
_KILLED = Failure(cause=Cause.KILLED, message="the run was killed")
_NEVER_READY = Failure(cause=Cause.CANCELLED, message="the run was killed before this node was ready")


def submit(turn: Turn, command: SubmitRun) -> Submitted:
    """Create a run. A repeated idempotency key gives the run of before, another request under it is refused."""
    world, fx = turn.world, turn.fx
    if command.idempotency is not None:
        owner, key, digest = command.idempotency
        before = world.submissions.get((owner, key))
        if before is not None:
            if before[0] != digest:
                raise AlreadyExists(
                    f"the idempotency key {key!r} was used for another request; use a new key for a new submission"
                )
            return Submitted(no=before[1].no, id=before[1].id, created=False, created_ms=before[1].created_ms)
    definition = command.definition
    run = Run(
        no=world.numbers.next_run(),
        id=command.id,
        workflow=command.workflow,
        plan=command.plan or compile_plan(command.workflow, definition.sweep, command.operators, world.classes),
        sweep=definition.sweep,
        single=definition.sweep.is_single,
        seed=command.seed,
        cache=command.cache,
        on_failure=definition.on_failure,
        nice=definition.nice,
        sequence=turn.next_sequence(),
        created_ms=turn.now.wall_ms,
        pins=command.pins,
        owner=world.owners.of(Person(name=command.owner_name, email=command.owner_email)),
    )
    if definition.sweep.until is not None:
        run.rounds = Rounds(definition.sweep, definition.sweep.until, {})
    if definition.sweep.asks:
        run.told = Told(())
    world.runs[run.no] = run
    world.unopened.add(run)
    fx.submitted.append((run, command))
    fx.runs[run.no] = run
    for text, pin in run.pins.items():
        fx.pins.append((run.no, text, pin))
    answer = Submitted(no=run.no, id=run.id, created=True, created_ms=run.created_ms)
    if command.idempotency is not None:
        owner, key, digest = command.idempotency
        world.submissions.keep((owner, key), (digest, answer))
    return answer


def open_children(world: World, limit: int, settling: int) -> int:
    """Open up to *limit* children whose owner has few executions of their roots' classes queued, and none while
    *settling* nodes or more are ready; return how many were opened.
    """
    opened = 0
    full: set[int] = set()
    backlog = world.settings.backlog
    for bucket in world.unopened.buckets():
        # Looked at once: what is opened here reaches the queue only afterwards.
        if all(world.queue.backlog(class_id, bucket.owner, nice=bucket.nice) >= backlog for class_id in bucket.classes):
            continue
        while opened < limit and len(world.ready) < settling:
            run = world.unopened.first(bucket, skip=full)
            if run is None:
                break
            if len(run.open) >= world.settings.open_children:
                opened += _look_ahead(world, run, limit - opened)
                full.add(run.no)
                continue
            if run.rounds is None:
                room = min(limit - opened, world.settings.open_children - len(run.open))
                opened += _open_behind_cursor(world, run, room, settling)
            else:
                opened += _open_of_round(world, run, run.rounds)
        if opened >= limit:
            break
    world.opened += opened
    return opened


def _open_of_round(world: World, run: Run, rounds: Rounds) -> int:
    """Open the next child of a run that is repeated until precise; return 0 if none was left, else 1."""
    index = rounds.next(lambda index: _is_taken(run, index))
    if index is not None:
        open_instance(world, Instance(run, index, run.sequence))
    if not run.unopened:
        world.unopened.remove(run)
    return 0 if index is None else 1


def _open_behind_cursor(world: World, run: Run, limit: int, settling: int) -> int:
    """Open up to *limit* children that aren't taken, until *settling* nodes are ready; return how many were opened.

    The cursor moves behind them.
    """
    taken, size, ready = run.taken, run.size, world.ready
    opened, index = 0, taken.cursor
    while index < size and opened < limit and len(ready) < settling:
        if not _is_taken(run, index):
            open_instance(world, Instance(run, index, run.sequence))
            opened += 1
        index += 1
    taken.cursor = index
    if index >= size:
        world.unopened.remove(run)
    return opened


def _is_taken(run: Run, index: int) -> bool:
    """Return whether a child was opened, has ended, or was deleted."""
    taken = run.taken  # asked for each child, and so without further calls
    if index in run.open or index < taken.low or index in taken.reached:
        return True
    return bool(taken.removed) and taken.is_removed(index)


def _look_ahead(world: World, run: Run, limit: int) -> int:
    """Open children beyond the open ones, one for each other set of inputs of the roots.

    When the open children all wait for a few shared executions, agents would idle although later children need others.
    What is skipped stays unopened, and its turn comes when the cursor does.
    """
    axes = run.plan.root_axes
    if run.rounds is not None or not axes or len(run.open) >= world.settings.open_children + world.settings.backlog:
        return 0
    stride = run.sweep.stride(axes)
    if stride == 1:
        return 0  # no two children share their roots, or it isn't known which
    opened = 0
    index = max(run.taken.ahead, (run.taken.cursor // stride + 1) * stride)
    while index < run.size and opened < min(limit, world.settings.backlog):
        if not _is_taken(run, index):
            open_instance(world, Instance(run, index, run.sequence))
            opened += 1
        index += stride
    run.taken.ahead = index
    return opened


def open_instance(world: World, instance: Instance) -> None:
    """Make a child's roots ready."""
    run = instance.run
    run.open[instance.index] = instance
    for no in instance.roots:
        move_node(instance, no, _QUEUED)
        world.ready.append((instance, no))


def kill(turn: Turn, command: KillRun) -> bool:
    """Stop a run or one child; an ended one stays as it is."""
    run = turn.world.runs.get(command.run)
    if run is None:
        return False
    if command.index is None or run.single:
        return _kill_all(turn, run, command.by)
    index = command.index
    if run.taken.is_removed(index) or index >= run.size:
        raise NotFound(f"there is no run {run.name_of(index)}")
    instance = run.open.get(index)
    if instance is None:
        if run.taken.has_row(index) or run.closed != OPEN:
            return False
        instance = Instance(run, index, run.sequence)
        run.open[index] = instance
    note(turn, run, index, "killed", f"killed by {command.by}")
    kill_instance(turn, instance)
    return True


def _kill_all(turn: Turn, run: Run, by: str) -> bool:
    world = turn.world
    if run.closed in (CLOSED_BY_KILL, CLOSED_BY_DELETE):
        return False
    run.closed = CLOSED_BY_KILL
    world.unopened.remove(run)
    turn.fx.runs[run.no] = run
    note(turn, run, None, "killed", f"killed by {by}")
    for instance in list(islice(run.open.values(), world.settings.killed_at_once)):
        kill_instance(turn, instance)
    if run.no in world.runs:
        world.killing.append(run)
        endings.run_over(turn, run)
    return True


def go_on_killing(turn: Turn, most: int) -> None:
    """Kill *most* more open children of runs that are being killed, however many these are, or as many as one decision
    may; the run that was first is last the next time.
    """
    world = turn.world
    left = min(most, world.settings.killed_at_once)
    while world.killing and left > 0:
        run = world.killing.popleft()
        if run.closed != CLOSED_BY_KILL:
            continue  # retried since: what the kill hadn't reached goes on
        some = list(islice(run.open.values(), left))
        left -= len(some)
        for instance in some:
            kill_instance(turn, instance)
        if run.open:
            world.killing.append(run)


def kill_instance(turn: Turn, instance: Instance, killed: Failure = _KILLED) -> None:
    """Kill what runs or is queued of a child, cancel what waits."""
    for no, state in enumerate(instance.states):
        if state not in NODE_TERMINAL:
            endings.unsubscribe(turn, instance, no)
            ready = state is not NodeState.WAITING or instance.waiting[no] == 0
            if ready:
                if state is NodeState.WAITING:
                    move_node(instance, no, NodeState.QUEUED)  # a root of a child that wasn't opened yet
                endings.end_node(turn, instance, no, NodeState.KILLED, killed)
            else:
                endings.end_node(turn, instance, no, NodeState.CANCELLED, _NEVER_READY)
    if instance.index in instance.run.open:
        endings.instance_over(turn, instance)


def delete(turn: Turn, command: DeleteRun) -> bool:
    """Delete a run or one child, stopping it first; the last child takes its parent along."""
    run = turn.world.runs.get(command.run)
    if run is None and command.index is not None:
        raise StaleFacts("the run has ended in between")
    if run is None:
        turn.fx.removed_runs.append(command.run)
        leave_no_trace(turn.world, command.run, None)
    elif command.index is None or run.single:
        _stop_quietly(turn, run)
    else:
        _delete_child(turn, run, command.index, command.ended)
    return True


def _stop_quietly(turn: Turn, run: Run) -> None:
    run.closed = CLOSED_BY_DELETE
    turn.world.unopened.remove(run)
    for instance in list(run.open.values()):
        silence(turn, instance)
    leave_no_trace(turn.world, run.no, None)
    forget(turn, run)
    turn.fx.removed_runs.append(run.no)


def leave_no_trace(world: World, run: RunNo, index: int | None) -> None:
    """Mark what is still being stopped at agents for a deleted run or child: it writes nothing any more."""
    for execution in world.by_attempt.values():
        if execution.stopping and execution.owner[0] == run and index in (None, execution.owner[1]):
            execution.traceless = True
    for attempt in [no for no, owner in world.fenced.items() if owner[0] == run and index in (None, owner[1])]:
        del world.fenced[attempt]


def silence(turn: Turn, instance: Instance) -> None:
    """End a child without a trace: nothing of it runs or becomes ready any more."""
    for no in range(len(instance.states)):
        endings.unsubscribe(turn, instance, no)
        state = instance.states[no]
        if state not in NODE_TERMINAL:
            move_node(instance, no, NodeState.CANCELLED if state is NodeState.WAITING else NodeState.KILLED)


def forget(turn: Turn, run: Run) -> None:
    """Remove a deleted run from memory; rows that this batch had for it are not written."""
    fx = turn.fx
    run.open.clear()
    turn.world.runs.pop(run.no, None)
    endings.stop_digesting(turn, run)
    fx.runs.pop(run.no, None)
    fx.submitted = [entry for entry in fx.submitted if entry[0] is not run]
    fx.pins = [pin for pin in fx.pins if pin[0] != run.no]
    for point in [point for point in fx.rounds if point[0] == run.no]:
        del fx.rounds[point]
    fx.told = [each for each in fx.told if each[0] != run.no]
    fx.grown.pop(run.no, None)
    for pruned in [child for child in fx.pruned if child[0] == run.no]:
        del fx.pruned[pruned]
    for key in [key for key in fx.instances if key[0] == run.no]:
        del fx.instances[key]
    for node_key in [key for key in fx.nodes if key[0] == run.no]:
        del fx.nodes[node_key]
    for node_key in [key for key in fx.demands if key[0] == run.no]:
        del fx.demands[node_key]
    for node_key in [key for key in fx.checkpoints if key[0] == run.no]:
        del fx.checkpoints[node_key]


def _delete_child(turn: Turn, run: Run, index: int, ended: InstanceFacts | None) -> None:
    if index >= run.size or run.taken.is_removed(index):
        raise NotFound(f"there is no run {run.name_of(index)}")
    instance = run.open.get(index)
    if instance is not None:
        silence(turn, instance)
        count_out_nodes(run, instance.states)
        count_children(run, instance.state, -1)
        del run.open[index]
    elif ended is not None:
        count_out_nodes(run, [node.state for node in ended.nodes])
        count_children(run, ended.state, -1)
    elif not run.taken.is_unreached(index):
        raise StaleFacts("the child has ended in between")
    leave_no_trace(turn.world, run.no, index)
    remove_child(turn, run, index)


def remove_child(turn: Turn, run: Run, index: int) -> None:
    """Note that a child is gone for good."""
    fx = turn.fx
    run.taken.remove(index)
    if index in run.pruned:
        run.pruned.discard(index)
        fx.pruned[run.no, index] = False
    fx.removed_instances.append((run.no, index))
    drop_rows(turn, run.no, index)
    fx.runs[run.no] = run
    if run.rounds is not None:
        points_over.child_over(turn, run, run.rounds, index)
    if run.told is not None:
        trials_over.child_over(turn, run, run.told, index)
    if not run.counts.present:
        turn.world.unopened.remove(run)
        for left in list(run.open.values()):  # nodes of the parent itself
            silence(turn, left)
        forget(turn, run)
        fx.removed_runs.append(run.no)
        return
    endings.run_over(turn, run)


def drop_rows(turn: Turn, run: RunNo, index: int) -> None:
    """Drop the rows that this batch had for a child, or for a parent's own nodes."""
    fx = turn.fx
    fx.instances.pop((run, index), None)
    for rows in (fx.nodes, fx.demands, fx.checkpoints):
        for key in [key for key in rows if key[0] == run and key[1] == index]:
            del rows[key]


def note(turn: Turn, run: Run, index: int | None, kind: str, detail: str) -> None:
    """Keep a rare event of a run or a child."""
    turn.fx.events.append(EventRow(run.no, index, None, None, kind, detail, turn.now.wall_ms))
