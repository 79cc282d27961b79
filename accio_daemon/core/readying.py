"""From ready node to execution: inputs, memo key, joining an equal execution, look-up, queue.

A node that becomes ready is put on `World.ready`; `settle` works that list off, so that chains of hits need no
recursion, and a run of many nodes no step that others can't bear. Keys that memory doesn't know are left in
`World.lookups`; the engine reads them from the database in one query and calls `resolve`.
"""

from collections.abc import Iterable, Mapping

from accio.domain.seeds import node_seed
from accio.domain.states import NodeState, Phase
from accio_daemon.core import endings, gathering, payers
from accio_daemon.core.demands import class_of
from accio_daemon.core.inputs import Inputs, key_of, received
from accio_daemon.core.moves import forget_execution, move_execution, move_node
from accio_daemon.core.plan import NodePlan
from accio_daemon.core.recomputing import is_whole
from accio_daemon.core.records import NOBODY, Digesting, Execution, Instance, Run
from accio_daemon.core.terms import CacheMode, Place, Result, SessionNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

# At hand, as finding a member in its class costs more than comparing it (see moves).
_QUEUED, _IN_QUEUE, _USE, _NO_CACHE = NodeState.QUEUED, Phase.QUEUED, CacheMode.USE, CacheMode.NONE


def settle(turn: Turn, most: int | None = None) -> None:
    """Work off every node that became ready, or some of them: the others wait for the next step."""
    ready = turn.world.ready
    settled = 0
    while ready and (most is None or settled < most):
        settled += 1
        instance, no = ready.popleft()
        if instance.states[no] is not _QUEUED or instance.executions[no] is not None:
            continue
        if instance.waiting[no]:  # while it waited for its step, content of a predecessor was found to be gone
            instance.recomputing |= {no}
            continue
        _begin(turn, instance, no)


def _begin(turn: Turn, instance: Instance, no: int) -> None:
    world, run = turn.world, instance.run
    node = run.plan.nodes[no]
    if node.gathers and (lacking := [each for each in node.gathers if each not in run.gathered]):
        gathering.wait_for(turn, instance, no, lacking)
        return
    restored = world.restored.pop((run.no, instance.index, no), None) if world.restored else None
    inputs = node.constant or received(
        node.bindings, run.sweep, instance.coordinates, instance.results.__getitem__, run.pins, run.gathered
    )
    assert inputs is not None, "a ready node's predecessors have results"
    if inputs.missing:
        _await_digests(world, run, instance, no, inputs.missing)
        return
    seed = _seed(instance, node) if node.operator.unstable else None
    key = None if node.keys is None or run.cache is _NO_CACHE else key_of(node.keys, inputs, seed)
    sequence = _readied(instance, node) if node.predecessors else instance.sequence
    if restored is not None:
        _fill(restored, inputs, key, seed)
        _take_up(turn, restored, instance, no, Place(sequence, instance.index, no))
        return
    node_class = class_of(world, instance, node) if instance.demands else node.node_class
    joinable = None
    if key is not None and run.cache is _USE:
        known = world.recent.get(key)
        if known is not None:
            world.hits += 1
            endings.node_succeeded(turn, instance, no, known, cached=True, sequence=sequence)
            return
        joinable = (key, node_class.id, node.retries)
        shared = world.joinable.get(joinable)
        if shared is not None:
            if not shared.subscribers:  # of the daemon before: nobody told it its inputs yet
                _fill(shared, inputs, key, seed)
            _join(world, shared, instance, no, Place(sequence, instance.index, no))
            return
    place = Place(sequence, instance.index, no)
    number, owner = world.numbers.next_execution(), (run.no, instance.index, no)
    execution = Execution(number, node, node_class, owner, place, run.owner)
    execution.nice = run.nice
    _fill(execution, inputs, key, seed)
    execution.subscribers[instance, no] = None
    instance.executions[no] = execution
    world.executions[execution.id] = execution
    if joinable is not None:
        execution.joinable = joinable
        world.joinable[joinable] = execution
        world.lookups.append(execution)
    else:
        enqueue(turn, execution)


def _take_up(turn: Turn, restored: Execution, instance: Instance, no: int, place: Place) -> None:
    """Continue a node by the execution that it had before a restart."""
    restored.nice = restored.nice and instance.run.nice
    _subscribe(restored, instance, no, place)
    restored.subscribers = {(instance, no): None} | restored.subscribers  # who runs by it stands first
    if restored.agent is None:
        enqueue(turn, restored)
    elif restored.has_grant:
        move_node(instance, no, NodeState.RUNNING)


def _readied(instance: Instance, node: NodePlan) -> int:
    """Return when a node became ready, in the order of decisions: when its last predecessor ended, or its run's roots
    became ready.
    """
    sequence = instance.sequence
    for predecessor in node.predecessors:
        ended = instance.ends[predecessor]
        if ended > sequence:
            sequence = ended
    return sequence


def resolve(turn: Turn, found: Mapping[bytes, Result]) -> None:
    """Apply the answers for `World.lookups`: hits succeed, the others are queued."""
    world = turn.world
    wanted, world.lookups = world.lookups, []
    for execution in wanted:
        if not execution.subscribers:
            forget_execution(world, execution)
            continue
        result = found.get(execution.key) if execution.key is not None else None
        if result is None or not is_whole(world, result):
            world.misses += 1
            enqueue(turn, execution)
            continue
        forget_execution(world, execution)
        if execution.key is not None:
            world.recent.keep(execution.key, result)
        for instance, no in execution.subscribers:
            world.hits += 1
            instance.executions[no] = None
            sequence = _readied(instance, instance.run.plan.nodes[no])
            endings.node_succeeded(turn, instance, no, result, cached=True, sequence=sequence)


def enqueue(turn: Turn, execution: Execution) -> None:
    """Put an execution into the queue, or let it wait for its back-off to end."""
    world = turn.world
    if execution.not_before is not None and execution.not_before > turn.now.mono:
        move_execution(world, execution, Phase.BACKING_OFF)
        return
    execution.not_before = execution.not_before_ms = None
    execution.avoid = who_lacks(world, execution) if execution.contents or execution.refused else NOBODY
    move_execution(world, execution, _IN_QUEUE)
    execution.queued_mono = turn.now.mono


def who_lacks(world: World, execution: Execution) -> frozenset[SessionNo]:
    """Return the sessions of connected agents that lack an input of an execution, or couldn't execute it."""
    lacking = execution.first[0].run.lacking
    said = [execution.refused, *(lacking[text] for text in execution.contents if text in lacking)]
    return frozenset(session for sessions in said for session in sessions if session in world.sessions) or NOBODY


def _join(world: World, execution: Execution, instance: Instance, no: int, place: Place) -> None:
    earlier = place < execution.place
    _subscribe(execution, instance, no, place)
    if earlier and execution.phase is _IN_QUEUE:
        world.queue.move_up(execution)
    if execution.agent is None and (execution.payer is not instance.run.owner or execution.nice):
        payers.choose(world, execution)


def _subscribe(execution: Execution, instance: Instance, no: int, place: Place) -> None:
    execution.subscribers[instance, no] = None
    instance.executions[no] = execution
    if place < execution.place:
        execution.place = place


def _fill(execution: Execution, inputs: Inputs, key: bytes | None, seed: int | None) -> None:
    execution.key = key
    execution.store = key is not None
    execution.inputs = inputs.wire
    execution.key_inputs = inputs.key_inputs
    execution.seed = seed
    execution.contents = inputs.contents
    execution.blobs = inputs.blobs


def _seed(instance: Instance, node: NodePlan) -> int:
    """Return the seed of an unstable node; its child's is computed once."""
    if instance.seed is None:
        run = instance.run
        instance.seed = run.seed if instance.own else run.sweep.seed_of(instance.index, run.seed)
    return node_seed(instance.seed, node.name)


def _await_digests(world: World, run: Run, instance: Instance, no: int, texts: Iterable[str]) -> None:
    for text in texts:
        digesting = run.digesting.get(text)
        if digesting is None:
            digesting = run.digesting[text] = Digesting()
            world.undigested.add(run)
        digesting.waiting.append((instance, no))
